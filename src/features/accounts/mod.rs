//! People: who they are, how they get in, and what they may do.
//!
//! Passwords are hashed slowly, one-time links are stored as hashes, a wrong password costs the same time whether or not
//! the account exists, and every sign-in, refused or not, leaves an audit row.

pub mod actions;
pub mod api;
mod doorkeeper;
mod model;
pub mod operations;
pub mod pages;
mod passwords;
mod store;
mod tokens;

pub use doorkeeper::{person_of_session, person_of_token};
pub use model::{AccountError, NewPerson, User, UserId, UserState};
pub use passwords::Passwords;

use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::keys::KeyId;
use crate::platform::web::Code;

/// The words of refusals.
pub const CODES: &[Code] = &[model::EMAIL_TAKEN];

/// Counts the people who can sign in or were invited.
pub async fn count(tx: &mut Tx) -> DbResult<i64> {
    store::count(tx).await
}

/// As many as are told about something at once; more administrators than anybody has.
const MOST_TOLD: i64 = 100;

/// Gives the addresses of the administrators who can sign in, for notices.
pub async fn admins(tx: &mut Tx) -> DbResult<Vec<String>> {
    store::admins(tx, MOST_TOLD).await
}

/// Remembers when a personal token was used, unless it has been used since.
pub async fn save_token_use(tx: &mut Tx, id: &KeyId, at: Timestamp) -> DbResult<()> {
    store::save_token_use(tx, id, at).await
}
