//! SQL of the use cases and of the one table that links them with endpoints.

use super::model::{Link, Side, UseCase, UseCaseId};
use crate::features::endpoints::EndpointId;
use crate::formats::kinds::Purpose;
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};

/// More than any installation has; keeps a list bounded all the same.
const MOST: i64 = 1000;

const LIST: &str = "SELECT id, name, created_at, updated_at FROM use_cases ORDER BY name, id LIMIT $1";
const LIST_BEHIND: &str =
    "SELECT id, name, created_at, updated_at FROM use_cases WHERE name > $1 ORDER BY name LIMIT $2";
const FIND: &str = "SELECT id, name, created_at, updated_at FROM use_cases WHERE id = $1";
const FIND_BY_NAME_OR_ID: &str = "SELECT id, name, created_at, updated_at FROM use_cases
    WHERE id = $1 OR name = $1 ORDER BY CASE WHEN id = $1 THEN 0 ELSE 1 END LIMIT 1";
const INSERT: &str = "INSERT INTO use_cases (id, name, created_at, updated_at) VALUES ($1, $2, $3, $3)";
const RENAME: &str = "UPDATE use_cases SET name = $2, updated_at = $3 WHERE id = $1";
const TOUCH: &str = "UPDATE use_cases SET updated_at = $2 WHERE id = $1";

const ENDPOINTS_FOR: &str = "SELECT links.endpoint_id FROM use_case_endpoints links
    JOIN endpoints ON endpoints.id = links.endpoint_id AND endpoints.deleted_at IS NULL AND endpoints.leaving IS NULL
    WHERE links.use_case_id = $1 AND links.purpose = $2 ORDER BY links.endpoint_id";
const LINKS: &str = "SELECT use_case_id, purpose, endpoint_id FROM use_case_endpoints";
const LINKS_OF_USE_CASE: &str = "SELECT use_case_id, purpose, endpoint_id FROM use_case_endpoints
    WHERE use_case_id = $1 AND purpose = $2";
const LINKS_OF_ENDPOINT: &str = "SELECT use_case_id, purpose, endpoint_id FROM use_case_endpoints
    WHERE endpoint_id = $1 AND purpose = $2";
/// The items of a page are neighbours by name.
const LINKS_OF_USE_CASES: &str = "SELECT l.use_case_id, l.purpose, l.endpoint_id FROM use_cases u
    JOIN use_case_endpoints l ON l.use_case_id = u.id
    JOIN endpoints e ON e.id = l.endpoint_id AND e.deleted_at IS NULL
    WHERE u.name > $1 AND u.name <= $2 ORDER BY e.name";
const LINKS_OF_ENDPOINTS: &str = "SELECT l.use_case_id, l.purpose, l.endpoint_id FROM endpoints e
    JOIN use_case_endpoints l ON l.endpoint_id = e.id
    JOIN use_cases u ON u.id = l.use_case_id
    WHERE e.deleted_at IS NULL AND e.name > $1 AND e.name <= $2 ORDER BY u.name";
const INSERT_LINK: &str =
    "INSERT INTO use_case_endpoints (use_case_id, purpose, endpoint_id, endpoint_type) VALUES ($1, $2, $3, $4)
    ON CONFLICT (use_case_id, purpose, endpoint_id) DO NOTHING";
const DELETE_LINK: &str =
    "DELETE FROM use_case_endpoints WHERE use_case_id = $1 AND purpose = $2 AND endpoint_id = $3";

/// Lists by name.
pub(super) async fn list(tx: &mut Tx) -> DbResult<Vec<UseCase>> {
    Ok(on!(tx, conn => sqlx::query_as(LIST).bind(MOST).fetch_all(conn).await)?)
}

/// Lists by name, which no two have, behind a name.
pub(super) async fn list_behind(tx: &mut Tx, behind: &str, limit: i64) -> DbResult<Vec<UseCase>> {
    Ok(on!(tx, conn => sqlx::query_as(LIST_BEHIND).bind(behind).bind(limit).fetch_all(conn).await)?)
}

/// Finds one.
pub(super) async fn find(tx: &mut Tx, id: UseCaseId) -> DbResult<Option<UseCase>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND).bind(id).fetch_optional(conn).await)?)
}

