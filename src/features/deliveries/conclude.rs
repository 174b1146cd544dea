//! The end of an attempt, written down in one transaction.

use std::sync::Arc;

use futures_util::FutureExt;

use super::actions::Ongoing;
use super::model::{Attempt, AttemptOutcome, DeliveryId, DeliveryState, HeldReason, wait_after};
use super::{facts, leaving, store};
use crate::connectors::{DeliveryError, EndpointProblem, Receipt, VerifiedBy};
use crate::features::endpoints::PausedReason;
use crate::features::{Services, endpoints, media};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::jobs::{JobError, Lease, roll};
use crate::platform::web::Actor;

/// As much of a sentence as lists and attempts keep.
const ERROR_CHARS: usize = 500;

/// What an attempt that succeeded leaves.
pub(super) struct Arrived {
    pub(super) receipt: Receipt,
    pub(super) verified_by: VerifiedBy,
}

/// Writes down how an attempt ended, unless another worker has taken over; a failure that may pass asks the queue to
/// come again.
pub(super) async fn conclude(
    services: &Arc<Services>,
    lease: &Lease,
    ongoing: Ongoing,
    outcome: Result<Arrived, DeliveryError>,
) -> Result<(), JobError> {
    let now = services.clock.now();
    let wait = outcome.as_ref().err().and_then(|error| wait_after(error, ongoing.number, roll()));
    let why = outcome.as_ref().err().map(DeliveryError::class);
    let lease = lease.clone();
    let concluded = services.db.write(move |tx| {
        async move {
            if !lease.holds(tx).await? {
                return Ok(false);
            }
            insert_attempt(tx, &ongoing, &outcome, now).await?;
            let comes_again = match &outcome {
                Ok(arrived) => delivered(tx, &ongoing, arrived, now).await.map(|()| false)?,
                Err(_) if was_taken_away(tx, ongoing.delivery.id, &lease).await? => false,
                Err(error) => {
                    failed(tx, &ongoing, error, wait.map(|wait| now.plus(wait)), now).await?;
                    wait.is_some()
                }
            };
            if !comes_again {
                lease.finish(tx).await?;
            }
            Ok::<_, DbError>(comes_again)
        }
        .boxed()
    });
    match (concluded.await?, wait) {
        (true, Some(wait)) => Err(JobError::retry(wait, why.unwrap_or_default())),
        _ => Ok(()),
    }
}

/// Tells whether somebody has called the delivery off meanwhile, or has given it another job: then this one does not come
/// again for it.
async fn was_taken_away(tx: &mut Tx, id: DeliveryId, lease: &Lease) -> DbResult<bool> {
    let delivery = store::find(tx, id).await?;
    Ok(delivery.is_some_and(|delivery| {
        delivery.state == DeliveryState::Cancelled || delivery.job_id.is_some_and(|job| job != lease.job())
    }))
}

async fn insert_attempt(
    tx: &mut Tx,
    ongoing: &Ongoing,
    outcome: &Result<Arrived, DeliveryError>,
    now: Timestamp,
) -> DbResult<()> {
    let (outcome, message) = match outcome {
        Ok(arrived) => (AttemptOutcome::Delivered, format!("Verified by {}", words(arrived.verified_by))),
        Err(error) => (error.into(), short(error.message())),
    };
    let attempt = Attempt {
        number: ongoing.number,
        outcome,
        message: Some(message),
        started_at: ongoing.started_at,
        ended_at: now,
    };
    store::insert_attempt(tx, ongoing.delivery.id, &attempt).await
}

/// Says in words for an admin what a verification rests on.
fn words(verified_by: VerifiedBy) -> &'static str {
    match verified_by {
        VerifiedBy::ReadBack => "reading it back and hashing it",
        VerifiedBy::Sha256 => "the destination's SHA-256",
        VerifiedBy::Md5 => "the destination's MD5",
        VerifiedBy::Length => "its length at the destination",
        VerifiedBy::Acknowledged => "the destination's word that it has it",
    }
}

async fn delivered(tx: &mut Tx, ongoing: &Ongoing, arrived: &Arrived, now: Timestamp) -> DbResult<()> {
    let id = ongoing.delivery.id;
    let endpoint = ongoing.delivery.endpoint_id;
    store::save_delivered(tx, id, &arrived.receipt.location.to_string(), now).await?;
    endpoints::note_outcome(tx, endpoint, now, Ok(ongoing.media.size)).await?;
    facts::stored(tx, id, arrived.verified_by, now).await?;
    leaving::leave_if_through(tx, endpoint, now).await
}

async fn failed(
    tx: &mut Tx,
    ongoing: &Ongoing,
    error: &DeliveryError,
    next: Option<Timestamp>,
    now: Timestamp,
) -> DbResult<()> {
    let (id, message) = (ongoing.delivery.id, short(error.message()));
    if ongoing.file.is_damaged() {
        media::mark_damaged(tx, ongoing.media.id).await?;
    }
    if let Some(notes) = ongoing.notes.written() {
        store::save_notes(tx, id, &notes.to_string()).await?;
    }
    match (error, next) {
        (DeliveryError::Item { reason, .. }, _) => hold(tx, id, ((*reason).into(), &message), now).await,
        (_, Some(next)) => {
            // What could not be read here says nothing about the endpoint.
            if !ongoing.file.was_unreadable() {
                endpoints::note_outcome(tx, ongoing.delivery.endpoint_id, now, Err(&message)).await?;
            }
            if let DeliveryError::Endpoint { reason: EndpointProblem::Identity, .. } = error {
                let (actor, id) = (Actor::system("deliveries"), ongoing.delivery.endpoint_id);
                endpoints::actions::pause(tx, &actor, now, id, PausedReason::Identity).await?;
            }
            store::save_retrying(tx, id, &message, (next, now)).await
        }
        (_, None) => Err(DbError::Broken(anyhow::anyhow!("a failure that may pass has no next attempt"))),
    }
}

/// Leaves a delivery to a person and tells the others.
pub(super) async fn hold(
    tx: &mut Tx,
    id: DeliveryId,
    (reason, why): (HeldReason, &str),
    now: Timestamp,
) -> DbResult<()> {
    store::save_held(tx, id, (reason, &short(why)), now).await?;
    facts::held(tx, id, now).await
}

fn short(text: &str) -> String {
    text.chars().take(ERROR_CHARS).collect()
}
