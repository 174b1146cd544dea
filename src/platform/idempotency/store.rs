//! SQL of idempotency keys.

use super::{Fingerprint, Name};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};

const INSERT: &str = "
    INSERT INTO idempotency_keys (principal, key, state, lease_no, lease_until, expires_at)
    VALUES ($1, $2, 'running', 1, $3, $4)
    ON CONFLICT (principal, key) DO NOTHING";

/// Takes a key that nobody has; true when it was free. A request that takes it at the same time waits for the end of
/// this transaction.
pub(super) async fn insert(
    tx: &mut Tx,
    name: &Name,
    lease_until: Timestamp,
    end: Timestamp,
) -> DbResult<bool> {
    let added = on!(tx, conn => sqlx::query(INSERT)
        .bind(&name.principal)
        .bind(&name.key)
        .bind(lease_until)
        .bind(end)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(added == 1)
}

/// A key's row.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) lease_no: i64,
    pub(super) lease_until: Timestamp,
    pub(super) fingerprint: Option<String>,
    pub(super) status: Option<i64>,
    pub(super) sealed_reply: Option<Vec<u8>>,
    pub(super) expires_at: Timestamp,
}

const FIND: &str = "
    SELECT lease_no, lease_until, fingerprint, status, sealed_reply, expires_at
    FROM idempotency_keys WHERE principal = $1 AND key = $2";

pub(super) async fn find(tx: &mut Tx, name: &Name) -> DbResult<Option<Row>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND)
        .bind(&name.principal)
        .bind(&name.key)
        .fetch_optional(conn)
        .await)?)
}

const TAKE_OVER: &str = "
    UPDATE idempotency_keys
    SET state = 'running', lease_no = lease_no + 1, lease_until = $4, expires_at = $5,
        fingerprint = NULL, status = NULL, sealed_reply = NULL
    WHERE principal = $1 AND key = $2 AND lease_no = $3";

/// Takes a key over from whoever held it with this number; true when nobody was faster.
pub(super) async fn take_over(
    tx: &mut Tx,
    name: &Name,
    lease_no: i64,
    (lease_until, end): (Timestamp, Timestamp),
) -> DbResult<bool> {
    let taken = on!(tx, conn => sqlx::query(TAKE_OVER)
        .bind(&name.principal)
        .bind(&name.key)
        .bind(lease_no)
        .bind(lease_until)
        .bind(end)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(taken == 1)
}

const RENEW: &str = "
    UPDATE idempotency_keys SET lease_until = $4
    WHERE principal = $1 AND key = $2 AND lease_no = $3 AND state = 'running'";

pub(super) async fn renew(tx: &mut Tx, name: &Name, lease_no: i64, until: Timestamp) -> DbResult<u64> {
    Ok(on!(tx, conn => sqlx::query(RENEW)
        .bind(&name.principal)
        .bind(&name.key)
        .bind(lease_no)
        .bind(until)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const SETTLE: &str = "
    UPDATE idempotency_keys SET state = 'done', fingerprint = $4, status = $5, sealed_reply = $6
    WHERE principal = $1 AND key = $2 AND lease_no = $3 AND state = 'running'";

/// Keeps a reply; true while the key is still held with this number.
pub(super) async fn settle(
    tx: &mut Tx,
    name: &Name,
    lease_no: i64,
    (fingerprint, status, sealed_reply): (&Fingerprint, u16, Vec<u8>),
) -> DbResult<bool> {
    let kept = on!(tx, conn => sqlx::query(SETTLE)
        .bind(&name.principal)
        .bind(&name.key)
        .bind(lease_no)
        .bind(&fingerprint.0)
        .bind(i64::from(status))
        .bind(sealed_reply)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(kept == 1)
}

const RELEASE: &str = "
    DELETE FROM idempotency_keys
    WHERE principal = $1 AND key = $2 AND lease_no = $3 AND state = 'running'";

/// Gives a key back whose request came to nothing.
pub(super) async fn release(tx: &mut Tx, name: &Name, lease_no: i64) -> DbResult<u64> {
    Ok(on!(tx, conn => sqlx::query(RELEASE)
        .bind(&name.principal)
        .bind(&name.key)
        .bind(lease_no)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const RELEASE_ALL: &str = "DELETE FROM idempotency_keys WHERE state = 'running'";

pub(super) async fn release_all(tx: &mut Tx) -> DbResult<u64> {
    Ok(on!(tx, conn => sqlx::query(RELEASE_ALL).execute(conn).await.map(|done| done.rows_affected()))?)
}

const DELETE_ENDED: &str = "
    DELETE FROM idempotency_keys WHERE (principal, key) IN
        (SELECT principal, key FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";

/// Removes keys whose time is over, at most so many.
pub(super) async fn delete_ended(tx: &mut Tx, now: Timestamp, most: i64) -> DbResult<u64> {
    Ok(on!(tx, conn => sqlx::query(DELETE_ENDED)
        .bind(now)
        .bind(most)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}
