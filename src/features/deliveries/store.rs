//! SQL of deliveries.

pub(super) mod listing;

mod open;

use std::collections::HashMap;

pub(super) use open::{
    count_open, find_of, in_state, is_any_moved_to, is_any_open, is_any_open_beside_pictures,
};

use super::model::{Attempt, Delivery, DeliveryBrief, DeliveryId, HeldReason};
use crate::features::endpoints::EndpointId;
use crate::features::media::MediaId;
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx, expect_one};
use crate::platform::jobs::JobId;

const INSERT: &str = "
    INSERT INTO deliveries (id, media_id, endpoint_id, state, attempts, job_id, created_at, updated_at)
    VALUES ($1, $2, $3, 'queued', 0, $5, $4, $4)";

/// Adds a delivery that has not been tried, with the job that works on it.
pub(super) async fn insert(
    tx: &mut Tx,
    brief: &DeliveryBrief,
    media: MediaId,
    job: JobId,
    now: Timestamp,
) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(INSERT)
        .bind(brief.id)
        .bind(media)
        .bind(brief.endpoint_id)
        .bind(now)
        .bind(job)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const FIND: &str = "
    SELECT id, media_id, endpoint_id, state, held_reason, attempts, location, last_error, next_attempt_at, job_id,
           created_at, updated_at, delivered_at
    FROM deliveries WHERE id = $1";

/// Finds a delivery.
pub(super) async fn find(tx: &mut Tx, id: DeliveryId) -> DbResult<Option<Delivery>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND).bind(id).fetch_optional(conn).await)?)
}

const BRIEFS: &str = "SELECT id, endpoint_id, state FROM deliveries WHERE media_id = $1 ORDER BY id";

/// Gives the deliveries of a media, in the order in which they were planned.
pub(super) async fn briefs(tx: &mut Tx, media: MediaId) -> DbResult<Vec<DeliveryBrief>> {
    Ok(on!(tx, conn => sqlx::query_as(BRIEFS).bind(media).fetch_all(conn).await)?)
}

/// $1 is identifiers without anything between them. No form of a list is understood by both engines, and text is.
const BRIEFS_OF: &str = "
    WITH RECURSIVE page (media_id, others) AS (
        SELECT SUBSTR($1, 1, 36), SUBSTR($1, 37)
        UNION ALL
        SELECT SUBSTR(others, 1, 36), SUBSTR(others, 37) FROM page WHERE others <> ''
    )
    SELECT d.media_id, d.id, d.endpoint_id, d.state
    FROM page JOIN deliveries d ON d.media_id = page.media_id ORDER BY d.id";

#[derive(sqlx::FromRow)]
struct OfMedia {
    media_id: MediaId,
    #[sqlx(flatten)]
    brief: DeliveryBrief,
}

/// Gives the deliveries of each of these media, in the order in which they were planned.
pub(super) async fn briefs_of(
    tx: &mut Tx,
    media: &[MediaId],
) -> DbResult<HashMap<MediaId, Vec<DeliveryBrief>>> {
    let mut briefs: HashMap<MediaId, Vec<DeliveryBrief>> = HashMap::new();
    let ids: String = media.iter().map(ToString::to_string).collect();
    let rows: Vec<OfMedia> = on!(tx, conn => sqlx::query_as(BRIEFS_OF).bind(&ids).fetch_all(conn).await)?;
    for row in rows {
        briefs.entry(row.media_id).or_default().push(row.brief);
    }
    Ok(briefs)
}

const BEGIN: &str = "
    UPDATE deliveries SET state = 'sending', attempts = attempts + 1, next_attempt_at = NULL, held_reason = NULL,
           updated_at = $2
    WHERE id = $1";

/// Begins an attempt.
pub(super) async fn begin(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(BEGIN)
        .bind(id)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const RESERVATION: &str = "SELECT reservation FROM deliveries WHERE id = $1";

/// Gives what the connector had stored before an earlier attempt.
pub(super) async fn reservation(tx: &mut Tx, id: DeliveryId) -> DbResult<Option<String>> {
    let found: Option<Option<String>> =
        on!(tx, conn => sqlx::query_scalar(RESERVATION).bind(id).fetch_optional(conn).await)?;
    Ok(found.flatten())
}

const SAVE_RESERVATION: &str = "UPDATE deliveries SET reservation = $2 WHERE id = $1";

/// Keeps what the connector needs at every attempt.
pub(super) async fn save_reservation(tx: &mut Tx, id: DeliveryId, reservation: &str) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_RESERVATION)
        .bind(id)
        .bind(reservation)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const NOTES: &str = "SELECT notes FROM deliveries WHERE id = $1";

/// Gives what the endpoint's type wants to remember from the attempts before; null when that is nothing.
pub(super) async fn notes(tx: &mut Tx, id: DeliveryId) -> DbResult<serde_json::Value> {
    let notes: Option<String> = on!(tx, conn => sqlx::query_scalar(NOTES).bind(id).fetch_one(conn).await)?;
    let broken = |error: serde_json::Error| DbError::Broken(error.into());
    Ok(notes.map(|text| serde_json::from_str(&text)).transpose().map_err(broken)?.unwrap_or_default())
}

const SAVE_NOTES: &str = "UPDATE deliveries SET notes = $2 WHERE id = $1";

