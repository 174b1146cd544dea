//! An attempt in three steps: begin in one short transaction, carry with none open, conclude in another.

use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::json;

use super::model::{AttemptOutcome, Delivery, DeliveryId, HeldReason, object_path, wait_after};
use super::source::StoredFile;
use super::store;
use crate::connectors::{DeliveryError, Item, Receipt, VerifiedBy};
use crate::features::Services;
use crate::features::endpoints::{self, Destination, EndpointError};
use crate::features::events::{self, EventType};
use crate::features::media;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::jobs::{JobError, Lease, Poison, roll};

/// One attempt that has begun.
struct Work {
    delivery: Delivery,
    destination: Destination,
    started_at: Timestamp,
}

/// What an attempt that succeeded leaves.
struct Arrived {
    receipt: Receipt,
    verified_by: VerifiedBy,
}

/// Makes one attempt. A failure that may pass becomes a later attempt of the same job.
pub(super) async fn attempt(services: &Arc<Services>, lease: &Lease, id: DeliveryId) -> Result<(), JobError> {
    let Some(work) = begin(services, lease, id).await? else { return Ok(()) };
    let outcome = carry(services, &work).await;
    conclude(services, lease, work, outcome).await
}

async fn begin(
    services: &Arc<Services>,
    lease: &Lease,
    id: DeliveryId,
) -> Result<Option<Work>, EndpointError> {
    let (shared, lease) = (Arc::clone(services), lease.clone());
    let work = services.db.write(move |tx| {
        async move {
            let now = shared.clock.now();
            if !lease.holds(tx).await? || !store::begin(tx, id, now).await? {
                return Ok(None);
            }
            let Some(delivery) = store::find(tx, id).await? else { return Ok(None) };
            let destination = endpoints::destination(tx, &shared.vault, delivery.endpoint_id).await?;
            Ok(destination.map(|destination| Work { delivery, destination, started_at: now }))
        }
        .boxed()
    });
    work.await
}

async fn carry(services: &Services, work: &Work) -> Result<Arrived, DeliveryError> {
    let item = item(services, &work.delivery);
    let (connector, configuration) = (work.destination.connector, &work.destination.configuration);
    let receipt = connector.put(configuration, &services.ground, &item).await?;
    note_verifying(services, work.delivery.id).await;
    let verified_by = connector.verify(configuration, &services.ground, &item, &receipt).await?;
    Ok(Arrived { receipt, verified_by })
}

fn item(services: &Services, delivery: &Delivery) -> Item {
    let media = delivery.media_id;
    Item {
        delivery: delivery.id.uuid(),
        path: object_path(media, &delivery.file_name, &delivery.extension, delivery.media_created_at),
        mime_type: delivery.mime_type.clone(),
        size: u64::try_from(delivery.size).unwrap_or_default(),
        sha256: delivery.sha256.clone(),
        source: Arc::new(StoredFile::new(services.blobs.clone(), media.uuid())),
    }
}

/// Only for people who watch: when it cannot be written, the delivery goes on.
async fn note_verifying(services: &Services, id: DeliveryId) {
    let now = services.clock.now();
    let noted: DbResult<()> =
        services.db.write(move |tx| async move { store::save_verifying(tx, id, now).await }.boxed()).await;
    if let Err(error) = noted {
        tracing::warn!(%error, delivery = %id, "could not note that a delivery is being verified");
    }
}

async fn conclude(
    services: &Arc<Services>,
    lease: &Lease,
    work: Work,
    outcome: Result<Arrived, DeliveryError>,
) -> Result<(), JobError> {
    let (lease, now) = (lease.clone(), services.clock.now());
    let again = services.db.write(move |tx| {
        async move {
            if !lease.holds(tx).await? {
                // Another worker has taken over; what this one knows is worth nothing any more.
                return Ok(None);
            }
            match outcome {
                Ok(arrived) => {
                    save_arrived(tx, &work, &arrived, now).await?;
                    lease.finish(tx).await?;
                    Ok(None)
                }
                Err(error) => save_failed(tx, &work, error, now).await,
            }
        }
        .boxed()
    });
    let again: DbResult<Option<JobError>> = again.await;
    again?.map_or(Ok(()), Err)
}

