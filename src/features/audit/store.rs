//! SQL of the audit log. There is no statement here that changes what a row says.

use super::model::{AuditEntryId, AuditFilter, Entry, NewEntry};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};
use crate::platform::web::pagination::Moment;

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
const EXISTS: &str = "SELECT COUNT(*) FROM audit_entries WHERE id = $1";
const HASH_AT: &str = "SELECT hash FROM audit_entries WHERE number = $1";
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

/// Tells whether there is a row of this identifier.
pub(super) async fn exists(tx: &mut Tx, id: AuditEntryId) -> DbResult<bool> {
    let count: i64 = on!(tx, conn => sqlx::query_scalar(EXISTS).bind(id).fetch_one(conn).await)?;
    Ok(count > 0)
}

/// Gives the hash of the row at a place.
pub(super) async fn hash_at(tx: &mut Tx, number: i64) -> DbResult<Option<String>> {
    let found: Option<Option<String>> =
        on!(tx, conn => sqlx::query_scalar(HASH_AT).bind(number).fetch_optional(conn).await)?;
    Ok(found.flatten())
}

/// A filter beside those that an index serves: it applies when its value is not null.
macro_rules! perhaps {
    ($column:literal $value:literal) => {
        concat!("(CAST(", $value, " AS TEXT) IS NULL OR ", $column, " = ", $value, ")")
    };
}

/// A statement for each index. All have the same parameters: $1 and $2 the place behind which the page begins, $3 the
/// first instant, $4 the limit, $5 actor, $6 action, $7 target.
macro_rules! listed {
    ($($condition:expr),+) => {
        concat!(
            "SELECT id, at, actor_kind, actor_id, actor_name, action, target_kind, target_id, detail, address,
                    request_id, number, previous_hash, hash FROM audit_entries
             WHERE ", $($condition, " AND ",)+
            "(at, id) < ($1, $2) AND at >= $3 ORDER BY at DESC, id DESC LIMIT $4"
        )
    };
}

/// What happened to one thing is little; it is found by the thing and then filtered.
const LIST_TARGET: &str = listed!("target_id = $7", perhaps!("actor_id" "$5"), perhaps!("action" "$6"));
const LIST_ACTOR_ACTION: &str = listed!("actor_id = $5 AND action = $6", perhaps!("target_id" "$7"));
const LIST_ACTOR: &str = listed!("actor_id = $5", perhaps!("action" "$6"), perhaps!("target_id" "$7"));
const LIST_ACTION: &str = listed!("action = $6", perhaps!("actor_id" "$5"), perhaps!("target_id" "$7"));
const LIST: &str = listed!(perhaps!("actor_id" "$5"), perhaps!("action" "$6"), perhaps!("target_id" "$7"));

/// Lists rows behind a place, the newest first.
pub(super) async fn list(
    tx: &mut Tx,
    filter: &AuditFilter,
    after: Option<Moment>,
    limit: i64,
) -> DbResult<Vec<Entry>> {
    let (at, id) = filter.behind(after);
    // Planned for these very values each time: a plan that the server kept for all would walk the whole log for an action
    // that is rare (0.4 s in a million rows).
    Ok(on!(tx, conn => sqlx::query_as(statement(filter))
        .persistent(false)
        .bind(at)
        .bind(&id)
        .bind(filter.from.unwrap_or(Timestamp::from_millis(i64::MIN)))
        .bind(limit)
        .bind(&filter.actor)
        .bind(&filter.action)
        .bind(&filter.target)
        .fetch_all(conn)
        .await)?)
}

/// Chooses the statement whose index leaves the fewest rows to look at.
fn statement(filter: &AuditFilter) -> &'static str {
    match (&filter.target, &filter.actor, &filter.action) {
        (Some(_), _, _) => LIST_TARGET,
        (None, Some(_), Some(_)) => LIST_ACTOR_ACTION,
        (None, Some(_), None) => LIST_ACTOR,
        (None, None, Some(_)) => LIST_ACTION,
        (None, None, None) => LIST,
    }
}
