//! Accepting a file, by whichever door it comes.
//!
//! What was answered with 201 is durable: the bytes were synced under their final name before one transaction wrote the
//! media, a delivery for each endpoint of the use case, the event and the audit row. Everything that can be refused is
//! refused before the body is read. A body that is cut off, stands still or grows too large leaves nothing behind, and a
//! client that goes away in the last moment finds its file whole or not at all.
//!
//! What was answered with 202 is an order: a job fetches the file from its address, through the same pipeline, until it
//! is here or the media says why it never will be. The address may carry a signature, so it is sealed, shown nowhere,
//! and gone as soon as the fetch is over.

mod actions;
mod address;
mod answer;
pub mod api;
mod body;
mod decoder;
mod door;
mod fetch;
pub mod jobs;
mod json;
mod model;
mod multipart;
pub mod operations;
mod orders;
mod pipeline;
mod scanner;
mod setback;
mod store;

pub use actions::{Handing, accept};
pub use address::Address;
pub use model::{Details, Expected, IntakeError, Order, Upload};
pub use orders::order;

use crate::platform::db::{DbResult, Tx};
use crate::platform::web::Code;

/// The words of refusals.
pub const CODES: &[Code] = &[json::BAD_BASE64, model::MISMATCH, model::NO_ROOM];

/// Lists the sealed addresses of files that are on their way, to see at the start whether they can be opened.
pub async fn list_sealed(tx: &mut Tx) -> DbResult<Vec<Vec<u8>>> {
    store::list_sealed(tx).await
}
