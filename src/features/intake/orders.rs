//! Taking the order to fetch a file.

use std::sync::Arc;

use actix_web::http::StatusCode;
use futures_util::FutureExt;

use super::actions::Handing;
use super::jobs;
use super::model::{IntakeError, Order};
use super::pipeline::draft;
use super::store::{self, Fetch};
use crate::features::deliveries::DeliveryBrief;
use crate::features::media::{self, Media, MediaId, MediaView};
use crate::features::{Services, audit};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::jobs::queue;
use crate::platform::web::{Actor, Answer, Failure};

/// An order as it is written down.
struct Placed {
    actor: Actor,
    media: Media,
    fetch: Fetch,
    host: String,
    now: Timestamp,
}

/// What is not here yet goes nowhere.
const NO_DELIVERIES: &[DeliveryBrief] = &[];

/// Writes an order down: when this returns, the file will be fetched, or its media will say why not.
pub async fn order(services: Arc<Services>, handing: Handing, order: Order) -> Result<Answer, Failure> {
    let Handing { actor, conversation, once } = handing;
    let Order { address, declared, details } = order;
    let print = details.print(conversation.id, declared.as_deref(), address.url.expose());
    if let Some(former) = once.former(&print)? {
        return Ok(former);
    }
    let (now, expected) = (services.clock.now(), details.expected.clone());
    let media = draft(&conversation, details, declared.as_deref(), now);
    let sealed = services.vault.seal(&url_place(media.id), &address.url);
    let expected_size = expected.size.map(i64::try_from).transpose();
    let fetch = Fetch {
        media_id: media.id,
        sealed_url: sealed.map_err(|error| IntakeError::Broken(error.into()))?,
        declared_type: declared,
        expected_size: expected_size.map_err(|error| IntakeError::Broken(error.into()))?,
        expected_sha256: expected.sha256,
        attempts: 0,
    };
    let placed = Placed { actor, media, fetch, host: address.host, now };
    let written = services.db.write(move |tx| {
        async move {
            record(tx, &placed).await?;
            let answer = Answer::json(StatusCode::ACCEPTED, &MediaView::new(&placed.media, NO_DELIVERIES))?;
            once.settle(tx, &print, &answer).await?;
            DbResult::Ok(answer)
        }
        .boxed()
    });
    Ok(written.await?)
}

async fn record(tx: &mut Tx, placed: &Placed) -> DbResult<()> {
    let Placed { actor, media, fetch, host, now } = placed;
    media::insert(tx, media).await?;
    store::insert(tx, fetch, *now).await?;
    queue::enqueue(tx, &jobs::Fetch::of(media.id, host), *now).await?;
    let act = audit::Act::on("media.ordered", "media", media.id)
        .with("conversation", media.conversation_id.to_string())
        .with("kind", media.kind.as_str())
        .with("host", host.as_str());
    audit::record(tx, actor, *now, act).await
}

/// Says for which place an address is sealed, so that a record moved to another media cannot be opened there.
pub(super) fn url_place(media: MediaId) -> String {
    format!("fetches|{media}|sealed_url")
}
