//! What people do with deliveries: sending them on their way again, and calling them off.

use actix_web::http::StatusCode;

use super::jobs::{Deliver, Hurry};
use super::leaving;
use super::model::{Delivery, DeliveryBrief, DeliveryId, DeliveryState};
use super::store;
use crate::features::audit::{self, Act};
use crate::features::endpoints::{self, EndpointId};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::jobs::{JobId, queue};
use crate::platform::web::pagination::EARLIEST;
use crate::platform::web::{Actor, Code, Failure};

/// Nothing can be done any more.
pub(super) const OVER: Code =
    Code::new(StatusCode::CONFLICT, "delivery_over", "the delivery has ended, or its endpoint was removed");

/// Why a delivery could not be steered.
#[derive(Debug, thiserror::Error)]
pub enum SteeringError {
    /// It has ended in a way that this does not change.
    #[error("{0}")]
    Over(&'static str),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<SteeringError> for Failure {
    fn from(error: SteeringError) -> Self {
        match error {
            SteeringError::Over(why) => Self::refused(&OVER, why),
            SteeringError::Db(error) => error.into(),
        }
    }
}

/// Lets a delivery be tried now: one that waits for its next attempt, one that needs a person, one that was called off.
/// One that is under way or in the queue stays as it is.
pub async fn retry(tx: &mut Tx, actor: &Actor, now: Timestamp, id: DeliveryId) -> Result<(), SteeringError> {
    let delivery = store::find(tx, id).await?.ok_or(DbError::NotFound)?;
    match delivery.state {
        DeliveryState::Queued | DeliveryState::Sending | DeliveryState::Verifying => return Ok(()),
        DeliveryState::Delivered => return Err(SteeringError::Over("This file is delivered")),
        DeliveryState::Retrying | DeliveryState::Held | DeliveryState::Cancelled => {}
    }
    if endpoints::find(tx, delivery.endpoint_id).await?.is_none() {
        return Err(SteeringError::Over(
            "The endpoint of this delivery was removed. Send the media to another endpoint",
        ));
    }
    requeue(tx, &delivery, now).await?;
    let act = Act::on("delivery.retried", "delivery", id).with("from", delivery.state.as_str());
    Ok(audit::record(tx, actor, now, act).await?)
}

/// Puts a delivery in the queue for now, with one job and no other.
pub(super) async fn requeue(tx: &mut Tx, delivery: &Delivery, now: Timestamp) -> DbResult<()> {
    let job = match delivery.job_id {
        Some(job) if revive(tx, delivery.state, job, now).await? => job,
        _ => {
            let brief = DeliveryBrief {
                id: delivery.id,
                endpoint_id: delivery.endpoint_id,
                state: DeliveryState::Queued,
            };
            queue::enqueue(tx, &Deliver::of(&brief), now).await?
        }
    };
    store::save_queued(tx, delivery.id, job, now).await
}

/// Lets the job that a delivery still has run now; false when it has none.
async fn revive(tx: &mut Tx, state: DeliveryState, job: JobId, now: Timestamp) -> DbResult<bool> {
    match state {
        DeliveryState::Retrying => queue::hurry(tx, job, now).await,
        DeliveryState::Held => queue::redrive(tx, job, now).await,
        _ => Ok(false),
    }
}

/// Calls a delivery off. Bytes that are under way may still arrive; then it counts as delivered.
pub async fn cancel(tx: &mut Tx, actor: &Actor, now: Timestamp, id: DeliveryId) -> Result<(), SteeringError> {
    let delivery = store::find(tx, id).await?.ok_or(DbError::NotFound)?;
    match delivery.state {
        DeliveryState::Cancelled => return Ok(()),
        DeliveryState::Delivered => return Err(SteeringError::Over("This file is delivered")),
        _ => {}
    }
    call_off(tx, &delivery, None, now).await?;
    let act = Act::on("delivery.cancelled", "delivery", id).with("from", delivery.state.as_str());
    audit::record(tx, actor, now, act).await?;
    Ok(leaving::leave_if_through(tx, delivery.endpoint_id, now).await?)
}

/// Ends a delivery that is not to be made, and its job.
pub(super) async fn call_off(
    tx: &mut Tx,
    delivery: &Delivery,
    why: Option<&str>,
    now: Timestamp,
) -> DbResult<()> {
    store::save_cancelled(tx, delivery.id, why, now).await?;
    match delivery.job_id {
        Some(job) => queue::discard(tx, job).await,
        None => Ok(()),
    }
}

/// Lets everything that waits for an endpoint be tried now, as it was changed, tested or resumed; with `held` also what
/// needs a person, because a person says so.
pub async fn hurry(tx: &mut Tx, endpoint: EndpointId, held: bool, now: Timestamp) -> DbResult<()> {
    let mut waits = !store::in_state(tx, (endpoint, DeliveryState::Retrying), EARLIEST, 1).await?.is_empty();
    if held && !waits {
        waits = !store::in_state(tx, (endpoint, DeliveryState::Held), EARLIEST, 1).await?.is_empty();
    }
    if !waits {
        return Ok(());
    }
    let job = Hurry { endpoint, held };
    queue::enqueue_once(tx, &job, &format!("deliveries.hurry|{endpoint}|{held}"), now).await.map(drop)
}
