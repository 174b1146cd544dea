//! SQL of media.

use super::model::{FailedReason, Media, MediaId};
use crate::features::conversations::Reach;
use crate::on;
use crate::platform::db::{DbResult, Tx, expect_one};

const INSERT: &str = "
    INSERT INTO media (id, app_id, conversation_id, kind, file_name, mime_type, extension, size, sha256, state,
                       captured_at, latitude, longitude, origin, note, is_damaged, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, FALSE, $16, $17)";

/// Adds a media whose bytes are durable, or ordered.
pub async fn insert(tx: &mut Tx, media: &Media) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(INSERT)
        .bind(media.id)
        .bind(media.app_id)
        .bind(media.conversation_id)
        .bind(media.kind)
        .bind(&media.file_name)
        .bind(&media.mime_type)
        .bind(&media.extension)
        .bind(media.size)
        .bind(&media.sha256)
        .bind(media.state)
        .bind(media.captured_at)
        .bind(media.latitude)
        .bind(media.longitude)
        .bind(&media.origin)
        .bind(&media.note)
        .bind(media.created_at)
        .bind(media.expires_at)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const FIND: &str = "
    SELECT id, app_id, conversation_id, kind, file_name, mime_type, extension, size, sha256, state,
           failed_reason, captured_at, latitude, longitude, origin, note, is_damaged, created_at, expires_at, deleted_at
    FROM media WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR app_id = $2) AND deleted_at IS NULL";

/// Finds a media within a reach.
pub async fn find(tx: &mut Tx, id: MediaId, reach: Reach) -> DbResult<Option<Media>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND).bind(id).bind(reach.app()).fetch_optional(conn).await)?)
}

const COUNT: &str = "SELECT COUNT(*) FROM media WHERE id = $1";

/// Tells whether there is a row of this identifier, whatever its state.
pub async fn exists(tx: &mut Tx, id: MediaId) -> DbResult<bool> {
    let count: i64 = on!(tx, conn => sqlx::query_scalar(COUNT).bind(id).fetch_one(conn).await)?;
    Ok(count > 0)
}

/// What failed to come never had its bytes promised to anybody.
const MAY_HAVE_BYTES: &str = "SELECT COUNT(*) FROM media WHERE id = $1 AND state <> 'failed'";

/// Tells whether bytes of this identifier belong to a row, or soon will.
pub(super) async fn may_have_bytes(tx: &mut Tx, id: MediaId) -> DbResult<bool> {
    let count: i64 = on!(tx, conn => sqlx::query_scalar(MAY_HAVE_BYTES).bind(id).fetch_one(conn).await)?;
    Ok(count > 0)
}

const SAVE_FETCHED: &str = "
    UPDATE media SET file_name = $2, mime_type = $3, extension = $4, size = $5, sha256 = $6, state = 'stored'
    WHERE id = $1 AND state = 'fetching'";

/// Completes a media that was ordered, once its bytes are durable.
pub async fn save_fetched(tx: &mut Tx, media: &Media) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_FETCHED)
        .bind(media.id)
        .bind(&media.file_name)
        .bind(&media.mime_type)
        .bind(&media.extension)
        .bind(media.size)
        .bind(&media.sha256)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const SAVE_FAILED: &str =
    "UPDATE media SET state = 'failed', failed_reason = $2 WHERE id = $1 AND state = 'fetching'";

/// Gives a media up that was ordered; false when it is not on its way.
pub async fn save_failed(tx: &mut Tx, id: MediaId, reason: FailedReason) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(SAVE_FAILED)
        .bind(id)
        .bind(reason)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

const MARK_DAMAGED: &str = "UPDATE media SET is_damaged = TRUE WHERE id = $1";

/// Remembers that the bytes are not those that were accepted; there is no way back but a restore.
pub async fn mark_damaged(tx: &mut Tx, id: MediaId) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(MARK_DAMAGED)
        .bind(id)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}
