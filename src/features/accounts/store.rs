//! SQL of people, their links and tokens.

use super::model::{Token, User, UserId, UserState};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};
use crate::platform::keys::{KeyId, KeyPlace};
use crate::platform::web::Role;

const BY_ID: &str = "SELECT id, email, name, role, state, password_hash, created_at FROM users WHERE id = $1";
const BY_EMAIL: &str =
    "SELECT id, email, name, role, state, password_hash, created_at FROM users WHERE email = $1";
const COUNT: &str = "SELECT COUNT(*) FROM users";
const ADMINS: &str = "SELECT email FROM users WHERE role = 'admin' AND state = 'active' ORDER BY id LIMIT $1";
const INSERT: &str = "INSERT INTO users (id, email, name, role, state, password_hash, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
const ACTIVATE: &str = "UPDATE users SET name = $2, password_hash = $3, state = 'active', updated_at = $4
    WHERE id = $1 AND state = 'invited'";
const SIGNED_IN: &str = "UPDATE users SET signed_in_at = $2 WHERE id = $1";

const INSERT_LINK: &str =
    "INSERT INTO setup_links (code_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
const VOID_FIRST_LINKS: &str =
    "UPDATE setup_links SET used_at = $1 WHERE user_id IS NULL AND used_at IS NULL";
const FIND_LINK: &str =
    "SELECT user_id FROM setup_links WHERE code_hash = $1 AND used_at IS NULL AND expires_at > $2";
const USE_LINK: &str =
    "UPDATE setup_links SET used_at = $2 WHERE code_hash = $1 AND used_at IS NULL AND expires_at > $2";

const INSERT_TOKEN: &str =
    "INSERT INTO personal_tokens (id, user_id, secret_hash, created_at, expires_at, made_with)
    VALUES ($1, $2, $3, $4, $5, $6)";
const FIND_TOKEN: &str = "SELECT user_id, secret_hash, used_at FROM personal_tokens
    WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
const SHOW_TOKEN: &str = "SELECT id, created_at, expires_at, used_at, revoked_at, made_with
    FROM personal_tokens WHERE user_id = $1 AND id = $2";
const LIST_TOKENS: &str = "SELECT id, created_at, expires_at, used_at, revoked_at, made_with
    FROM personal_tokens WHERE user_id = $1 AND (created_at, id) < ($2, $3)
    ORDER BY created_at DESC, id DESC LIMIT $4";
const MADE_WITH: &str =
    "SELECT id FROM personal_tokens WHERE user_id = $1 AND made_with = $2 AND revoked_at IS NULL ORDER BY id";
const HOLD_TOKEN: &str = "UPDATE personal_tokens SET made_with = made_with
    WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)";
const REVOKE_TOKEN: &str =
    "UPDATE personal_tokens SET revoked_at = $3 WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL";
const SAVE_TOKEN_USE: &str =
    "UPDATE personal_tokens SET used_at = $2 WHERE id = $1 AND (used_at IS NULL OR used_at < $2)";

/// A one-time link and, for invitations, whom it is for.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Link {
    pub(super) user_id: Option<UserId>,
}

/// A token that opens something, as the doorkeeper needs it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct GoodToken {
    pub(super) user_id: UserId,
    pub(super) secret_hash: String,
    pub(super) used_at: Option<Timestamp>,
}

pub(super) async fn find(tx: &mut Tx, id: UserId) -> DbResult<Option<User>> {
    Ok(on!(tx, conn => sqlx::query_as(BY_ID).bind(id).fetch_optional(conn).await)?)
}

pub(super) async fn find_by_email(tx: &mut Tx, email: &str) -> DbResult<Option<User>> {
    Ok(on!(tx, conn => sqlx::query_as(BY_EMAIL).bind(email).fetch_optional(conn).await)?)
}

/// Gives the addresses of the administrators who can sign in.
pub(super) async fn admins(tx: &mut Tx, limit: i64) -> DbResult<Vec<String>> {
    Ok(on!(tx, conn => sqlx::query_scalar(ADMINS).bind(limit).fetch_all(conn).await)?)
}

pub(super) async fn count(tx: &mut Tx) -> DbResult<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT).fetch_one(conn).await)?)
}

