//! Accepting a file: whole and durable, or not at all.
//!
//! The answer 201 leaves only after the bytes are fsynced under their final name and one transaction has written the
//! media, one delivery for each endpoint of its list, the event and the audit row. Whatever goes wrong before that leaves
//! nothing but, at worst, a blob without a row, which nobody can see and a job sweeps.

mod accept;
pub mod api;
mod body;
mod model;
mod multipart;

pub use model::{MetaFields, NewMedia};
