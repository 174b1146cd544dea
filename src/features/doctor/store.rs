//! SQL of tests of the past and of what is known since.

use super::model::{Checkup, Finding, Occasion, PastTest, TestId};
use crate::connectors::{Ends, Outcome};
use crate::features::endpoints::EndpointId;
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};

/// How many tests of an endpoint are kept.
const KEPT: i64 = 100;
/// More than any installation has; keeps a round bounded all the same.
const MOST: i64 = 1000;

const INSERT: &str = "
    INSERT INTO endpoint_tests (id, endpoint_id, occasion, outcome, step, message, ms, tested_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const PRUNE: &str = "
    DELETE FROM endpoint_tests WHERE endpoint_id = $1 AND id <= (
        SELECT id FROM endpoint_tests WHERE endpoint_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";

/// Keeps a test, and not more than the last hundred of an endpoint.
pub(super) async fn insert(
    tx: &mut Tx,
    endpoint: EndpointId,
    (occasion, outcome): (Occasion, Outcome),
    finding: &Finding<'_>,
    now: Timestamp,
) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(INSERT)
        .bind(TestId::fresh())
        .bind(endpoint)
        .bind(occasion)
        .bind(outcome)
        .bind(finding.step)
        .bind(finding.message)
        .bind(finding.ms)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)?;
    on!(tx, conn => sqlx::query(PRUNE).bind(endpoint).bind(KEPT).execute(conn).await.map(drop))?;
    Ok(())
}

const HISTORY: &str = "
    SELECT occasion, outcome, step, message, ms, tested_at FROM endpoint_tests
    WHERE endpoint_id = $1 ORDER BY id DESC LIMIT $2";

/// Gives the last tests of an endpoint, the latest first.
pub async fn history(tx: &mut Tx, endpoint: EndpointId, limit: i64) -> DbResult<Vec<PastTest>> {
    Ok(on!(tx, conn => sqlx::query_as(HISTORY).bind(endpoint).bind(limit).fetch_all(conn).await)?)
}

/// What was told about another end says nothing about this one.
const SAVE: &str = "
    INSERT INTO endpoint_checkups (endpoint_id, revision, tested_at, ends_what, ends_at)
    SELECT id, revision, $2, $3, $4 FROM endpoints WHERE id = $1
    ON CONFLICT (endpoint_id) DO UPDATE SET revision = excluded.revision, tested_at = excluded.tested_at,
        told_days = CASE WHEN endpoint_checkups.ends_at = excluded.ends_at THEN endpoint_checkups.told_days END,
        ends_what = excluded.ends_what, ends_at = excluded.ends_at";

/// A test that did not get so far says nothing about ends; what is known stays.
const SAVE_TESTED: &str = "
    INSERT INTO endpoint_checkups (endpoint_id, revision, tested_at)
    SELECT id, revision, $2 FROM endpoints WHERE id = $1
    ON CONFLICT (endpoint_id) DO UPDATE SET revision = excluded.revision, tested_at = excluded.tested_at";

/// Keeps what a test found that got through to its end.
pub(super) async fn save(
    tx: &mut Tx,
    endpoint: EndpointId,
    ends: Option<Ends>,
    now: Timestamp,
) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE)
        .bind(endpoint)
        .bind(now)
        .bind(ends.map(|ends| ends.what))
        .bind(ends.map(|ends| ends.at))
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Keeps that an endpoint was tested, when the test could not find out what ends.
pub(super) async fn save_tested(tx: &mut Tx, endpoint: EndpointId, now: Timestamp) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_TESTED)
        .bind(endpoint)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

macro_rules! checkups {
    ($rest:literal) => {
        concat!(
            "SELECT c.endpoint_id, c.tested_at, c.ends_what, c.ends_at, c.told_days, c.told_broken_at
             FROM endpoint_checkups c ",
            $rest
        )
    };
}

const CHECKUP: &str = checkups!("WHERE c.endpoint_id = $1");

/// Gives what is known of an endpoint; nothing before its first test.
pub async fn checkup(tx: &mut Tx, endpoint: EndpointId) -> DbResult<Option<Checkup>> {
    Ok(on!(tx, conn => sqlx::query_as(CHECKUP).bind(endpoint).fetch_optional(conn).await)?)
}

const ALL: &str = checkups!("JOIN endpoints e ON e.id = c.endpoint_id AND e.deleted_at IS NULL LIMIT $1");

/// Gives what is known of all endpoints.
pub async fn all(tx: &mut Tx) -> DbResult<Vec<Checkup>> {
    Ok(on!(tx, conn => sqlx::query_as(ALL).bind(MOST).fetch_all(conn).await)?)
}

const DUE: &str = "
    SELECT e.id FROM endpoints e LEFT JOIN endpoint_checkups c ON c.endpoint_id = e.id
    WHERE e.deleted_at IS NULL AND e.state = 'active' AND e.leaving IS NULL
      AND (c.tested_at IS NULL OR c.revision <> e.revision OR c.tested_at < $1)
    ORDER BY e.id LIMIT $2";

/// Gives the endpoints that run and were not tested since an instant, or never as they are.
pub(super) async fn due(tx: &mut Tx, since: Timestamp) -> DbResult<Vec<EndpointId>> {
    Ok(on!(tx, conn => sqlx::query_scalar(DUE).bind(since).bind(MOST).fetch_all(conn).await)?)
}

const SAVE_TOLD: &str =
    "UPDATE endpoint_checkups SET told_days = $2, told_broken_at = $3 WHERE endpoint_id = $1";

/// Keeps what people were told.
pub(super) async fn save_told(tx: &mut Tx, checkup: &Checkup) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_TOLD)
        .bind(checkup.endpoint_id)
        .bind(checkup.told_days)
        .bind(checkup.told_broken_at)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}
