//! The stored file: what is known about it, and its bytes on the way out.
//!
//! A row is `stored` only when its bytes are durable; one that was ordered from an address waits as `fetching`. Bytes that something found damaged are never served again. A person
//! sees nothing before the view is on record; downloads by machines are counted and written down within a second.
//! Whether bytes may be shown in place, and as what, is the formats' knowledge.

pub mod api;
mod content;
mod downloads;
pub mod jobs;
mod model;
pub mod operations;
pub mod pages;
mod range;
mod store;

pub use downloads::Downloads;
pub use model::{FailedReason, Media, MediaId, MediaState, MediaView, Sha256};
pub use store::{exists, find, insert, mark_damaged, save_failed, save_fetched};

use crate::platform::web::Code;

/// The words of refusals.
pub const CODES: &[Code] = &[api::DAMAGED, api::NOT_HERE_YET];
