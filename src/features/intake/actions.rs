//! The one transaction of "accepted".

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::model::{IntakeError, Upload, harmless};
use crate::features::conversations::Conversation;
use crate::features::deliveries::{self, DeliveryBrief};
use crate::features::events::EventType;
use crate::features::media::{self, Media, MediaId, MediaState};
use crate::features::{Services, audit, events, use_cases};
use crate::formats::kinds::Kind;
use crate::formats::sniff::{Sniffed, sniff};
use crate::platform::blobs::Received;
use crate::platform::clock::Timestamp;
use crate::platform::db::{Db, DbError, DbResult, Tx};
use crate::platform::web::Actor;

/// The one version of the fact that a media was received.
const RECEIVED: u64 = 0;
/// How long the database is asked about a commit whose outcome is unknown.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(10);
/// The pause between two such questions.
const UNKNOWN_PAUSE: Duration = Duration::from_millis(250);
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// A file that is durable.
#[derive(Debug)]
pub struct Accepted {
    /// What is known about it.
    pub media: Media,
    /// Where it goes.
    pub deliveries: Vec<DeliveryBrief>,
}

/// Makes an upload durable and plans its deliveries. Once this has begun it runs to its end, even when the caller goes
/// away: the file is then whole or absent.
#[expect(
    clippy::disallowed_methods,
    reason = "requests wait for it, and a shutdown in between leaves the file whole or absent"
)]
pub async fn accept(
    services: Arc<Services>,
    actor: Actor,
    conversation: Conversation,
    upload: Upload,
) -> Result<Accepted, IntakeError> {
    let task = tokio::spawn(async move { keep(&services, actor, conversation, upload).await });
    task.await.map_err(|broken| IntakeError::Broken(broken.into()))?
}

async fn keep(
    services: &Services,
    actor: Actor,
    conversation: Conversation,
    upload: Upload,
) -> Result<Accepted, IntakeError> {
    let Upload { incoming, declared, details } = upload;
    let received = incoming.finish().await?;
    details.expected.check(&received)?;
    let sniffed = sniff(&received.head);
    if details.kind == Kind::Picture && !sniffed.is_image() {
        return Err(IntakeError::NotAPicture);
    }
    let now = services.clock.now();
    let place = details.place;
    let media = Media {
        id: MediaId::fresh(),
        app_id: conversation.app_id,
        conversation_id: conversation.id,
        kind: details.kind,
        file_name: named(details.file_name, details.kind, sniffed),
        mime_type: type_of(sniffed, declared.as_deref()),
        extension: sniffed.extension.to_owned(),
        size: size_of(&received)?,
        sha256: received.sha256.clone(),
        state: MediaState::Stored,
        captured_at: details.captured_at,
        latitude: place.map(|(latitude, _)| latitude),
        longitude: place.map(|(_, longitude)| longitude),
        origin: details.origin,
        note: details.note,
        is_damaged: false,
        created_at: now,
        expires_at: None,
        deleted_at: None,
    };
    received.keep(media.id.uuid()).await?;
    write(services, actor, conversation, media, now).await
}

fn named(file_name: String, kind: Kind, sniffed: Sniffed) -> String {
    if file_name.is_empty() { format!("{kind}.{}", sniffed.extension) } else { file_name }
}

fn type_of(sniffed: Sniffed, declared: Option<&str>) -> String {
    if sniffed.mime != UNKNOWN_TYPE {
        return sniffed.mime.to_owned();
    }
    declared.and_then(harmless).unwrap_or_else(|| UNKNOWN_TYPE.to_owned())
}

fn size_of(received: &Received) -> Result<i64, IntakeError> {
    i64::try_from(received.size).map_err(|error| IntakeError::Broken(error.into()))
}

/// Writes the rows for bytes that are in their place.
async fn write(
    services: &Services,
    actor: Actor,
    conversation: Conversation,
    media: Media,
    now: Timestamp,
) -> Result<Accepted, IntakeError> {
    let row = media.clone();
    let written = services
        .db
        .write(move |tx| async move { record(tx, &actor, &conversation, &row, now).await }.boxed())
        .await;
    match written {
        Ok(deliveries) => Ok(Accepted { media, deliveries }),
        Err(DbError::Unknown(error)) => {
            tracing::warn!(media = %media.id, %error, "asking whether a file was recorded");
            let deliveries = find_out(&services.db, media.id).await.ok_or(IntakeError::Undecided)?;
            Ok(Accepted { media, deliveries })
        }
        Err(error) => {
            clean_up(services, media.id, &error).await;
            Err(error.into())
        }
    }
}

async fn record(
    tx: &mut Tx,
    actor: &Actor,
    conversation: &Conversation,
    media: &Media,
    now: Timestamp,
) -> DbResult<Vec<DeliveryBrief>> {
    media::insert(tx, media).await?;
    let endpoints = match conversation.use_case_id {
        Some(use_case) => use_cases::endpoints_for(tx, use_case, media.kind.list()).await?,
        None => Vec::new(),
    };
    let planned = deliveries::plan(tx, media.id, &endpoints, now).await?;
    let data = deliveries::context(tx, media).await?;
    events::record(tx, EventType::MediaReceived, media.id.uuid(), RECEIVED, &data, now).await?;
    let act = audit::Act::on("media.received", "media", media.id)
        .with("conversation", conversation.id.to_string())
        .with("kind", media.kind.as_str())
        .with("size", media.size)
        .with("sha256", media.sha256.as_str());
    audit::record(tx, actor, now, act).await?;
    Ok(planned)
}

/// Asks whether a media was recorded, until it was or time is up. The bytes stay in any case: a commit that was still on
/// its way must find them, and without a row the sweep takes them.
async fn find_out(db: &Db, id: MediaId) -> Option<Vec<DeliveryBrief>> {
    let asking = async {
        loop {
            let found = db.read(move |tx| {
                async move {
                    if !media::exists(tx, id).await? {
                        return Ok(None);
                    }
                    deliveries::briefs(tx, id).await.map(Some)
                }
                .boxed()
            });
            match found.await {
                Ok(Some(deliveries)) => return deliveries,
                Ok(None) => {}
                Err::<_, DbError>(error) => tracing::debug!(%error, "the database does not answer yet"),
            }
            tokio::time::sleep(UNKNOWN_PAUSE).await;
        }
    };
    tokio::time::timeout(UNKNOWN_LIMIT, asking).await.ok()
}

/// Removes bytes whose rows were surely not written.
async fn clean_up(services: &Services, id: MediaId, error: &DbError) {
    let is_absent = if matches!(error, DbError::Busy) {
        true
    } else {
        let found = services.db.read(move |tx| async move { media::exists(tx, id).await }.boxed());
        matches!(found.await, Ok(false))
    };
    if is_absent && let Err(error) = services.blobs.remove(id.uuid()).await {
        tracing::warn!(media = %id, %error, "bytes without a row stay until the sweep");
    }
}
