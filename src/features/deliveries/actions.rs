//! What is done with deliveries: planning them, and making one attempt.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::conclude::{Arrived, conclude, hold};
use super::jobs::Deliver;
use super::leaving;
use super::model::{Delivery, DeliveryBrief, DeliveryId, DeliveryState, HeldReason, object_path};
use super::source::StoredFile;
use super::store;
use crate::connectors::{About, DeliveryError, Item, Notes};
use crate::features::Services;
use crate::features::conversations::{self, Reach};
use crate::features::endpoints::{self, Destination, EndpointError, EndpointId, EndpointState};
use crate::features::media::{self, Media, MediaId, MediaState};
use crate::features::use_cases;
use crate::formats::names;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::jobs::{JobError, Lease, Poison, queue};

/// Lanes of paused endpoints are not served; this is for the one that was claimed in the very moment.
const PAUSED_WAIT: Duration = Duration::from_secs(30);

/// Plans one delivery of a media to each endpoint, in the transaction that accepts the media.
pub async fn plan(
    tx: &mut Tx,
    media: MediaId,
    endpoints: &[EndpointId],
    now: Timestamp,
) -> DbResult<Vec<DeliveryBrief>> {
    let mut planned = Vec::with_capacity(endpoints.len());
    for &endpoint in endpoints {
        let brief =
            DeliveryBrief { id: DeliveryId::fresh(), endpoint_id: endpoint, state: DeliveryState::Queued };
        let job = queue::enqueue(tx, &Deliver::of(&brief), now).await?;
        store::insert(tx, &brief, media, job, now).await?;
        planned.push(brief);
    }
    Ok(planned)
}

/// An attempt that has begun.
pub(super) struct Ongoing {
    pub(super) delivery: Delivery,
    pub(super) media: Media,
    /// What to connect to, or why that is not known.
    destination: Result<Destination, DeliveryError>,
    pub(super) number: i64,
    pub(super) started_at: Timestamp,
    pub(super) file: StoredFile,
    /// What the connector had stored before an earlier attempt, as JSON text.
    reservation: Option<String>,
    about: About,
    pub(super) notes: Notes,
}

