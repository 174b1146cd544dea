//! What must reach which endpoint, how far it is, and every attempt.
//!
//! For each media and each endpoint of its list there is exactly one delivery, created in the transaction that accepts
//! the media; it ends delivered, or in a state that a person can see and act on. Delivered means that the destination's
//! copy was verified. No transaction is open while bytes travel, and a worker that lost its lease concludes nothing.

mod actions;
pub mod api;
pub mod jobs;
mod model;
pub mod pages;
mod source;
mod store;

use crate::features::endpoints::EndpointId;
use crate::features::media::MediaId;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::jobs::queue;

pub use model::{DeliveryBrief, DeliveryId, DeliveryState, HeldReason};

/// Orders a media to be delivered to these endpoints, in the transaction that accepts it.
pub async fn plan(
    tx: &mut Tx,
    media: MediaId,
    endpoints: &[EndpointId],
    now: Timestamp,
) -> DbResult<Vec<DeliveryBrief>> {
    let mut planned = Vec::with_capacity(endpoints.len());
    for &endpoint in endpoints {
        let delivery =
            DeliveryBrief { id: DeliveryId::fresh(), endpoint_id: endpoint, state: DeliveryState::Queued };
        store::insert(tx, &delivery, media, now).await?;
        queue::enqueue(tx, &jobs::Deliver::new(delivery.id, endpoint), now).await?;
        planned.push(delivery);
    }
    Ok(planned)
}

/// Lists the deliveries of a media in short.
pub async fn briefs_of(tx: &mut Tx, media: MediaId) -> DbResult<Vec<DeliveryBrief>> {
    store::briefs_of(tx, media).await
}

/// Counts the deliveries that need a person.
pub async fn count_held(tx: &mut Tx) -> DbResult<i64> {
    store::count_held(tx).await
}

/// Counts what still has to reach an endpoint.
pub async fn count_waiting(tx: &mut Tx, endpoint: EndpointId) -> DbResult<i64> {
    store::count_waiting(tx, endpoint).await
}
