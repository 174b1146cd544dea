//! SQL of fetches.

use crate::features::media::{FailedReason, MediaId};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};

/// A file that was ordered and is not here yet.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Fetch {
    pub(super) media_id: MediaId,
    pub(super) sealed_url: Vec<u8>,
    pub(super) declared_type: Option<String>,
    pub(super) expected_size: Option<i64>,
    pub(super) expected_sha256: Option<String>,
    /// How many attempts have failed.
    pub(super) attempts: i64,
}

const INSERT: &str = "
    INSERT INTO fetches (media_id, sealed_url, declared_type, expected_size, expected_sha256, attempts, created_at,
                         updated_at)
    VALUES ($1, $2, $3, $4, $5, 0, $6, $6)";

/// Adds an order.
pub(super) async fn insert(tx: &mut Tx, fetch: &Fetch, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(INSERT)
        .bind(fetch.media_id)
        .bind(&fetch.sealed_url)
        .bind(&fetch.declared_type)
        .bind(fetch.expected_size)
        .bind(&fetch.expected_sha256)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const FIND: &str = "
    SELECT media_id, sealed_url, declared_type, expected_size, expected_sha256, attempts
    FROM fetches WHERE media_id = $1";

/// Finds an order that is not done.
pub(super) async fn find(tx: &mut Tx, media: MediaId) -> DbResult<Option<Fetch>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND).bind(media).fetch_optional(conn).await)?)
}

const SAVE_ATTEMPT: &str =
    "UPDATE fetches SET attempts = attempts + 1, last_error = $2, updated_at = $3 WHERE media_id = $1";

/// Writes down that an attempt failed.
pub(super) async fn save_attempt(
    tx: &mut Tx,
    media: MediaId,
    error: FailedReason,
    now: Timestamp,
) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_ATTEMPT)
        .bind(media)
        .bind(error)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const DELETE: &str = "DELETE FROM fetches WHERE media_id = $1";

/// Removes an order, and with it the address; one that is gone is fine.
pub(super) async fn delete(tx: &mut Tx, media: MediaId) -> DbResult<()> {
    Ok(on!(tx, conn => sqlx::query(DELETE).bind(media).execute(conn).await.map(drop))?)
}

const LIST_SEALED: &str = "SELECT sealed_url FROM fetches";

/// Lists the sealed addresses.
pub(super) async fn list_sealed(tx: &mut Tx) -> DbResult<Vec<Vec<u8>>> {
    Ok(on!(tx, conn => sqlx::query_scalar(LIST_SEALED).fetch_all(conn).await)?)
}
