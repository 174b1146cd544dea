//! What must reach which endpoint, and how far it is.
//!
//! Every media has one delivery for each endpoint of its use case, planned in the transaction that accepted it. A
//! delivery is done only when the destination has been verified to have the very bytes. Failures that may pass are tried
//! again for as long as it takes, ones that concern one file wait for a person, and nothing is ever dropped. While bytes
//! travel no transaction is open, and only the holder of the job's lease may write down the end.

mod actions;
pub mod api;
mod conclude;
mod facts;
pub mod jobs;
pub mod leaving;
mod log;
mod model;
pub mod operations;
pub mod pages;
mod source;
pub mod steering;
mod store;
mod sweeps;

pub use actions::plan;
pub use facts::context;
pub use model::{Attempt, AttemptOutcome, Delivery, DeliveryBrief, DeliveryId, DeliveryState, HeldReason};

use std::collections::HashMap;

use crate::features::endpoints::EndpointId;
use crate::features::media::MediaId;
use crate::platform::db::{DbResult, Tx};
use crate::platform::web::Code;

/// The words of refusals.
pub const CODES: &[Code] = &[leaving::IN_USE, leaving::UNDELIVERED, steering::OVER];

/// Counts for people end here, so that the dashboard stays quick whatever waits; it says "or more" then.
pub const MOST_COUNTED: i64 = 10_000;

/// Gives the deliveries of a media as they are shown with it.
pub async fn briefs(tx: &mut Tx, media: MediaId) -> DbResult<Vec<DeliveryBrief>> {
    store::briefs(tx, media).await
}

/// Gives the deliveries of each of these media, read at once; a media without any is missing.
pub async fn briefs_of(tx: &mut Tx, media: &[MediaId]) -> DbResult<HashMap<MediaId, Vec<DeliveryBrief>>> {
    store::briefs_of(tx, media).await
}

/// Counts the deliveries that need a person.
pub async fn count_held(tx: &mut Tx) -> DbResult<i64> {
    store::count_held(tx).await
}

/// Counts what has neither reached an endpoint nor been called off.
pub async fn count_open(tx: &mut Tx, endpoint: EndpointId) -> DbResult<i64> {
    store::count_open(tx, endpoint).await
}

/// Counts what still has to reach any endpoint, up to [`MOST_COUNTED`].
pub async fn count_waiting_anywhere(tx: &mut Tx) -> DbResult<i64> {
    store::count_waiting_anywhere(tx, MOST_COUNTED).await
}

/// Counts what still has to reach an endpoint.
pub async fn count_waiting(tx: &mut Tx, endpoint: EndpointId) -> DbResult<i64> {
    store::count_waiting(tx, endpoint).await
}
