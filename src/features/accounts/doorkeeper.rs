//! Finding the person behind a session or a personal token, while they may act.

use uuid::Uuid;

use super::actions::as_person;
use super::model::{UserId, UserState};
use super::store;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::keys::{Key, Uses};
use crate::platform::web::Person;

/// Finds the person of a session.
pub async fn person_of_session(tx: &mut Tx, user: Uuid, session: String) -> DbResult<Option<Person>> {
    let user = store::find(tx, UserId::from_uuid(user)).await?;
    Ok(user.filter(|user| user.state == UserState::Active).map(|user| as_person(&user, session)))
}

/// Finds the person of a personal token, and notes that it was used.
pub async fn person_of_token(
    tx: &mut Tx,
    token: &Key,
    uses: &Uses,
    now: Timestamp,
) -> DbResult<Option<Person>> {
    let found = store::find_token(tx, &token.id, now).await?;
    // An unknown token costs a comparison as well.
    let stored = found.as_ref().map_or("", |row| &row.secret_hash);
    let (true, Some(row)) = (token.matches(stored), &found) else { return Ok(None) };
    let person = person_of_session(tx, row.user_id.uuid(), token.id.to_string()).await?;
    if person.is_some() {
        uses.note(token.id.clone(), row.used_at, now);
    }
    Ok(person)
}
