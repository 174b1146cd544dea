//! What others are told about a delivery.

use serde_json::{Value, json};

use super::model::{Delivery, DeliveryId};
use super::store;
use crate::connectors::VerifiedBy;
use crate::features::conversations::{self, Reach};
use crate::features::endpoints;
use crate::features::events::{self, EventType};
use crate::features::media::{self, Media, MediaView};
use crate::features::use_cases;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};

/// A delivery succeeds once under its identifier; whatever repeats it announces the same fact.
const STORED: u64 = 0;

/// Announces that a media is verified at its endpoint.
pub(super) async fn stored(
    tx: &mut Tx,
    id: DeliveryId,
    verified_by: VerifiedBy,
    now: Timestamp,
) -> DbResult<()> {
    let (delivery, mut data) = story(tx, id).await?;
    data["location"] = delivery.location().unwrap_or_default();
    data["verified_by"] = json!(verified_by);
    data["archive"] = json!("none");
    data["attempts"] = json!(delivery.attempts);
    events::record(tx, EventType::MediaStored, id.uuid(), STORED, &data, now).await.map(drop)
}

/// Announces that a delivery needs a person. It can happen again after somebody has sent it on its way again.
pub(super) async fn held(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> DbResult<()> {
    let (delivery, mut data) = story(tx, id).await?;
    data["delivery"] = json!({
        "id": delivery.id,
        "state": delivery.state,
        "held_reason": delivery.held_reason,
        "attempts": delivery.attempts,
        "last_error": delivery.last_error,
    });
    let version = u64::try_from(delivery.attempts).unwrap_or_default();
    events::record(tx, EventType::DeliveryHeld, id.uuid(), version, &data, now).await.map(drop)
}

/// Gives a delivery as it stands in this transaction, and what every event about it says.
async fn story(tx: &mut Tx, id: DeliveryId) -> DbResult<(Delivery, Value)> {
    let delivery = store::find(tx, id).await?.ok_or(DbError::NotFound)?;
    let media = media::find(tx, delivery.media_id, Reach::All).await?;
    let mut data = match &media {
        Some(media) => context(tx, media).await?,
        None => json!({ "media": { "id": delivery.media_id } }),
    };
    data["endpoint"] = match endpoints::find(tx, delivery.endpoint_id).await? {
        Some(endpoint) => json!({
            "id": delivery.endpoint_id,
            "name": endpoint.summary.name,
            "type": endpoint.summary.type_key,
        }),
        None => json!({ "id": delivery.endpoint_id }),
    };
    // Whoever sends it out puts the public address of the portal before it.
    data["url"] = json!(format!("/deliveries/{id}"));
    Ok((delivery, data))
}

/// Gives what every event about a media says: the media, its conversation and its use case.
pub async fn context(tx: &mut Tx, media: &Media) -> DbResult<Value> {
    let deliveries = store::briefs(tx, media.id).await?;
    let conversation = conversations::find(tx, media.conversation_id, Reach::All).await?;
    let use_case = match conversation.as_ref().and_then(|known| known.use_case_id) {
        Some(id) => use_cases::find(tx, id).await?,
        None => None,
    };
    Ok(json!({
        "media": MediaView::new(media, &deliveries),
        "conversation": conversation.map(|known| known.reference()),
        "use_case": use_case.map(|known| json!({ "id": known.id, "name": known.name })),
    }))
}
