//! Accepting a file, by whichever door it comes.
//!
//! What was answered with 201 is durable: the bytes were synced under their final name before one transaction wrote the
//! media, a delivery for each endpoint of the use case, the event and the audit row. Everything that can be refused is
//! refused before the body is read. A body that is cut off, stands still or grows too large leaves nothing behind, and a
//! client that goes away in the last moment finds its file whole or not at all.

mod actions;
pub mod api;
mod body;
mod model;
mod multipart;

pub use actions::{Accepted, accept};
pub use model::{Details, IntakeError, Upload};

use crate::platform::web::Code;

/// The words of refusals.
pub const CODES: &[Code] = &[model::NO_ROOM];
