//! SQL of apps and their keys.

use super::model::{App, AppId};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};

const BY_ID: &str = "SELECT id, name, default_use_case_id, created_at FROM apps WHERE id = $1";
const BY_NAME: &str = "SELECT id, name, default_use_case_id, created_at FROM apps WHERE name = $1";
const INSERT: &str = "INSERT INTO apps (id, name, default_use_case_id, created_at) VALUES ($1, $2, $3, $4)";

const INSERT_KEY: &str = "INSERT INTO api_keys (id, app_id, secret_hash, scopes, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6)";
const FIND_KEY: &str = "SELECT k.app_id, a.name AS app_name, k.secret_hash, k.scopes
    FROM api_keys k JOIN apps a ON a.id = k.app_id
    WHERE k.id = $1 AND k.revoked_at IS NULL AND k.expires_at > $2";
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
}

/// A key that is about to be stored.
pub(super) struct NewKey<'a> {
    pub(super) id: &'a str,
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

pub(super) async fn find_key(tx: &mut Tx, id: &str, now: Timestamp) -> DbResult<Option<KeyRow>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND_KEY).bind(id).bind(now).fetch_optional(conn).await)?)
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
