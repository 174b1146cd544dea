//! Testing, remembering and telling.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::jobs::Examine;
use super::model::{self, Checkup, Finding, Notice, Occasion};
use super::{store, telling};
use crate::connectors::{Outcome, Report, Step, StepState};
use crate::features::endpoints::{self, EndpointError, EndpointId, EndpointState, EndpointSummary};
use crate::features::{Services, deliveries};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::jobs::{JobError, Lease, queue};
use crate::platform::web::Actor;

/// The hours of the night, UTC, in which everything is tested once.
const NIGHT: std::ops::Range<i64> = 1..5;
/// A test in the night before counts for this one.
const SINCE_LAST_NIGHT: Duration = Duration::from_hours(12);
/// Whoever stops the program every night is not left without.
const AT_LEAST: Duration = Duration::from_hours(36);
/// A failure that has lasted for so long is told; shorter ones mend themselves.
const LASTED: Duration = Duration::from_mins(1);

/// Keeps what a test of a stored endpoint showed. When it passed, what waits for the endpoint is tried at once; when a
/// round found it broken, it counts as failing until it works again.
pub async fn note(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: EndpointId,
    (occasion, outcome): (Occasion, Outcome),
    steps: &[Step],
) -> DbResult<()> {
    endpoints::actions::note_test(tx, actor, now, id, (outcome, steps)).await?;
    remember(tx, now, id, (occasion, outcome), steps).await?;
    match (outcome, occasion) {
        (Outcome::Passed | Outcome::Warnings, _) => deliveries::steering::hurry(tx, id, false, now).await,
        (Outcome::Failed, Occasion::Round) => {
            endpoints::actions::note_broken(tx, id, Finding::of(steps).message, now).await
        }
        (Outcome::Failed, Occasion::Person) => Ok(()),
    }
}

/// Keeps a test of a stored endpoint, or of one that is stored with it.
pub async fn remember(
    tx: &mut Tx,
    now: Timestamp,
    id: EndpointId,
    how: (Occasion, Outcome),
    steps: &[Step],
) -> DbResult<()> {
    store::insert(tx, id, how, &Finding::of(steps), now).await?;
    // only who got through to the end has seen everything that may end
    if steps.iter().any(|step| step.state == StepState::Failed) {
        return store::save_tested(tx, id, now).await;
    }
    store::save(tx, id, model::endings(steps), now).await
}

/// Queues a test of each endpoint that is due.
pub(super) async fn go_round(services: &Arc<Services>, lease: &Lease) -> Result<(), JobError> {
    let (lease, now) = (lease.clone(), services.clock.now());
    let hour = now.millis().div_euclid(60 * 60 * 1000).rem_euclid(24);
    let since = now.minus(if NIGHT.contains(&hour) { SINCE_LAST_NIGHT } else { AT_LEAST });
    let queueing = services.db.write(move |tx| {
        async move {
            if !lease.holds(tx).await? {
                return Ok(());
            }
            for endpoint in store::due(tx, since).await? {
                queue::enqueue_once(tx, &Examine { endpoint }, &format!("doctor.examine|{endpoint}"), now)
                    .await?;
            }
            Ok::<_, DbError>(())
        }
        .boxed()
    });
    Ok(queueing.await?)
}

/// Tests an endpoint as it is stored, and keeps what that showed.
pub(super) async fn examine(services: &Arc<Services>, lease: &Lease, id: EndpointId) -> Result<(), JobError> {
    let ground = Arc::clone(services);
    let opening = services
        .db
        .read(move |tx| async move { endpoints::destination(tx, &ground.vault, id).await }.boxed());
    let destination = match opening.await {
        Ok(Some(destination)) if destination.state == EndpointState::Active => destination,
        Ok(_) => return Ok(()),
        Err(EndpointError::Db(error)) => return Err(error.into()),
        Err(error) => {
            // deliveries say so as well, each time
            tracing::error!(endpoint = %id, %error, "an endpoint cannot be tested");
            return Ok(());
        }
    };
    let mut report = Report::new();
    destination.connector.check(&destination.configuration, &services.ground, &mut report).await;
    let (outcome, steps) = (report.outcome(), report.steps().to_vec());

    let (lease, now) = (lease.clone(), services.clock.now());
    let noting = services.db.write(move |tx| {
        async move {
            let is_there =
                endpoints::find(tx, id).await?.is_some_and(|found| found.revision == destination.revision);
            // one that was changed or removed meanwhile is another one
            if is_there && lease.holds(tx).await? {
                let doctor = Actor::system("doctor");
                note(tx, &doctor, now, id, (Occasion::Round, outcome), &steps).await?;
            }
            Ok::<_, DbError>(())
        }
        .boxed()
    });
    Ok(noting.await?)
}

/// Looks what people have to be told by now, and queues it.
pub(super) async fn watch(services: &Arc<Services>, lease: &Lease) -> Result<(), JobError> {
    let (lease, now) = (lease.clone(), services.clock.now());
    let telling = services.db.write(move |tx| {
        async move {
            if !lease.holds(tx).await? {
                return Ok(());
            }
            let endpoints = endpoints::list(tx).await?;
            for mut checkup in store::all(tx).await? {
                let summary = endpoints.iter().find(|endpoint| endpoint.id == checkup.endpoint_id);
                let Some(notice) = summary.and_then(|summary| news(&mut checkup, summary, now)) else {
                    continue;
                };
                store::save_told(tx, &checkup).await?;
                telling::queue(tx, checkup.endpoint_id, &notice, now).await?;
            }
            Ok::<_, DbError>(())
        }
        .boxed()
    });
    Ok(telling.await?)
}

/// Gives what is new about an endpoint, and remembers in the checkup that it was told.
fn news(checkup: &mut Checkup, endpoint: &EndpointSummary, now: Timestamp) -> Option<Notice> {
    match (endpoint.failing_since, checkup.told_broken_at) {
        (Some(since), None) if now.since(since) >= LASTED => {
            checkup.told_broken_at = Some(now);
            return Some(Notice::Broken(endpoint.last_error.clone().unwrap_or_default()));
        }
        (None, Some(_)) => {
            checkup.told_broken_at = None;
            return Some(Notice::Recovered);
        }
        _ => {}
    }
    let warning = model::warning(checkup.ends()?, now)?;
    if checkup.told_days.is_some_and(|told| told <= warning.days) {
        return None;
    }
    checkup.told_days = Some(warning.days);
    Some(Notice::Ending(warning))
}