/// What becomes of a job before bytes travel.
enum Begun {
    Go(Box<Ongoing>),
    /// It is done, called off, or waits for a person.
    Nothing,
    Later(Duration, &'static str),
}

/// Makes one attempt: a short transaction to begin, the transfer without one, and a short one to conclude.
pub(super) async fn attempt(services: &Arc<Services>, lease: &Lease, id: DeliveryId) -> Result<(), JobError> {
    let (ground, held) = (Arc::clone(services), lease.clone());
    let begun = services.db.write(move |tx| async move { begin(tx, &ground, &held, id).await }.boxed());
    match begun.await? {
        Begun::Nothing => Ok(()),
        Begun::Later(wait, why) => Err(JobError::retry(wait, why)),
        Begun::Go(ongoing) => {
            let outcome = transfer(services, lease, &ongoing).await;
            conclude(services, lease, *ongoing, outcome).await
        }
    }
}

async fn begin(tx: &mut Tx, services: &Services, lease: &Lease, id: DeliveryId) -> DbResult<Begun> {
    if !lease.holds(tx).await? {
        return Ok(Begun::Nothing);
    }
    let now = services.clock.now();
    let Some(delivery) = store::find(tx, id).await? else { return Ok(Begun::Nothing) };
    if delivery.job_id.is_some_and(|job| job != lease.job()) {
        // somebody sent it on its way again; that job does it
        return Ok(Begun::Nothing);
    }
    match (delivery.state, delivery.next_attempt_at) {
        (DeliveryState::Delivered | DeliveryState::Held | DeliveryState::Cancelled, _) => {
            return Ok(Begun::Nothing);
        }
        (DeliveryState::Retrying, Some(at)) if at > now => {
            return Ok(Begun::Later(at.since(now), "it is not yet time for the next attempt"));
        }
        _ => {}
    }
    let media = media::find(tx, delivery.media_id, Reach::All).await?;
    let Some(media) = media.filter(|media| !media.is_damaged) else {
        let error = DeliveryError::damaged();
        return give_up(tx, &delivery, error.message(), now).await;
    };
    debug_assert!(
        !matches!(media.state, MediaState::Fetching | MediaState::Failed),
        "a delivery is planned when its bytes are here"
    );
    if let Some(plan) = leaving::plan_of(tx, delivery.endpoint_id).await? {
        leaving::settle(tx, &delivery, &plan, now).await?;
        return Ok(Begun::Nothing);
    }
    let destination = match endpoints::destination(tx, &services.vault, delivery.endpoint_id).await {
        Ok(None) => return give_up(tx, &delivery, "The endpoint was deleted", now).await,
        Ok(Some(paused)) if paused.state == EndpointState::Paused => {
            return Ok(Begun::Later(PAUSED_WAIT, "the endpoint is paused"));
        }
        Ok(Some(destination)) => Ok(destination),
        Err(EndpointError::Db(error)) => return Err(error),
        Err(error) => Err(unusable(delivery.endpoint_id, &error)),
    };
    store::begin(tx, id, now).await?;
    let reservation = store::reservation(tx, id).await?;
    let (about, notes) = (about(tx, services, &media).await?, store::notes(tx, id).await?);
    let (number, file) = (delivery.attempts + 1, StoredFile::new(services.blobs.clone(), &media));
    Ok(Begun::Go(Box::new(Ongoing {
        delivery,
        media,
        destination,
        number,
        started_at: now,
        file,
        reservation,
        about,
        notes: Notes::kept(notes),
    })))
}

/// Says what a file is to people.
async fn about(tx: &mut Tx, services: &Services, media: &Media) -> DbResult<About> {
    let conversation = conversations::find(tx, media.conversation_id, Reach::All).await?;
    let use_case = match conversation.as_ref().and_then(|conversation| conversation.use_case_id) {
        Some(id) => use_cases::find(tx, id).await?,
        None => None,
    };
    let (external_id, agent) = conversation.map(|known| (known.external_id, known.agent)).unwrap_or_default();
    Ok(About {
        file_name: names::safe(&media.file_name, media.kind.as_str(), &media.extension),
        kind: media.kind.to_string(),
        use_case: use_case.map(|use_case| use_case.name).unwrap_or_default(),
        conversation: external_id.unwrap_or_default(),
        agent: agent.unwrap_or_default(),
        taken_at: Some(media.captured_at.unwrap_or(media.created_at)),
        link: services.link(&format!("/library/{}", media.id)),
    })
}

async fn give_up(tx: &mut Tx, delivery: &Delivery, why: &str, now: Timestamp) -> DbResult<Begun> {
    hold(tx, delivery.id, (HeldReason::Rejected, why), now).await?;
    Ok(Begun::Nothing)
}

fn unusable(endpoint: EndpointId, error: &EndpointError) -> DeliveryError {
    tracing::error!(%endpoint, %error, "an endpoint cannot be used");
    DeliveryError::endpoint(
        "The stored settings of this endpoint cannot be opened. Open it and save it again",
    )
}

/// Sends and verifies. Whatever a destination says, a file that is damaged here counts as that.
async fn transfer(
    services: &Arc<Services>,
    lease: &Lease,
    ongoing: &Ongoing,
) -> Result<Arrived, DeliveryError> {
    let sent = send(services, lease, ongoing).await;
    if ongoing.file.is_damaged() { Err(DeliveryError::damaged()) } else { sent }
}

async fn send(services: &Arc<Services>, lease: &Lease, ongoing: &Ongoing) -> Result<Arrived, DeliveryError> {
    let destination = ongoing.destination.as_ref().map_err(Clone::clone)?;
    ongoing.file.check_size().await?;
    let mut item = Item {
        delivery: ongoing.delivery.id.uuid(),
        path: object_path(&ongoing.media),
        mime_type: ongoing.media.mime_type.clone(),
        size: ongoing.media.bytes(),
        sha256: ongoing.media.sha256.clone(),
        source: Arc::new(ongoing.file.clone()),
        // what cannot be read is reserved anew
        reservation: ongoing.reservation.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        about: ongoing.about.clone(),
        notes: ongoing.notes.clone(),
    };
    let (connector, configuration) = (destination.connector, &destination.configuration);
    if let Some(reserved) = connector.reserve(configuration, &services.ground, &item).await? {
        keep_reservation(services, lease, ongoing.delivery.id, reserved.to_string()).await?;
        item.reservation = Some(reserved);
    }
    let receipt = connector.put(configuration, &services.ground, &item).await?;
    show_verifying(services, lease, ongoing.delivery.id).await;
    let verified_by = connector.verify(configuration, &services.ground, &item, &receipt).await?;
    Ok(Arrived { receipt, verified_by })
}

/// Stores what a connector reserved, before anything is sent: an attempt that dies on the way leaves it to the next one.
async fn keep_reservation(
    services: &Arc<Services>,
    lease: &Lease,
    id: DeliveryId,
    reservation: String,
) -> Result<(), DeliveryError> {
    let lease = lease.clone();
    let kept = services.db.write(move |tx| {
        async move {
            let holds = lease.holds(tx).await?;
            if holds {
                store::save_reservation(tx, id, &reservation).await?;
            }
            Ok::<_, DbError>(holds)
        }
        .boxed()
    });
    match kept.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(DeliveryError::transient("Another worker has taken this delivery over")),
        Err(error) => {
            tracing::warn!(delivery = %id, %error, "could not store what was reserved for a delivery");
            Err(DeliveryError::transient(
                "The database could not be written before sending; it is tried again",
            ))
        }
    }
}

/// Only a word on the screen: when the database does not take it, the delivery goes on all the same.
async fn show_verifying(services: &Arc<Services>, lease: &Lease, id: DeliveryId) {
    let (lease, now) = (lease.clone(), services.clock.now());
    let shown = services.db.write(move |tx| {
        async move {
            if lease.holds(tx).await? {
                store::save_verifying(tx, id, now).await?;
            }
            Ok::<_, DbError>(())
        }
        .boxed()
    });
    if let Err(error) = shown.await {
        tracing::warn!(delivery = %id, %error, "could not show that a delivery is being verified");
    }
}

/// Shows that working on a delivery broke the program again and again.
pub(super) async fn poisoned(services: &Arc<Services>, id: DeliveryId, poison: Poison) -> DbResult<()> {
    let now = services.clock.now();
    services
        .db
        .write(move |tx| {
            async move {
                let Some(delivery) = store::find(tx, id).await? else { return Ok(()) };
                if matches!(
                    delivery.state,
                    DeliveryState::Delivered | DeliveryState::Held | DeliveryState::Cancelled
                ) {
                    return Ok(());
                }
                let why =
                    format!("Working on this file broke the program, so it was put aside: {}", poison.why);
                hold(tx, id, (HeldReason::Poison, &why), now).await
            }
            .boxed()
        })
        .await
}
