//! One database, two engines: SQLite inside the process or a PostgreSQL server, with one SQL text for both.
//!
//! All work goes through [`Db::read`] and [`Db::write`], which run a closure in a spawned task: a request that is cut
//! off can then never leave a transaction open on a pooled connection (on PostgreSQL that loses *other* requests'
//! acknowledged writes). SQL stands in the features' `store.rs` files as constants with `$1` placeholders and runs
//! through the [`on!`](crate::on) macro. No transaction is open while bytes travel over a network or to a disk.

mod dialect;
mod error;
mod postgres;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;
mod tx;
mod writer;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

pub use error::{DbError, DbResult, expect_one};
pub use schema::{Column, Index, Schema};
pub use tx::{Inner, Tx, Wake};

use super::clock::Clock;
use super::secret::Secret;
use super::tasks::Tasks;

/// Which engine an installation uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded engine: one file, one process.
    Sqlite,
    /// A server, for several processes.
    Postgres,
}

/// Where the data lies.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file of the embedded engine.
    File(PathBuf),
    /// The address of a PostgreSQL server, with its password.
    Server(Secret<String>),
}

/// The database of the installation. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Db {
    pools: Pools,
    wake: Wake,
}

#[derive(Debug, Clone)]
enum Pools {
    Sqlite { read: sqlx::SqlitePool, write: mpsc::Sender<writer::Queued> },
    Postgres(sqlx::PgPool),
}

impl Db {
    /// Opens the database and brings its schema up to date. The writer task of the embedded engine runs under `tasks`.
    pub async fn open(location: &Location, tasks: &Tasks) -> anyhow::Result<Self> {
        let wake = Wake::default();
        let pools = match location {
            Location::File(path) => {
                let (read, connection) = sqlite::open(path).await?;
                Pools::Sqlite { read, write: writer::start(connection, wake.clone(), tasks) }
            }
            Location::Server(url) => Pools::Postgres(postgres::open(url.expose()).await?),
        };
        Ok(Self { pools, wake })
    }

    /// Tells which engine this is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// Gives the signal that is raised whenever a committed transaction has put work into the queue.
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// Runs `work` in a transaction that sees one consistent state and changes nothing.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let db = self.clone();
        in_task(async move {
            let mut tx = db.begin_read().await?;
            let value = work(&mut tx).await?;
            tx.commit().await?;
            Ok(value)
        })
        .await
    }

    /// Runs `work` in a transaction that is durable when this returns `Ok`; on `Err` or panic nothing remains of it.
    ///
    /// On SQLite the closures of several callers share one commit, each in its own savepoint. Fails with
    /// [`DbError::Busy`] when too many are waiting.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.pools {
            Pools::Sqlite { write, .. } => writer::submit(write, work).await,
            Pools::Postgres(pool) => {
                let (pool, wake) = (pool.clone(), self.wake.clone());
                in_task(async move {
                    let mut tx = Tx::postgres(&pool).await?;
                    let value = work(&mut tx).await?;
                    let wakes = tx.wakes();
                    tx.commit().await?;
                    if wakes {
                        wake.raise();
                    }
                    Ok(value)
                })
                .await
            }
        }
    }

    /// Keeps `clock` in step with the server's, at once and every minute; nothing to do for the embedded engine.
    pub async fn lead_clock(&self, clock: &Clock, tasks: &Tasks) -> DbResult<()> {
        let Pools::Postgres(pool) = &self.pools else { return Ok(()) };
        clock.follow(postgres::now(pool).await?);
        let (pool, clock, stop) = (pool.clone(), clock.clone(), tasks.stop_signal());
        tasks.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(Duration::from_mins(1))).await.is_some() {
                match postgres::now(&pool).await {
                    Ok(now) => clock.follow(now),
                    Err(error) => tracing::warn!(%error, "could not ask the database for the time"),
                }
            }
        });
        Ok(())
    }

    /// Fails unless the database answers a simple question within five seconds.
    pub async fn ping(&self) -> DbResult<()> {
        let question = self.read(|tx| {
            async move {
                crate::on!(tx, conn => sqlx::query("SELECT 1").execute(conn).await.map(|_| ()))
                    .map_err(DbError::from)
            }
            .boxed()
        });
        tokio::time::timeout(Duration::from_secs(5), question).await.unwrap_or(Err(DbError::Busy))
    }

    /// Describes tables, columns and indexes, so that a test can compare the two engines.
    pub async fn schema(&self) -> DbResult<Schema> {
        let engine = self.engine();
        self.read(move |tx| async move { schema::describe(tx, engine).await }.boxed()).await
    }

    async fn begin_read(&self) -> DbResult<Tx> {
        match &self.pools {
            Pools::Sqlite { read, .. } => Tx::sqlite_read(read).await,
            Pools::Postgres(pool) => Tx::postgres(pool).await,
        }
    }
}

/// Runs `future` in a task of its own, so that it ends properly even when the caller is dropped.
#[expect(
    clippy::disallowed_methods,
    reason = "short, and shutdown drains requests and jobs that wait for it"
)]
async fn in_task<T, E>(future: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    match tokio::spawn(future).await {
        Ok(result) => result,
        Err(broken) => {
            Err(DbError::Broken(anyhow::anyhow!("a database task did not finish: {broken}")).into())
        }
    }
}
