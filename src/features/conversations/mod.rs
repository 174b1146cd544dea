//! Customer contacts: what the media of one call or chat hang on.
//!
//! A conversation belongs to the app that opened it, and nobody outside that app can tell whether it exists. Opening one
//! under an `external_id` that the app has used before gives the known conversation, unchanged. Ending is final and may
//! be said twice. Media that arrive after the end are still taken.

mod actions;
pub mod api;
mod model;
pub mod operations;
mod store;

pub use actions::{Opened, end, open, reach};
pub use model::{Conversation, ConversationId, ConversationState, NewConversation, Reach};
pub use store::find;
