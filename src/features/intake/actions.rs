//! Taking a file that was handed in.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use futures_util::FutureExt;

use super::model::Upload;
use super::pipeline::{Acceptance, Row, draft, receive, record, settle};
use crate::features::Services;
use crate::features::conversations::Conversation;
use crate::features::deliveries::{self, DeliveryBrief};
use crate::features::media::{self, Media, MediaId, MediaView};
use crate::platform::db::{Db, DbError, DbResult};
use crate::platform::idempotency::Fingerprint;
use crate::platform::web::{Actor, Answer, Failure, Once};

/// How long the database is asked about a commit whose outcome is unknown.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(10);
/// The pause between two such questions.
const UNKNOWN_PAUSE: Duration = Duration::from_millis(250);

/// Who hands something in, for which conversation, and the request's place under its idempotency key.
#[derive(Debug, Clone)]
pub struct Handing {
    /// Who it is.
    pub actor: Actor,
    /// What the file belongs to.
    pub conversation: Conversation,
    /// Lets the work be done once.
    pub once: Once,
}

/// Makes an upload durable and plans its deliveries. Once this has begun it runs to its end, even when the caller goes
/// away: the file is then whole or absent.
#[expect(
    clippy::disallowed_methods,
    reason = "requests wait for it, and a shutdown in between leaves the file whole or absent"
)]
pub async fn accept(services: Arc<Services>, handing: Handing, upload: Upload) -> Result<Answer, Failure> {
    let task = tokio::spawn(async move { keep(&services, handing, upload).await });
    task.await.map_err(|broken| Failure::Bug(broken.into()))?
}

async fn keep(services: &Services, handing: Handing, upload: Upload) -> Result<Answer, Failure> {
    let Handing { actor, conversation, once } = handing;
    let Upload { incoming, declared, details } = upload;
    let received = receive(incoming, &details.expected).await?;
    let print = details.print(conversation.id, declared.as_deref(), &received.sha256);
    if let Some(former) = once.former(&print)? {
        return Ok(former);
    }
    let now = services.clock.now();
    let draft = draft(&conversation, details, declared.as_deref(), now);
    let media = settle(draft, received).await?;
    let acceptance = Acceptance { actor, conversation, media, row: Row::New, now };
    write(services, acceptance, (once, print)).await
}

/// Writes the rows for bytes that are in their place, and with them what is answered.
async fn write(
    services: &Services,
    acceptance: Acceptance,
    (once, print): (Once, Fingerprint),
) -> Result<Answer, Failure> {
    let media = acceptance.media.clone();
    let written = services.db.write(move |tx| {
        async move {
            let answer = created(&acceptance.media, &record(tx, &acceptance).await?)?;
            once.settle(tx, &print, &answer).await?;
            Ok(answer)
        }
        .boxed()
    });
    match written.await {
        Ok(answer) => Ok(answer),
        Err(DbError::Unknown(error)) => {
            tracing::warn!(media = %media.id, %error, "asking whether a file was recorded");
            let deliveries = find_out(&services.db, media.id).await.ok_or(Failure::Unavailable)?;
            Ok(created(&media, &deliveries)?)
        }
        Err(error) => {
            clean_up(services, media.id, &error).await;
            Err(error.into())
        }
    }
}

fn created(media: &Media, deliveries: &[DeliveryBrief]) -> DbResult<Answer> {
    Answer::json(StatusCode::CREATED, &MediaView::new(media, deliveries))
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
