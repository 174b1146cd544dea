//! SQL of the audit log. There is no statement here that changes what a row says.

use super::model::{AuditEntryId, Entry, NewEntry};
use crate::on;
use crate::platform::db::{DbResult, Tx, expect_one};

const INSERT: &str = "INSERT INTO audit_entries
    (id, at, actor_kind, actor_id, actor_name, action, target_kind, target_id, detail, address, request_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (id) DO NOTHING";

const COLUMNS_UNCHAINED: &str = "SELECT id, at, actor_kind, actor_id, actor_name, action, target_kind, target_id, detail,
    address, request_id, number, previous_hash, hash FROM audit_entries WHERE number IS NULL ORDER BY id LIMIT $1";

const COLUMNS_FROM: &str = "SELECT id, at, actor_kind, actor_id, actor_name, action, target_kind, target_id, detail,
    address, request_id, number, previous_hash, hash FROM audit_entries WHERE number > $1 ORDER BY number LIMIT $2";

const HEAD: &str =
    "SELECT number, hash FROM audit_entries WHERE number IS NOT NULL ORDER BY number DESC LIMIT 1";
const PLACE: &str =
    "UPDATE audit_entries SET number = $2, previous_hash = $3, hash = $4 WHERE id = $1 AND number IS NULL";
const COUNT_UNCHAINED: &str = "SELECT COUNT(*) FROM audit_entries WHERE number IS NULL";

/// Adds a row.
pub(super) async fn insert(tx: &mut Tx, entry: &NewEntry) -> DbResult<()> {
    expect_one(insert_counted(tx, entry).await?)
}

/// Adds a row unless its identifier is there already; true when it was added.
pub(super) async fn insert_once(tx: &mut Tx, entry: &NewEntry) -> DbResult<bool> {
    Ok(insert_counted(tx, entry).await? == 1)
}

async fn insert_counted(tx: &mut Tx, entry: &NewEntry) -> DbResult<u64> {
    Ok(on!(tx, conn => sqlx::query(INSERT)
        .bind(entry.id)
        .bind(entry.at)
        .bind(entry.actor_kind)
        .bind(&entry.actor_id)
        .bind(&entry.actor_name)
        .bind(entry.action)
        .bind(entry.target_kind)
        .bind(&entry.target_id)
        .bind(&entry.detail)
        .bind(&entry.address)
        .bind(&entry.request_id)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Gives rows that have no place yet, oldest first.
pub(super) async fn unchained(tx: &mut Tx, most: i64) -> DbResult<Vec<Entry>> {
    Ok(on!(tx, conn => sqlx::query_as(COLUMNS_UNCHAINED).bind(most).fetch_all(conn).await)?)
}

/// Counts rows that have no place yet.
pub(super) async fn count_unchained(tx: &mut Tx) -> DbResult<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_UNCHAINED).fetch_one(conn).await)?)
}

/// Gives rows behind a place, in order.
pub(super) async fn chained_after(tx: &mut Tx, number: i64, most: i64) -> DbResult<Vec<Entry>> {
    Ok(on!(tx, conn => sqlx::query_as(COLUMNS_FROM).bind(number).bind(most).fetch_all(conn).await)?)
}

/// Gives the last place and its hash.
pub(super) async fn head(tx: &mut Tx) -> DbResult<Option<(i64, String)>> {
    Ok(on!(tx, conn => sqlx::query_as(HEAD).fetch_optional(conn).await)?)
}

/// Gives a row its place.
pub(super) async fn place(
    tx: &mut Tx,
    id: AuditEntryId,
    number: i64,
    previous: &str,
    hash: &str,
) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(PLACE)
        .bind(id)
        .bind(number)
        .bind(previous)
        .bind(hash)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}