async fn save_arrived(tx: &mut Tx, work: &Work, arrived: &Arrived, now: Timestamp) -> DbResult<()> {
    let delivery = &work.delivery;
    let words = format!("Verified by {}", verified_words(arrived.verified_by));
    let attempt =
        store::attempt(delivery.attempts, AttemptOutcome::Delivered, Some(&words), work.started_at, now);
    store::insert_attempt(tx, delivery.id, &attempt).await?;
    store::save_delivered(tx, delivery.id, &arrived.receipt.location.to_string(), now).await?;
    endpoints::note_outcome(tx, delivery.endpoint_id, now, Ok(())).await?;
    let data = json!({
        "delivery_id": delivery.id,
        "media_id": delivery.media_id,
        "endpoint_id": delivery.endpoint_id,
        "location": arrived.receipt.location,
        "verified_by": arrived.verified_by,
        "attempts": delivery.attempts,
    });
    events::record(tx, EventType::MediaStored, delivery.id.uuid(), 1, &data, now).await?;
    Ok(())
}

/// Says in words for an admin what a verification rests on.
fn verified_words(by: VerifiedBy) -> &'static str {
    match by {
        VerifiedBy::ReadBack => "reading it back and hashing it",
        VerifiedBy::Sha256 => "the destination's SHA-256",
        VerifiedBy::Md5 => "the destination's MD5",
        VerifiedBy::Acknowledged => "the checksum that the destination acknowledged",
    }
}

/// Writes a failed attempt down and says whether and when the job comes again.
async fn save_failed(
    tx: &mut Tx,
    work: &Work,
    error: DeliveryError,
    now: Timestamp,
) -> DbResult<Option<JobError>> {
    let delivery = &work.delivery;
    let (outcome, held) = match &error {
        DeliveryError::Transient { .. } => (AttemptOutcome::Transient, None),
        DeliveryError::Endpoint { .. } => (AttemptOutcome::Endpoint, None),
        DeliveryError::Item { reason, .. } => (AttemptOutcome::Item, Some(HeldReason::from(*reason))),
    };
    let attempt = store::attempt(delivery.attempts, outcome, Some(error.message()), work.started_at, now);
    store::insert_attempt(tx, delivery.id, &attempt).await?;
    if error == DeliveryError::damaged() {
        media::mark_damaged(tx, delivery.media_id).await?;
    }
    let Some(reason) = held else {
        let wait = wait_after(&error, delivery.attempts, roll());
        store::save_retrying(tx, delivery.id, error.message(), now.plus(wait), now).await?;
        endpoints::note_outcome(tx, delivery.endpoint_id, now, Err(error.message())).await?;
        return Ok(Some(JobError::retry(wait, error.class())));
    };
    hold(tx, delivery, reason, error.message(), now).await?;
    Ok(Some(JobError::GiveUp(anyhow::anyhow!("held: {reason}"))))
}

async fn hold(
    tx: &mut Tx,
    delivery: &Delivery,
    reason: HeldReason,
    message: &str,
    now: Timestamp,
) -> DbResult<()> {
    if store::save_held(tx, delivery.id, reason, message, now).await? {
        let data =
            json!({ "delivery_id": delivery.id, "media_id": delivery.media_id, "held_reason": reason });
        let version = u64::try_from(delivery.attempts).unwrap_or_default();
        events::record(tx, EventType::DeliveryHeld, delivery.id.uuid(), version, &data, now).await?;
    }
    Ok(())
}

/// Shows a job that broke its workers as a delivery that needs a person. Safe to call twice.
pub(super) async fn hold_as_poison(
    services: &Arc<Services>,
    id: DeliveryId,
    poison: Poison,
) -> anyhow::Result<()> {
    let now = services.clock.now();
    let held: DbResult<()> = services
        .db
        .write(move |tx| {
            async move {
                let Some(delivery) = store::find(tx, id).await? else { return Ok(()) };
                let message = format!("Delivering this file broke the program three times: {}", poison.why);
                hold(tx, &delivery, HeldReason::Poison, &message, now).await
            }
            .boxed()
        })
        .await;
    Ok(held?)
}