pub(super) async fn insert(tx: &mut Tx, user: &User) -> DbResult<()> {
    on!(tx, conn => sqlx::query(INSERT)
        .bind(user.id)
        .bind(&user.email)
        .bind(&user.name)
        .bind(user.role)
        .bind(user.state)
        .bind(&user.password_hash)
        .bind(user.created_at)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub(super) async fn activate(
    tx: &mut Tx,
    id: UserId,
    name: &str,
    hash: &str,
    now: Timestamp,
) -> DbResult<()> {
    expect_one(
        on!(tx, conn => sqlx::query(ACTIVATE).bind(id).bind(name).bind(hash).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?,
    )
}

pub(super) async fn save_sign_in(tx: &mut Tx, id: UserId, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SIGNED_IN).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

pub(super) async fn insert_link(
    tx: &mut Tx,
    code_hash: &str,
    user: Option<UserId>,
    now: Timestamp,
    end: Timestamp,
) -> DbResult<()> {
    on!(tx, conn => sqlx::query(INSERT_LINK).bind(code_hash).bind(user).bind(now).bind(end).execute(conn).await
        .map(|_| ()))?;
    Ok(())
}

pub(super) async fn void_first_links(tx: &mut Tx, now: Timestamp) -> DbResult<()> {
    on!(tx, conn => sqlx::query(VOID_FIRST_LINKS).bind(now).execute(conn).await.map(|_| ()))?;
    Ok(())
}

pub(super) async fn find_link(tx: &mut Tx, code_hash: &str, now: Timestamp) -> DbResult<Option<Link>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND_LINK).bind(code_hash).bind(now).fetch_optional(conn).await)?)
}

/// Uses a link up; false when it was used or ended meanwhile. Of two at once, one gets true.
pub(super) async fn use_link(tx: &mut Tx, code_hash: &str, now: Timestamp) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(USE_LINK).bind(code_hash).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

pub(super) async fn insert_token(
    tx: &mut Tx,
    user: UserId,
    token: &Token,
    secret_hash: &str,
) -> DbResult<()> {
    on!(tx, conn => sqlx::query(INSERT_TOKEN)
        .bind(&token.id)
        .bind(user)
        .bind(secret_hash)
        .bind(token.created_at)
        .bind(token.expires_at)
        .bind(&token.made_with)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

pub(super) async fn find_token(tx: &mut Tx, id: &KeyId, now: Timestamp) -> DbResult<Option<GoodToken>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND_TOKEN).bind(id).bind(now).fetch_optional(conn).await)?)
}

/// Finds a person's token, whether it is still good or not.
pub(super) async fn show_token(tx: &mut Tx, user: UserId, id: &KeyId) -> DbResult<Option<Token>> {
    Ok(on!(tx, conn => sqlx::query_as(SHOW_TOKEN).bind(user).bind(id).fetch_optional(conn).await)?)
}

/// Lists a person's tokens behind a place, the newest first.
pub(super) async fn list_tokens(
    tx: &mut Tx,
    user: UserId,
    after: Option<&KeyPlace>,
    limit: i64,
) -> DbResult<Vec<Token>> {
    let (at, id) = KeyPlace::behind(after);
    Ok(
        on!(tx, conn => sqlx::query_as(LIST_TOKENS).bind(user).bind(at).bind(id).bind(limit).fetch_all(conn).await)?,
    )
}

/// Gives a person's tokens that were made with one of them and are not revoked.
pub(super) async fn tokens_made_with(tx: &mut Tx, user: UserId, maker: &KeyId) -> DbResult<Vec<KeyId>> {
    Ok(on!(tx, conn => sqlx::query_scalar(MADE_WITH).bind(user).bind(maker).fetch_all(conn).await)?)
}

/// Keeps whoever would revoke the token waiting until this transaction ends; false when it is not good any more.
pub(super) async fn hold_token(tx: &mut Tx, user: UserId, id: &KeyId, now: Timestamp) -> DbResult<bool> {
    let held = on!(tx, conn => sqlx::query(HOLD_TOKEN).bind(user).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(held == 1)
}

/// Revokes a token; false when the person has no such token that was not revoked before.
pub(super) async fn revoke_token(tx: &mut Tx, user: UserId, id: &KeyId, now: Timestamp) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(REVOKE_TOKEN).bind(user).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Remembers when a token was used, unless it has been used since.
pub(super) async fn save_token_use(tx: &mut Tx, id: &KeyId, at: Timestamp) -> DbResult<()> {
    on!(tx, conn => sqlx::query(SAVE_TOKEN_USE).bind(id).bind(at).execute(conn).await.map(drop))?;
    Ok(())
}

/// Makes the row of somebody new.
pub(super) fn new_user(email: &str, name: &str, role: Role, state: UserState, now: Timestamp) -> User {
    User {
        id: UserId::fresh(),
        email: email.to_owned(),
        name: name.to_owned(),
        role,
        state,
        password_hash: None,
        created_at: now,
    }
}
