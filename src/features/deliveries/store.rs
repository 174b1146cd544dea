//! SQL of deliveries and their attempts. Reads join the names that people know things by.

use super::model::{Attempt, AttemptOutcome, Delivery, DeliveryBrief, DeliveryId, DeliveryState, HeldReason};
use crate::features::endpoints::EndpointId;
use crate::features::media::MediaId;
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.media_id, d.endpoint_id, e.name AS endpoint_name, d.state, d.held_reason, d.attempts,
                d.location, d.last_error, d.next_attempt_at, d.created_at, d.updated_at, d.delivered_at,
                m.file_name, m.extension, m.kind, m.mime_type, m.size, m.sha256, m.created_at AS media_created_at,
                u.name AS use_case
             FROM deliveries d JOIN media m ON m.id = d.media_id JOIN endpoints e ON e.id = d.endpoint_id
                JOIN conversations c ON c.id = m.conversation_id LEFT JOIN use_cases u ON u.id = c.use_case_id ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE d.id = $1");
const LIST: &str = select!("WHERE d.id < $1 ORDER BY d.id DESC LIMIT $2");
const LIST_OF_ENDPOINT: &str = select!("WHERE d.id < $1 AND d.endpoint_id = $3 ORDER BY d.id DESC LIMIT $2");
const LIST_IN_STATE: &str = select!("WHERE d.id < $1 AND d.state = $3 ORDER BY d.id DESC LIMIT $2");
const LIST_OF_ENDPOINT_IN_STATE: &str =
    select!("WHERE d.id < $1 AND d.endpoint_id = $3 AND d.state = $4 ORDER BY d.id DESC LIMIT $2");
const LIST_OF_MEDIA: &str = select!("WHERE d.id < $1 AND d.media_id = $3 ORDER BY d.id DESC LIMIT $2");

const INSERT: &str =
    "INSERT INTO deliveries (id, media_id, endpoint_id, state, attempts, created_at, updated_at)
    VALUES ($1, $2, $3, $4, 0, $5, $5)";
const BRIEFS: &str = "SELECT id, endpoint_id, state FROM deliveries WHERE media_id = $1 ORDER BY id";
const COUNT_HELD: &str = "SELECT COUNT(*) FROM deliveries WHERE state = 'held'";
const COUNT_WAITING: &str = "SELECT COUNT(*) FROM deliveries
    WHERE endpoint_id = $1 AND state IN ('queued', 'sending', 'verifying', 'retrying')";

const BEGIN: &str = "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, next_attempt_at = NULL, updated_at = $2
    WHERE id = $1 AND state IN ('queued', 'sending', 'verifying', 'retrying')";
const VERIFYING: &str =
    "UPDATE deliveries SET state = 'verifying', updated_at = $2 WHERE id = $1 AND state = 'sending'";
const DELIVERED: &str =
    "UPDATE deliveries SET state = 'delivered', location = $2, last_error = NULL, delivered_at = $3,
    updated_at = $3 WHERE id = $1";
const RETRYING: &str =
    "UPDATE deliveries SET state = 'retrying', last_error = $2, next_attempt_at = $3, updated_at = $4
    WHERE id = $1";
const HELD: &str = "UPDATE deliveries SET state = 'held', held_reason = $2, last_error = $3, updated_at = $4
    WHERE id = $1 AND state <> 'delivered' AND state <> 'cancelled'";

const INSERT_ATTEMPT: &str =
    "INSERT INTO delivery_attempts (delivery_id, number, outcome, message, started_at, ended_at)
    VALUES ($1, $2, $3, $4, $5, $6)";
const ATTEMPTS: &str = "SELECT number, outcome, message, started_at, ended_at FROM delivery_attempts
    WHERE delivery_id = $1 ORDER BY number DESC LIMIT 200";

/// Which deliveries a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope {
    pub(super) endpoint: Option<EndpointId>,
    pub(super) state: Option<DeliveryState>,
    pub(super) media: Option<MediaId>,
}

pub(super) async fn find(tx: &mut Tx, id: DeliveryId) -> DbResult<Option<Delivery>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND).bind(id).fetch_optional(conn).await)?)
}

