//! From received bytes to an accepted media: fsync, final name, one transaction.

use std::time::Duration;

use actix_web::web::Data;
use futures_util::FutureExt;

use super::body::store_failure;
use super::model::{NewMedia, kept_type};
use crate::features::audit::{self, Act};
use crate::features::conversations::Conversation;
use crate::features::deliveries::{self, DeliveryBrief};
use crate::features::events::{self, EventType};
use crate::features::media::{self, Media, MediaId, MediaState};
use crate::features::{Services, use_cases};
use crate::formats::sniff::{Sniffed, sniff};
use crate::platform::blobs::{Incoming, Received};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::web::{Actor, Failure};

/// How long we ask whether a commit of unknown outcome happened, and how often.
const ASK_FOR: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_millis(250);

/// A media that is durable, with the deliveries that were planned for it.
pub(super) struct Accepted {
    pub(super) media: Media,
    pub(super) deliveries: Vec<DeliveryBrief>,
}

/// What is to be accepted.
pub(super) struct Order {
    pub(super) actor: Actor,
    pub(super) conversation: Conversation,
    pub(super) new: NewMedia,
    pub(super) declared_type: Option<String>,
    pub(super) incoming: Incoming,
}

/// Accepts what was received. The last steps run in a task of their own: a client that goes away in the middle finds the
/// file either whole or absent.
#[expect(
    clippy::disallowed_methods,
    reason = "short; shutdown waits for the request that waits for it, and bounds it"
)]
pub(super) async fn accept(services: Data<Services>, order: Order) -> Result<Accepted, Failure> {
    let task = tokio::spawn(finish(services.into_inner(), order));
    task.await.map_err(|error| Failure::Bug(error.into()))?
}

async fn finish(services: std::sync::Arc<Services>, order: Order) -> Result<Accepted, Failure> {
    let received = order.incoming.finish().await.map_err(store_failure)?;
    let content = sniff(&received.head);
    order.new.fits(&content).map_err(Failure::Invalid)?;
    let now = services.clock.now();
    let declared = order.declared_type.as_deref();
    let media = row(&order.conversation, order.new, &received, &content, declared, now);
    let id = media.id;
    received.keep(id.uuid()).await.map_err(store_failure)?;
    let (conversation, actor, stored) = (order.conversation, order.actor, media.clone());
    let written: DbResult<Vec<DeliveryBrief>> = services
        .db
        .write(move |tx| async move { write(tx, &actor, &conversation, &stored, now).await }.boxed())
        .await;
    match written {
        Ok(deliveries) => Ok(Accepted { media, deliveries }),
        Err(DbError::Unknown(cause)) => resolve(&services, media, cause).await,
        Err(error) => {
            // Nothing refers to the blob; what cannot be removed now is swept later.
            if let Err(left) = services.blobs.remove(id.uuid()).await {
                tracing::warn!(%left, media = %id, "a refused file stays until the sweep");
            }
            Err(error.into())
        }
    }
}

fn row(
    conversation: &Conversation,
    new: NewMedia,
    received: &Received,
    content: &Sniffed,
    declared: Option<&str>,
    now: Timestamp,
) -> Media {
    let id = MediaId::fresh();
    let file_name =
        if new.file_name.is_empty() { format!("media-{id}.{}", content.extension) } else { new.file_name };
    Media {
        id,
        app_id: conversation.app_id,
        conversation_id: conversation.id,
        kind: new.kind,
        file_name,
        mime_type: kept_type(content, declared),
        extension: content.extension.to_owned(),
        size: i64::try_from(received.size).unwrap_or(i64::MAX),
        sha256: received.sha256.clone(),
        state: MediaState::Stored,
        captured_at: new.captured_at,
        latitude: new.latitude,
        longitude: new.longitude,
        origin: new.origin,
        note: new.note,
        is_damaged: false,
        created_at: now,
        expires_at: None,
        deleted_at: None,
    }
}

/// The one transaction of "accepted".
async fn write(
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
    let data = serde_json::json!({
        "media_id": media.id,
        "conversation_id": media.conversation_id,
        "kind": media.kind,
        "size": media.size,
        "sha256": media.sha256,
    });
    events::record(tx, EventType::MediaReceived, media.id.uuid(), 1, &data, now).await?;
    let act = Act::on("media.accepted", "media", media.id)
        .with("kind", media.kind.as_str())
        .with("size", media.size)
        .with("deliveries", planned.len());
    audit::record(tx, actor, now, act).await?;
    Ok(planned)
}

/// The connection broke while committing. The row itself is the answer; until somebody can say, the client has to ask
/// again, and the blob stays for whichever it was.
async fn resolve(services: &Services, media: Media, cause: sqlx::Error) -> Result<Accepted, Failure> {
    tracing::warn!(%cause, media = %media.id, "the outcome of a commit is unknown; asking");
    let id = media.id;
    let asking = async {
        loop {
            let found: DbResult<Option<Vec<DeliveryBrief>>> = services
                .db
                .read(move |tx| {
                    async move {
                        if !media::exists(tx, id).await? {
                            return Ok(None);
                        }
                        deliveries::briefs_of(tx, id).await.map(Some)
                    }
                    .boxed()
                })
                .await;
            if let Ok(found) = found {
                return found;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    match tokio::time::timeout(ASK_FOR, asking).await {
        Ok(Some(deliveries)) => Ok(Accepted { media, deliveries }),
        Ok(None) | Err(_) => Err(Failure::Unavailable),
    }
}
