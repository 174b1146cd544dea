//! What is done about personal tokens.
//!
//! A token acts as its person, with the role that they have at that moment, and opens nothing once they are disabled. One
//! that was made with another one ends with it: nobody can use a token to get one that outlives it, by its end or by
//! its being revoked.

use std::time::Duration;

use super::model::{AccountError, Token, UserId};
use super::store;
use crate::features::audit::{self, Act};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::form::FieldErrors;
use crate::platform::keys::{Key, KeyId, Purpose};
use crate::platform::secret::Secret;
use crate::platform::web::Actor;

/// How long a token is good when nobody says.
const LIFE: Duration = Duration::from_hours(365 * 24);

/// Makes a personal token for somebody and gives it, the only time it is seen. It has no end.
pub async fn add_token(
    tx: &mut Tx,
    actor: &Actor,
    email: &str,
    now: Timestamp,
) -> Result<Secret<String>, AccountError> {
    let user = store::find_by_email(tx, email).await?.ok_or(DbError::NotFound)?;
    let key = Key::mint(Purpose::Token);
    insert(tx, actor, user.id, &key, token(&key, now)).await?;
    Ok(key.reveal())
}

/// Makes a personal token with another one of the same person.
pub(super) async fn create(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    own: &Own,
    life: Option<Duration>,
) -> Result<Key, AccountError> {
    // The guard has let the token in, and somebody may have revoked it since.
    if !store::hold_token(tx, own.user, &own.token, now).await? {
        return Err(AccountError::TokenGone);
    }
    let maker = store::show_token(tx, own.user, &own.token).await?.ok_or(DbError::NotFound)?;
    let end = end(now, life, maker.expires_at)?;
    let key = Key::mint(Purpose::Token);
    let token = Token { expires_at: Some(end), made_with: Some(maker.id), ..token(&key, now) };
    insert(tx, actor, own.user, &key, token).await?;
    Ok(key)
}

/// Somebody's own tokens, and the one they came with.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) user: UserId,
    pub(super) token: KeyId,
}

fn end(now: Timestamp, life: Option<Duration>, maker: Option<Timestamp>) -> Result<Timestamp, AccountError> {
    let (wanted, most) = (now.plus(life.unwrap_or(LIFE)), maker.unwrap_or(Timestamp::from_millis(i64::MAX)));
    if life.is_some() && wanted > most {
        let problem = format!("A token ends no later than the one it is made with, which ends at {most}");
        return Err(AccountError::Invalid(FieldErrors::one("expires_in_days", problem)));
    }
    Ok(wanted.min(most))
}

fn token(key: &Key, now: Timestamp) -> Token {
    Token {
        id: key.id.clone(),
        created_at: now,
        expires_at: None,
        used_at: None,
        revoked_at: None,
        made_with: None,
    }
}

async fn insert(tx: &mut Tx, actor: &Actor, user: UserId, key: &Key, token: Token) -> DbResult<()> {
    store::insert_token(tx, user, &token, &key.stored()).await?;
    let mut act = Act::on("token.added", "user", user).with("token", token.id.as_str());
    if let Some(end) = token.expires_at {
        act = act.with("expires_at", end.to_string());
    }
    if let Some(maker) = &token.made_with {
        act = act.with("made_with", maker.as_str());
    }
    audit::record(tx, actor, token.created_at, act).await
}

/// Revokes somebody's token and all that were made with it, or with those: they open nothing from the next request on.
/// Doing so again changes nothing.
pub(super) async fn revoke(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    user: UserId,
    id: KeyId,
) -> Result<(), AccountError> {
    store::show_token(tx, user, &id).await?.ok_or(DbError::NotFound)?;
    let mut waiting = vec![id];
    while let Some(id) = waiting.pop() {
        // Its row first: whoever is making one with it has then finished, or will find it revoked.
        if !store::revoke_token(tx, user, &id, now).await? {
            continue;
        }
        let act = Act::on("token.revoked", "user", user).with("token", id.as_str());
        audit::record(tx, actor, now, act).await?;
        waiting.append(&mut store::tokens_made_with(tx, user, &id).await?);
    }
    Ok(())
}