/// Lists newest first, from behind `behind`; each combination has an index that serves it. A media has few deliveries,
/// so its list needs no further narrowing by the database.
pub(super) async fn list(tx: &mut Tx, scope: Scope, behind: &str, limit: i64) -> DbResult<Vec<Delivery>> {
    let rows = match scope {
        Scope { media: Some(media), .. } => {
            on!(tx, conn => sqlx::query_as(LIST_OF_MEDIA).bind(behind).bind(limit).bind(media).fetch_all(conn).await)
        }
        Scope { endpoint: Some(endpoint), state: Some(state), .. } => {
            on!(tx, conn => sqlx::query_as(LIST_OF_ENDPOINT_IN_STATE)
            .bind(behind).bind(limit).bind(endpoint).bind(state).fetch_all(conn).await)
        }
        Scope { endpoint: Some(endpoint), .. } => {
            on!(tx, conn => sqlx::query_as(LIST_OF_ENDPOINT).bind(behind).bind(limit).bind(endpoint).fetch_all(conn).await)
        }
        Scope { state: Some(state), .. } => {
            on!(tx, conn => sqlx::query_as(LIST_IN_STATE).bind(behind).bind(limit).bind(state).fetch_all(conn).await)
        }
        Scope { .. } => on!(tx, conn => sqlx::query_as(LIST).bind(behind).bind(limit).fetch_all(conn).await),
    };
    let rows: Vec<Delivery> = rows?;
    let fits = |row: &Delivery| {
        scope.state.is_none_or(|state| row.state == state)
            && scope.endpoint.is_none_or(|id| row.endpoint_id == id)
    };
    Ok(rows.into_iter().filter(fits).collect())
}

pub(super) async fn insert(tx: &mut Tx, new: &DeliveryBrief, media: MediaId, now: Timestamp) -> DbResult<()> {
    on!(tx, conn => sqlx::query(INSERT)
        .bind(new.id)
        .bind(media)
        .bind(new.endpoint_id)
        .bind(new.state)
        .bind(now)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub(super) async fn briefs_of(tx: &mut Tx, media: MediaId) -> DbResult<Vec<DeliveryBrief>> {
    Ok(on!(tx, conn => sqlx::query_as(BRIEFS).bind(media).fetch_all(conn).await)?)
}

pub(super) async fn count_held(tx: &mut Tx) -> DbResult<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_HELD).fetch_one(conn).await)?)
}

pub(super) async fn count_waiting(tx: &mut Tx, endpoint: EndpointId) -> DbResult<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_WAITING).bind(endpoint).fetch_one(conn).await)?)
}

/// Begins an attempt; false when the delivery is over or cancelled.
pub(super) async fn begin(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(BEGIN).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

pub(super) async fn save_verifying(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(VERIFYING).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

pub(super) async fn save_delivered(
    tx: &mut Tx,
    id: DeliveryId,
    location: &str,
    now: Timestamp,
) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(DELIVERED).bind(id).bind(location).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

pub(super) async fn save_retrying(
    tx: &mut Tx,
    id: DeliveryId,
    message: &str,
    next: Timestamp,
    now: Timestamp,
) -> DbResult<()> {
    expect_one(
        on!(tx, conn => sqlx::query(RETRYING).bind(id).bind(message).bind(next).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?,
    )
}

/// Holds a delivery; false when it was over already.
pub(super) async fn save_held(
    tx: &mut Tx,
    id: DeliveryId,
    reason: HeldReason,
    message: &str,
    now: Timestamp,
) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(HELD).bind(id).bind(reason).bind(message).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

pub(super) async fn insert_attempt(tx: &mut Tx, id: DeliveryId, attempt: &Attempt) -> DbResult<()> {
    on!(tx, conn => sqlx::query(INSERT_ATTEMPT)
        .bind(id)
        .bind(attempt.number)
        .bind(attempt.outcome)
        .bind(&attempt.message)
        .bind(attempt.started_at)
        .bind(attempt.ended_at)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub(super) async fn attempts(tx: &mut Tx, id: DeliveryId) -> DbResult<Vec<Attempt>> {
    Ok(on!(tx, conn => sqlx::query_as(ATTEMPTS).bind(id).fetch_all(conn).await)?)
}

/// Makes the row of an attempt.
pub(super) fn attempt(
    number: i64,
    outcome: AttemptOutcome,
    message: Option<&str>,
    started_at: Timestamp,
    ended_at: Timestamp,
) -> Attempt {
    Attempt { number, outcome, message: message.map(str::to_owned), started_at, ended_at }
}
