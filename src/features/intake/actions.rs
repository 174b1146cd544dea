//! Taking a file that was handed in.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::model::{IntakeError, Upload};
use super::pipeline::{Acceptance, Row, draft, record, settle};
use crate::features::Services;
use crate::features::conversations::Conversation;
use crate::features::deliveries::{self, DeliveryBrief};
use crate::features::media::{self, Media, MediaId};
use crate::platform::db::{Db, DbError};
use crate::platform::web::Actor;

/// How long the database is asked about a commit whose outcome is unknown.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(10);
/// The pause between two such questions.
const UNKNOWN_PAUSE: Duration = Duration::from_millis(250);

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
    let (now, expected) = (services.clock.now(), details.expected.clone());
    let draft = draft(&conversation, details, declared.as_deref(), now);
    let media = settle(draft, incoming, &expected).await?;
    write(services, Acceptance { actor, conversation, media, row: Row::New, now }).await
}

/// Writes the rows for bytes that are in their place.
async fn write(services: &Services, acceptance: Acceptance) -> Result<Accepted, IntakeError> {
    let media = acceptance.media.clone();
    let written = services.db.write(move |tx| async move { record(tx, &acceptance).await }.boxed()).await;
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