/// Keeps it for the next attempt.
pub(super) async fn save_notes(tx: &mut Tx, id: DeliveryId, notes: &str) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_NOTES)
        .bind(id)
        .bind(notes)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const SAVE_VERIFYING: &str =
    "UPDATE deliveries SET state = 'verifying', updated_at = $2 WHERE id = $1 AND state = 'sending'";

/// Shows that the bytes have arrived and are being verified, unless somebody has called it off meanwhile.
pub(super) async fn save_verifying(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> DbResult<()> {
    on!(tx, conn => sqlx::query(SAVE_VERIFYING).bind(id).bind(now).execute(conn).await.map(drop))?;
    Ok(())
}

const SAVE_DELIVERED: &str = "
    UPDATE deliveries SET state = 'delivered', location = $2, last_error = NULL, updated_at = $3, delivered_at = $3
    WHERE id = $1";

/// Ends a delivery well.
pub(super) async fn save_delivered(
    tx: &mut Tx,
    id: DeliveryId,
    location: &str,
    now: Timestamp,
) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_DELIVERED)
        .bind(id)
        .bind(location)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const SAVE_RETRYING: &str = "
    UPDATE deliveries SET state = 'retrying', last_error = $2, next_attempt_at = $3, updated_at = $4 WHERE id = $1";

/// Says when a failed delivery comes again.
pub(super) async fn save_retrying(
    tx: &mut Tx,
    id: DeliveryId,
    error: &str,
    (next, now): (Timestamp, Timestamp),
) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_RETRYING)
        .bind(id)
        .bind(error)
        .bind(next)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const SAVE_HELD: &str = "
    UPDATE deliveries SET state = 'held', held_reason = $2, last_error = $3, next_attempt_at = NULL, updated_at = $4
    WHERE id = $1";

/// Leaves a delivery to a person.
pub(super) async fn save_held(
    tx: &mut Tx,
    id: DeliveryId,
    (reason, error): (HeldReason, &str),
    now: Timestamp,
) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_HELD)
        .bind(id)
        .bind(reason)
        .bind(error)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const SAVE_QUEUED: &str = "
    UPDATE deliveries SET state = 'queued', held_reason = NULL, next_attempt_at = NULL, job_id = $2, updated_at = $3,
           reservation = CASE WHEN state = 'held' THEN NULL ELSE reservation END
    WHERE id = $1";

/// Sends a delivery on its way again, with the job that works on it from now on. One that needed a person begins anew: what
/// was reserved for it may be what stood in its way.
pub(super) async fn save_queued(tx: &mut Tx, id: DeliveryId, job: JobId, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_QUEUED)
        .bind(id)
        .bind(job)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const SAVE_CANCELLED: &str = "
    UPDATE deliveries SET state = 'cancelled', held_reason = NULL, next_attempt_at = NULL, updated_at = $3,
           last_error = COALESCE($2, last_error)
    WHERE id = $1";

/// Calls a delivery off; `why` replaces what went wrong last.
pub(super) async fn save_cancelled(
    tx: &mut Tx,
    id: DeliveryId,
    why: Option<&str>,
    now: Timestamp,
) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_CANCELLED)
        .bind(id)
        .bind(why)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const INSERT_ATTEMPT: &str = "
    INSERT INTO delivery_attempts (delivery_id, number, outcome, message, started_at, ended_at)
    VALUES ($1, $2, $3, $4, $5, $6)";

/// Writes down how an attempt ended.
pub(super) async fn insert_attempt(tx: &mut Tx, id: DeliveryId, attempt: &Attempt) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(INSERT_ATTEMPT)
        .bind(id)
        .bind(attempt.number)
        .bind(attempt.outcome)
        .bind(&attempt.message)
        .bind(attempt.started_at)
        .bind(attempt.ended_at)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const ATTEMPTS: &str = "
    SELECT number, outcome, message, started_at, ended_at FROM delivery_attempts
    WHERE delivery_id = $1 ORDER BY number DESC LIMIT $2";

/// Gives the latest attempts, the newest first.
pub(super) async fn attempts(tx: &mut Tx, id: DeliveryId, most: i64) -> DbResult<Vec<Attempt>> {
    Ok(on!(tx, conn => sqlx::query_as(ATTEMPTS).bind(id).bind(most).fetch_all(conn).await)?)
}

const COUNT_HELD: &str = "SELECT COUNT(*) FROM deliveries WHERE state = 'held'";

pub(super) async fn count_held(tx: &mut Tx) -> DbResult<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_HELD).fetch_one(conn).await)?)
}

const COUNT_WAITING: &str = "
    SELECT COUNT(*) FROM deliveries
    WHERE endpoint_id = $1 AND state IN ('queued', 'sending', 'verifying', 'retrying')";

pub(super) async fn count_waiting(tx: &mut Tx, endpoint: EndpointId) -> DbResult<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_WAITING).bind(endpoint).fetch_one(conn).await)?)
}

const COUNT_WAITING_ANYWHERE: &str = "
    SELECT COUNT(*) FROM (
        SELECT 1 FROM deliveries WHERE state IN ('queued', 'sending', 'verifying', 'retrying') LIMIT $1) q";

/// Counts what still has to reach any endpoint, up to a limit.
pub(super) async fn count_waiting_anywhere(tx: &mut Tx, most: i64) -> DbResult<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_WAITING_ANYWHERE).bind(most).fetch_one(conn).await)?)
}
