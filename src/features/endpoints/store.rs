//! SQL of the endpoints.

use super::model::{Archive, Endpoint, EndpointId, EndpointState, EndpointSummary, Settings};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};

/// More than any installation has; keeps a list bounded all the same.
const MOST: i64 = 1000;

const LIST: &str = "SELECT id, name, type, settings, state, last_error, failing_since, delivered_at
    FROM endpoints WHERE deleted_at IS NULL ORDER BY name, id LIMIT $1";

const LIST_BEHIND: &str = "SELECT id, name, type, settings, state, last_error, failing_since, delivered_at
    FROM endpoints WHERE deleted_at IS NULL AND name > $1 ORDER BY name LIMIT $2";

const FIND: &str =
    "SELECT id, name, type, settings, state, last_error, failing_since, delivered_at, archive, checked_at,
    created_at, updated_at FROM endpoints WHERE id = $1 AND deleted_at IS NULL";

const FIND_SEALED: &str =
    "SELECT name, type, settings, state, sealed_secrets FROM endpoints WHERE id = $1 AND deleted_at IS NULL";

const COUNT_NAME: &str = "SELECT COUNT(*) FROM endpoints WHERE name = $1 AND deleted_at IS NULL";

const INSERT: &str = "INSERT INTO endpoints
    (id, name, type, settings, sealed_secrets, archive, state, checked_at, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8)";

const TOUCH: &str = "UPDATE endpoints SET updated_at = $2 WHERE id = $1 AND deleted_at IS NULL";

const SAVE_SUCCESS: &str = "UPDATE endpoints
    SET last_error = NULL, failing_since = NULL, delivered_at = $2, updated_at = $2 WHERE id = $1";

const SAVE_FAILURE: &str = "UPDATE endpoints
    SET last_error = $3, failing_since = COALESCE(failing_since, $2), updated_at = $2 WHERE id = $1";

/// What a delivery needs, secrets still sealed.
#[derive(sqlx::FromRow)]
pub(super) struct Stored {
    pub(super) name: String,
    #[sqlx(rename = "type")]
    pub(super) type_key: String,
    #[sqlx(try_from = "String")]
    pub(super) settings: Settings,
    pub(super) state: EndpointState,
    pub(super) sealed_secrets: Vec<u8>,
}

/// A row to be.
pub(super) struct Row<'a> {
    pub(super) id: EndpointId,
    pub(super) name: &'a str,
    pub(super) type_key: &'static str,
    pub(super) settings: String,
    pub(super) sealed_secrets: Vec<u8>,
    pub(super) archive: Archive,
}

/// Lists by name.
pub(super) async fn list(tx: &mut Tx) -> DbResult<Vec<EndpointSummary>> {
    Ok(on!(tx, conn => sqlx::query_as(LIST).bind(MOST).fetch_all(conn).await)?)
}

/// Lists by name, which no two have, behind a name.
pub(super) async fn list_behind(tx: &mut Tx, behind: &str, limit: i64) -> DbResult<Vec<EndpointSummary>> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_BEHIND).bind(behind).bind(limit).fetch_all(conn).await)?)
}

/// Finds one.
pub(super) async fn find(tx: &mut Tx, id: EndpointId) -> DbResult<Option<Endpoint>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND).bind(id).fetch_optional(conn).await)?)
}

/// Finds one with its sealed secrets.
pub(super) async fn find_sealed(tx: &mut Tx, id: EndpointId) -> DbResult<Option<Stored>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND_SEALED).bind(id).fetch_optional(conn).await)?)
}

/// Tells whether a name is used.
pub(super) async fn is_name_taken(tx: &mut Tx, name: &str) -> DbResult<bool> {
    let count: i64 = on!(tx, conn => sqlx::query_scalar(COUNT_NAME).bind(name).fetch_one(conn).await)?;
    Ok(count > 0)
}

/// Adds one that has just passed its test.
pub(super) async fn insert(tx: &mut Tx, row: Row<'_>, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.name)
        .bind(row.type_key)
        .bind(row.settings)
        .bind(row.sealed_secrets)
        .bind(row.archive)
        .bind(EndpointState::Active)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Moves `updated_at`.
pub(super) async fn touch(tx: &mut Tx, id: EndpointId, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(TOUCH).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

/// Keeps that a file arrived.
pub(super) async fn save_success(tx: &mut Tx, id: EndpointId, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_SUCCESS).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

/// Keeps why a delivery failed.
pub(super) async fn save_failure(tx: &mut Tx, id: EndpointId, now: Timestamp, message: &str) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_FAILURE).bind(id).bind(now).bind(message).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

const LIST_SEALED: &str = "SELECT sealed_secrets FROM endpoints WHERE deleted_at IS NULL";

pub(super) async fn list_sealed(tx: &mut Tx) -> DbResult<Vec<Vec<u8>>> {
    Ok(on!(tx, conn => sqlx::query_scalar(LIST_SEALED).fetch_all(conn).await)?)
}
