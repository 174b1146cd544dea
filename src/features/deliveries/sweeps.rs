//! Work over all deliveries of an endpoint, in batches: each a short transaction, so that nobody waits for a long one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::model::{Delivery, DeliveryState};
use super::{leaving, steering, store};
use crate::features::Services;
use crate::features::endpoints::EndpointId;
use crate::platform::db::{DbError, DbResult};
use crate::platform::jobs::{JobError, Lease};
use crate::platform::web::pagination::EARLIEST;

/// How many deliveries of one state one transaction changes.
const BATCH: i64 = 200;
/// How long to leave what is under way before looking again whether it has ended.
const UNDER_WAY: Duration = Duration::from_secs(5);

/// Lets what waits for an endpoint be tried now.
pub(super) async fn hurry(
    services: &Arc<Services>,
    lease: &Lease,
    endpoint: EndpointId,
    held: bool,
) -> Result<(), JobError> {
    let states = [Some(DeliveryState::Retrying), held.then_some(DeliveryState::Held)];
    for state in states.into_iter().flatten() {
        let mut behind = EARLIEST.to_owned();
        while let Some(last) = hurry_some(services, lease, (endpoint, state), behind).await? {
            behind = last;
        }
    }
    Ok(())
}

/// Goes on behind an identifier; gives the last one, or nothing when there was none.
async fn hurry_some(
    services: &Arc<Services>,
    lease: &Lease,
    which: (EndpointId, DeliveryState),
    behind: String,
) -> DbResult<Option<String>> {
    let (lease, now) = (lease.clone(), services.clock.now());
    let changing = services.db.write(move |tx| {
        async move {
            if !lease.holds(tx).await? {
                return Ok::<_, DbError>(None);
            }
            let some = store::in_state(tx, which, &behind, BATCH).await?;
            for delivery in &some {
                steering::requeue(tx, delivery, now).await?;
            }
            Ok(some.last().map(|delivery| delivery.id.to_string()))
        }
        .boxed()
    });
    changing.await
}

/// Does with what is open of an endpoint that has gone what was decided; comes again for what is under way.
pub(super) async fn settle(
    services: &Arc<Services>,
    lease: &Lease,
    endpoint: EndpointId,
) -> Result<(), JobError> {
    while settle_some(services, lease, endpoint).await? {}
    let open =
        services.db.read(move |tx| async move { store::is_any_open(tx, endpoint).await }.boxed()).await?;
    if open {
        return Err(JobError::retry(UNDER_WAY, "some deliveries are under way"));
    }
    Ok(())
}

/// Settles a batch; false when there was none.
async fn settle_some(services: &Arc<Services>, lease: &Lease, endpoint: EndpointId) -> DbResult<bool> {
    let (lease, now) = (lease.clone(), services.clock.now());
    let settling = services.db.write(move |tx| {
        async move {
            if !lease.holds(tx).await? {
                return Ok::<_, DbError>(false);
            }
            let Some(plan) = leaving::plan_of(tx, endpoint).await? else { return Ok(false) };
            let mut some: Vec<Delivery> = Vec::new();
            for state in [DeliveryState::Queued, DeliveryState::Retrying, DeliveryState::Held] {
                some.extend(store::in_state(tx, (endpoint, state), EARLIEST, BATCH).await?);
            }
            for delivery in &some {
                leaving::settle(tx, delivery, &plan, now).await?;
            }
            Ok(!some.is_empty())
        }
        .boxed()
    });
    settling.await
}
