//! Opening the embedded engine: durable settings, a read-only pool, one write connection.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};

/// Readers at once; more would only wait for the two or four processors of a usual host.
const READERS: u32 = 8;

pub(super) async fn open(path: &Path) -> anyhow::Result<(SqlitePool, SqliteConnection)> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("cache_size", "-16384")
        .pragma("mmap_size", "268435456")
        .optimize_on_close(true, 400);
    let mut write = options.connect().await.with_context(|| format!("cannot open {}", path.display()))?;
    sqlx::migrate!("migrations/sqlite")
        .run(&mut write)
        .await
        .context("cannot bring the schema up to date")?;
    let read = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(3))
        .connect_with(options.read_only(true))
        .await
        .context("cannot open the database for reading")?;
    Ok((read, write))
}
