//! Opening a PostgreSQL server: time limits, and a guard against connections left inside a transaction.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row};

use super::DbResult;
use crate::platform::clock::Timestamp;

const CONNECTIONS: u32 = 16;

pub(super) async fn open(url: &str) -> anyhow::Result<PgPool> {
    let options =
        PgConnectOptions::from_str(url).context("the database address is not understood")?.options([
            ("synchronous_commit", "on"),
            ("statement_timeout", "10s"),
            ("lock_timeout", "3s"),
            ("idle_in_transaction_session_timeout", "15s"),
            ("application_name", "mediaport"),
        ]);
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(3))
        .max_lifetime(Duration::from_mins(30))
        // sqlx 0.9.0 can hand back a connection that is still inside a transaction when the task that was beginning it
        // is dropped (launchbadge/sqlx#4393); such a connection is thrown away. Outside a transaction both functions
        // agree; the simple protocol keeps them in one statement.
        .after_release(|connection, _| {
            Box::pin(async move {
                let open: bool = sqlx::raw_sql("SELECT now() <> statement_timestamp()")
                    .fetch_one(&mut *connection)
                    .await?
                    .try_get(0)?;
                Ok(!open)
            })
        })
        .connect_with(options)
        .await
        .context("cannot reach the database server")?;
    sqlx::migrate!("migrations/postgres").run(&pool).await.context("cannot bring the schema up to date")?;
    Ok(pool)
}

/// Asks the server for its time.
pub(super) async fn now(pool: &PgPool) -> DbResult<Timestamp> {
    let millis: i64 =
        sqlx::query_scalar("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
            .fetch_one(pool)
            .await?;
    Ok(Timestamp::from_millis(millis))
}