/// Finds one by what a client wrote.
pub(super) async fn find_by_name_or_id(tx: &mut Tx, text: &str) -> DbResult<Option<UseCase>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND_BY_NAME_OR_ID).bind(text).fetch_optional(conn).await)?)
}

/// Adds one.
pub(super) async fn insert(tx: &mut Tx, id: UseCaseId, name: &str, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(INSERT).bind(id).bind(name).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

/// Changes a name.
pub(super) async fn rename(tx: &mut Tx, id: UseCaseId, name: &str, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(RENAME).bind(id).bind(name).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

/// Moves `updated_at`, and keeps other writers of the row waiting until this transaction ends.
pub(super) async fn touch(tx: &mut Tx, id: UseCaseId, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(TOUCH).bind(id).bind(now).execute(conn).await
        .map(|done| done.rows_affected()))?)
}

/// Gives the endpoints for a purpose, oldest first.
pub(super) async fn endpoints_for(tx: &mut Tx, id: UseCaseId, purpose: Purpose) -> DbResult<Vec<EndpointId>> {
    Ok(on!(tx, conn => sqlx::query_scalar(ENDPOINTS_FOR).bind(id).bind(purpose).fetch_all(conn).await)?)
}

/// Gives every link.
pub(super) async fn links(tx: &mut Tx) -> DbResult<Vec<Link>> {
    Ok(on!(tx, conn => sqlx::query_as(LINKS).fetch_all(conn).await)?)
}

/// Gives the links of the use cases behind one name up to another, by the endpoints' names.
pub(super) async fn links_of_use_cases(tx: &mut Tx, behind: &str, last: &str) -> DbResult<Vec<Link>> {
    Ok(on!(tx, conn => sqlx::query_as(LINKS_OF_USE_CASES).bind(behind).bind(last).fetch_all(conn).await)?)
}

/// Gives the links of the endpoints behind one name up to another, by the use cases' names.
pub(super) async fn links_of_endpoints(tx: &mut Tx, behind: &str, last: &str) -> DbResult<Vec<Link>> {
    Ok(on!(tx, conn => sqlx::query_as(LINKS_OF_ENDPOINTS).bind(behind).bind(last).fetch_all(conn).await)?)
}

/// Gives the links that a side has for a purpose.
pub(super) async fn links_of(tx: &mut Tx, side: &Side, purpose: Purpose) -> DbResult<Vec<Link>> {
    let (sql, id) = match side {
        Side::UseCase(id, _) => (LINKS_OF_USE_CASE, id.to_string()),
        Side::Endpoint(id, _) => (LINKS_OF_ENDPOINT, id.to_string()),
    };
    Ok(on!(tx, conn => sqlx::query_as(sql).bind(id).bind(purpose).fetch_all(conn).await)?)
}

/// Adds a link; false when it was there.
pub(super) async fn insert_link(tx: &mut Tx, link: Link, endpoint_type: &str) -> DbResult<bool> {
    let inserted = on!(tx, conn => sqlx::query(INSERT_LINK)
        .bind(link.use_case_id)
        .bind(link.purpose)
        .bind(link.endpoint_id)
        .bind(endpoint_type)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(inserted == 1)
}

/// Removes a link; false when it was gone.
pub(super) async fn delete_link(tx: &mut Tx, link: Link) -> DbResult<bool> {
    let deleted = on!(tx, conn => sqlx::query(DELETE_LINK)
        .bind(link.use_case_id)
        .bind(link.purpose)
        .bind(link.endpoint_id)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(deleted == 1)
}

const TAKE_LINKS: &str =
    "DELETE FROM use_case_endpoints WHERE endpoint_id = $1 RETURNING use_case_id, purpose, endpoint_id";

/// Takes all links of an endpoint away and gives them, to be put back when its type has changed: the database holds the
/// two equal.
pub(super) async fn take_links_of_endpoint(tx: &mut Tx, id: EndpointId) -> DbResult<Vec<Link>> {
    Ok(on!(tx, conn => sqlx::query_as(TAKE_LINKS).bind(id).fetch_all(conn).await)?)
}
