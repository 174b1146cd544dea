//! How an endpoint does: the present state of its deliveries, and their count by the hour.

use crate::features::endpoints::EndpointId;
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};

/// What lists say of an endpoint's last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct Figures {
    /// Files that arrived.
    pub delivered: i64,
    /// Attempts that failed.
    pub failed: i64,
    /// How much arrived, in bytes.
    pub bytes: i64,
}

impl Figures {
    /// Gives the share of attempts that ended well, in tenths of a percent; nothing when there was none.
    #[must_use]
    pub fn success(&self) -> Option<i64> {
        let attempts = self.delivered + self.failed;
        (attempts > 0).then(|| self.delivered * 1000 / attempts)
    }
}

/// How long an hour is, in milliseconds.
const HOUR: i64 = 60 * 60 * 1000;
/// How far back lists look.
const DAY: i64 = 24 * HOUR;

const SUCCESS: &str = "UPDATE endpoints
    SET last_error = NULL, failing_since = NULL, delivered_at = $2, updated_at = $2 WHERE id = $1";
const FAILURE: &str = "UPDATE endpoints
    SET last_error = $3, failing_since = COALESCE(failing_since, $2), updated_at = $2 WHERE id = $1";
const COUNT: &str =
    "INSERT INTO endpoint_hours (endpoint_id, hour, delivered, failed, bytes) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (endpoint_id, hour) DO UPDATE SET delivered = endpoint_hours.delivered + excluded.delivered,
        failed = endpoint_hours.failed + excluded.failed, bytes = endpoint_hours.bytes + excluded.bytes";

/// Writes down how a delivery ended. Success, with the file's bytes, ends a failure; the first failure begins one, later
/// ones only say why.
pub async fn note_outcome(
    tx: &mut Tx,
    id: EndpointId,
    now: Timestamp,
    outcome: Result<i64, &str>,
) -> DbResult<()> {
    let changed = match outcome {
        Ok(_) => on!(tx, conn => sqlx::query(SUCCESS).bind(id).bind(now).execute(conn).await
            .map(|done| done.rows_affected())),
        Err(message) => {
            on!(tx, conn => sqlx::query(FAILURE).bind(id).bind(now).bind(message).execute(conn).await
            .map(|done| done.rows_affected()))
        }
    };
    expect_one(changed?)?;
    let counted = Figures {
        delivered: i64::from(outcome.is_ok()),
        failed: i64::from(outcome.is_err()),
        bytes: outcome.unwrap_or_default(),
    };
    on!(tx, conn => sqlx::query(COUNT)
        .bind(id)
        .bind(now.millis() - now.millis().rem_euclid(HOUR))
        .bind(counted.delivered)
        .bind(counted.failed)
        .bind(counted.bytes)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(())
}

const LAST_DAY: &str = "
    SELECT endpoint_id, CAST(SUM(delivered) AS BIGINT) AS delivered, CAST(SUM(failed) AS BIGINT) AS failed,
           CAST(SUM(bytes) AS BIGINT) AS bytes
    FROM endpoint_hours WHERE hour > $1 GROUP BY endpoint_id";

/// Gives the figures of the last 24 hours, the first of them as far as it lies within; endpoints without any are missing.
pub async fn last_day(tx: &mut Tx, now: Timestamp) -> DbResult<Vec<(EndpointId, Figures)>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        endpoint_id: EndpointId,
        #[sqlx(flatten)]
        figures: Figures,
    }
    let rows: Vec<Row> =
        on!(tx, conn => sqlx::query_as(LAST_DAY).bind(now.millis() - DAY).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|row| (row.endpoint_id, row.figures)).collect())
}

const HOURS: &str = "
    SELECT hour, CAST(SUM(delivered) AS BIGINT) AS delivered, CAST(SUM(failed) AS BIGINT) AS failed,
           CAST(SUM(bytes) AS BIGINT) AS bytes
    FROM endpoint_hours WHERE hour >= $1 GROUP BY hour ORDER BY hour";

/// Gives the figures of all endpoints together by the hour from an instant on; hours without any are missing.
pub async fn hours(tx: &mut Tx, since: Timestamp) -> DbResult<Vec<(Timestamp, Figures)>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        hour: Timestamp,
        #[sqlx(flatten)]
        figures: Figures,
    }
    let rows: Vec<Row> = on!(tx, conn => sqlx::query_as(HOURS).bind(since).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|row| (row.hour, row.figures)).collect())
}
