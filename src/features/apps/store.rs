//! SQL of apps and their keys.

use super::model::{App, AppId, AppKey};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};
use crate::platform::keys::{KeyId, KeyPlace};

const BY_ID: &str = "SELECT id, name, default_use_case_id, created_at FROM apps WHERE id = $1";
const BY_NAME: &str = "SELECT id, name, default_use_case_id, created_at FROM apps WHERE name = $1";
const INSERT: &str = "INSERT INTO apps (id, name, default_use_case_id, created_at) VALUES ($1, $2, $3, $4)";

const HOLD: &str = "UPDATE apps SET name = name WHERE id = $1";
const SAVE: &str = "UPDATE apps SET name = $2, default_use_case_id = $3 WHERE id = $1";

const SHOW: &str = "SELECT a.id, a.name, a.default_use_case_id, a.created_at, u.name AS use_case_name
    FROM apps a LEFT JOIN use_cases u ON u.id = a.default_use_case_id WHERE a.id = $1";
const LIST_BEHIND: &str = "SELECT a.id, a.name, a.default_use_case_id, a.created_at, u.name AS use_case_name
    FROM apps a LEFT JOIN use_cases u ON u.id = a.default_use_case_id
    WHERE a.name > $1 ORDER BY a.name LIMIT $2";

const INSERT_KEY: &str = "INSERT INTO api_keys (id, app_id, secret_hash, scopes, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6)";
const FIND_KEY: &str = "SELECT k.app_id, a.name AS app_name, k.secret_hash, k.scopes, k.used_at
    FROM api_keys k JOIN apps a ON a.id = k.app_id
    WHERE k.id = $1 AND k.revoked_at IS NULL AND k.expires_at > $2";
const SHOW_KEY: &str = "SELECT id, scopes, created_at, expires_at, used_at, revoked_at
    FROM api_keys WHERE app_id = $1 AND id = $2";
const LIST_KEYS: &str = "SELECT id, scopes, created_at, expires_at, used_at, revoked_at
    FROM api_keys WHERE app_id = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4";
const REVOKE_KEY: &str =
    "UPDATE api_keys SET revoked_at = $3 WHERE app_id = $1 AND id = $2 AND revoked_at IS NULL";
const SAVE_KEY_USE: &str =
    "UPDATE api_keys SET used_at = $2 WHERE id = $1 AND (used_at IS NULL OR used_at < $2)";
const COUNT_KEYS: &str = "SELECT COUNT(*) FROM api_keys";
const COUNTS: &str = "SELECT
    (SELECT COUNT(*) FROM api_keys WHERE app_id = $1),
    (SELECT COUNT(*) FROM conversations WHERE app_id = $1),
    (SELECT COUNT(*) FROM media WHERE app_id = $1 AND deleted_at IS NULL)";
const LIST_IDS: &str = "SELECT id FROM apps ORDER BY id";

/// A key with the app that it opens.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct KeyRow {
    pub(super) app_id: AppId,
    pub(super) app_name: String,
    pub(super) secret_hash: String,
    pub(super) scopes: String,
    pub(super) used_at: Option<Timestamp>,
}

/// An app with the name of its default use case.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Listed {
    #[sqlx(flatten)]
    pub(super) app: App,
    pub(super) use_case_name: Option<String>,
}

/// A key that is about to be stored.
pub(super) struct NewKey<'a> {
    pub(super) id: &'a KeyId,
    pub(super) app: AppId,
    pub(super) secret_hash: &'a str,
    pub(super) scopes: &'a str,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

pub(super) async fn find(tx: &mut Tx, id: AppId) -> DbResult<Option<App>> {
    Ok(on!(tx, conn => sqlx::query_as(BY_ID).bind(id).fetch_optional(conn).await)?)
}

pub(super) async fn find_by_name(tx: &mut Tx, name: &str) -> DbResult<Option<App>> {
    Ok(on!(tx, conn => sqlx::query_as(BY_NAME).bind(name).fetch_optional(conn).await)?)
}

