//! SQL of the endpoints.

mod record;

pub use record::{Figures, hours, last_day, note_outcome};

use super::model::{
    Archive, Endpoint, EndpointId, EndpointState, EndpointSummary, Leaving, PausedReason, Settings,
};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};

/// More than any installation has; keeps a list bounded all the same.
const MOST: i64 = 1000;

/// What every list and page shows of an endpoint, and whatever `$more` adds.
macro_rules! select {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT id, name, type, settings, state, paused_reason, paused_at, leaving, last_error, failing_since,
                    delivered_at",
            $more,
            " FROM endpoints WHERE deleted_at IS NULL ",
            $rest
        )
    };
}

const LIST: &str = select!("", "ORDER BY name, id LIMIT $1");
const LIST_BEHIND: &str = select!("", "AND name > $1 ORDER BY name LIMIT $2");
const FIND: &str = select!(", archive, revision, checked_at, created_at, updated_at", "AND id = $1");

const FIND_SEALED: &str =
    "SELECT name, type, settings, state, archive, revision, sealed_secrets FROM endpoints
    WHERE id = $1 AND deleted_at IS NULL";

const FIND_NAMED: &str = "SELECT id FROM endpoints WHERE name = $1 AND deleted_at IS NULL";

const INSERT: &str = "INSERT INTO endpoints
    (id, name, type, settings, sealed_secrets, archive, state, checked_at, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8)";

const TOUCH: &str = "UPDATE endpoints SET updated_at = $2 WHERE id = $1 AND deleted_at IS NULL";

/// What a delivery needs, secrets still sealed.
#[derive(sqlx::FromRow)]
pub(super) struct Stored {
    pub(super) name: String,
    #[sqlx(rename = "type")]
    pub(super) type_key: String,
    #[sqlx(try_from = "String")]
    pub(super) settings: Settings,
    pub(super) state: EndpointState,
    pub(super) archive: Archive,
    pub(super) revision: i64,
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

/// Finds the one that has a name.
pub(super) async fn find_named(tx: &mut Tx, name: &str) -> DbResult<Option<EndpointId>> {
    Ok(on!(tx, conn => sqlx::query_scalar(FIND_NAMED).bind(name).fetch_optional(conn).await)?)
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

const LIST_SEALED: &str = "SELECT sealed_secrets FROM endpoints WHERE deleted_at IS NULL";

pub(super) async fn list_sealed(tx: &mut Tx) -> DbResult<Vec<Vec<u8>>> {
    Ok(on!(tx, conn => sqlx::query_scalar(LIST_SEALED).fetch_all(conn).await)?)
}

/// What a change leaves.
const UPDATE: &str = "UPDATE endpoints
    SET name = $2, type = $3, settings = $4, sealed_secrets = $5, archive = $6, revision = revision + 1, last_error = NULL,
        failing_since = NULL, checked_at = $7, updated_at = $7
    WHERE id = $1 AND deleted_at IS NULL";

/// Replaces what was described, after a test that has just passed.
pub(super) async fn update(tx: &mut Tx, row: Row<'_>, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(UPDATE)
        .bind(row.id)
        .bind(row.name)
        .bind(row.type_key)
        .bind(row.settings)
        .bind(row.sealed_secrets)
        .bind(row.archive)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const SAVE_PASSED: &str = "UPDATE endpoints
    SET last_error = NULL, failing_since = NULL, checked_at = $2, updated_at = $2 WHERE id = $1 AND deleted_at IS NULL";

/// Keeps that a test passed, which ends a failure.
pub(super) async fn save_passed(tx: &mut Tx, id: EndpointId, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_PASSED).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

const SAVE_BROKEN: &str =
    "UPDATE endpoints SET last_error = $3, failing_since = COALESCE(failing_since, $2), checked_at = $2,
        updated_at = $2
    WHERE id = $1 AND deleted_at IS NULL";

/// Keeps that a test failed, which begins a failure or goes on with one.
pub(super) async fn save_broken(tx: &mut Tx, id: EndpointId, message: &str, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_BROKEN).bind(id).bind(now).bind(message).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

const PAUSE: &str =
    "UPDATE endpoints SET state = 'paused', paused_reason = $2, paused_at = $3, updated_at = $3
    WHERE id = $1 AND deleted_at IS NULL AND state <> 'paused'";

/// Lets deliveries wait; false when they do so already: the first reason stays until somebody resumes.
pub(super) async fn pause(
    tx: &mut Tx,
    id: EndpointId,
    reason: PausedReason,
    now: Timestamp,
) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(PAUSE).bind(id).bind(reason).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

const RESUME: &str =
    "UPDATE endpoints SET state = 'active', paused_reason = NULL, paused_at = NULL, updated_at = $2
    WHERE id = $1 AND deleted_at IS NULL AND state = 'paused'";

/// Lets deliveries run again; false when they do.
pub(super) async fn resume(tx: &mut Tx, id: EndpointId, now: Timestamp) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(RESUME).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

const LEAVE: &str = "UPDATE endpoints SET leaving = $2, leaving_to = $3, deleted_at = $4, updated_at = $5
    WHERE id = $1 AND deleted_at IS NULL";

/// Lets an endpoint go, at once when `deleted_at` is given.
pub(super) async fn leave(
    tx: &mut Tx,
    id: EndpointId,
    leaving: Option<(Leaving, Option<EndpointId>)>,
    deleted_at: Option<Timestamp>,
    now: Timestamp,
) -> DbResult<()> {
    let (how, to) = leaving.map_or((None, None), |(how, to)| (Some(how), to));
    expect_one(on!(tx, conn => sqlx::query(LEAVE)
        .bind(id)
        .bind(how)
        .bind(to)
        .bind(deleted_at)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const RESTORE: &str = "UPDATE endpoints SET deleted_at = NULL, updated_at = $2
    WHERE id = $1 AND deleted_at IS NOT NULL AND leaving IS NULL";

/// Takes a deletion back that left nothing behind; false when there is none.
pub(super) async fn restore(tx: &mut Tx, id: EndpointId, now: Timestamp) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(RESTORE).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

const FIND_LEAVING: &str = "SELECT leaving, leaving_to FROM endpoints WHERE id = $1 AND leaving IS NOT NULL";

/// Says what becomes of the open deliveries of an endpoint that goes or has gone.
pub(super) async fn find_leaving(
    tx: &mut Tx,
    id: EndpointId,
) -> DbResult<Option<(Leaving, Option<EndpointId>)>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND_LEAVING).bind(id).fetch_optional(conn).await)?)
}
