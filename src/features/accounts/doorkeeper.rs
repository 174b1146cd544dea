//! Finding the person behind a session or a personal token, while they may act.

use uuid::Uuid;

use super::actions::as_person;
use super::model::{UserId, UserState};
use super::store;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::keys::Key;
use crate::platform::web::Person;

/// Finds the person of a session.
pub async fn person_of_session(tx: &mut Tx, user: Uuid, session: String) -> DbResult<Option<Person>> {
    let user = store::find(tx, UserId::from_uuid(user)).await?;
    Ok(user.filter(|user| user.state == UserState::Active).map(|user| as_person(&user, session)))
}

/// Finds the person of a personal token.
pub async fn person_of_token(tx: &mut Tx, token: &Key, now: Timestamp) -> DbResult<Option<Person>> {
    let found = store::find_token(tx, &token.id, now).await?;
    // An unknown token costs a comparison as well.
    let stored = found.as_ref().map_or("", |(_, stored)| stored);
    let (true, Some((user, _))) = (token.matches(stored), &found) else { return Ok(None) };
    person_of_session(tx, user.uuid(), token.id.clone()).await
}