pub(super) async fn show(tx: &mut Tx, id: AppId) -> DbResult<Option<Listed>> {
    Ok(on!(tx, conn => sqlx::query_as(SHOW).bind(id).fetch_optional(conn).await)?)
}

/// Lists by name, which no two have, behind a name.
pub(super) async fn list_behind(tx: &mut Tx, behind: &str, limit: i64) -> DbResult<Vec<Listed>> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_BEHIND).bind(behind).bind(limit).fetch_all(conn).await)?)
}

/// Keeps other writers of the row waiting until this transaction ends.
pub(super) async fn hold(tx: &mut Tx, id: AppId) -> DbResult<()> {
    expect_one(
        on!(tx, conn => sqlx::query(HOLD).bind(id).execute(conn).await.map(|done| done.rows_affected()))?,
    )
}

pub(super) async fn save(tx: &mut Tx, app: &App) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE)
        .bind(app.id)
        .bind(&app.name)
        .bind(app.default_use_case_id)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

pub(super) async fn insert(tx: &mut Tx, app: &App) -> DbResult<()> {
    on!(tx, conn => sqlx::query(INSERT)
        .bind(app.id)
        .bind(&app.name)
        .bind(app.default_use_case_id)
        .bind(app.created_at)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub(super) async fn insert_key(tx: &mut Tx, key: &NewKey<'_>) -> DbResult<()> {
    on!(tx, conn => sqlx::query(INSERT_KEY)
        .bind(key.id)
        .bind(key.app)
        .bind(key.secret_hash)
        .bind(key.scopes)
        .bind(key.created_at)
        .bind(key.expires_at)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub(super) async fn find_key(tx: &mut Tx, id: &KeyId, now: Timestamp) -> DbResult<Option<KeyRow>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND_KEY).bind(id).bind(now).fetch_optional(conn).await)?)
}

pub(super) async fn show_key(tx: &mut Tx, app: AppId, id: &KeyId) -> DbResult<Option<AppKey>> {
    Ok(on!(tx, conn => sqlx::query_as(SHOW_KEY).bind(app).bind(id).fetch_optional(conn).await)?)
}

/// Lists an app's keys behind a place, the newest first.
pub(super) async fn list_keys(
    tx: &mut Tx,
    app: AppId,
    after: Option<&KeyPlace>,
    limit: i64,
) -> DbResult<Vec<AppKey>> {
    let (at, id) = KeyPlace::behind(after);
    Ok(
        on!(tx, conn => sqlx::query_as(LIST_KEYS).bind(app).bind(at).bind(id).bind(limit).fetch_all(conn).await)?,
    )
}

/// Revokes a key; false when the app has no such key that is still good.
pub(super) async fn revoke_key(tx: &mut Tx, app: AppId, id: &KeyId, now: Timestamp) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(REVOKE_KEY).bind(app).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Remembers when a key was used, unless it has been used since.
pub(super) async fn save_key_use(tx: &mut Tx, id: &KeyId, at: Timestamp) -> DbResult<()> {
    on!(tx, conn => sqlx::query(SAVE_KEY_USE).bind(id).bind(at).execute(conn).await.map(drop))?;
    Ok(())
}

pub(super) async fn count_keys(tx: &mut Tx) -> DbResult<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_KEYS).fetch_one(conn).await)?)
}

pub(super) async fn list_ids(tx: &mut Tx) -> DbResult<Vec<AppId>> {
    Ok(on!(tx, conn => sqlx::query_scalar(LIST_IDS).fetch_all(conn).await)?)
}

/// Counts an app's keys, conversations and media.
pub(super) async fn counts(tx: &mut Tx, id: AppId) -> DbResult<(i64, i64, i64)> {
    Ok(on!(tx, conn => sqlx::query_as(COUNTS).bind(id).fetch_one(conn).await)?)
}
