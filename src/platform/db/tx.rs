//! A unit of work on whichever engine the operator chose.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::Notify;

use super::{DbError, DbResult, Engine};

/// Runs one query on a [`Tx`]. The SQL is written once, with `$1` placeholders.
///
/// `on!(tx, conn => sqlx::query(SQL).bind(id).execute(conn).await.map(|done| done.rows_affected()))`: what differs
/// between the engines, such as the type of a result, must be taken out inside.
#[macro_export]
macro_rules! on {
    ($tx:expr, $conn:ident => $query:expr) => {
        match $tx.inner() {
            $crate::platform::db::Inner::Sqlite($conn) => $query,
            $crate::platform::db::Inner::Postgres($conn) => $query,
        }
    };
}

/// An open transaction. Dropping it rolls back.
pub struct Tx {
    state: State,
    wakes: bool,
}

enum State {
    /// A read transaction on a pooled connection.
    Reading(Transaction<'static, Sqlite>),
    /// The writer's own connection; [`super::writer`] begins, commits and rolls back.
    Writing(SqliteConnection),
    Postgres(Transaction<'static, Postgres>),
}

/// The connection inside a [`Tx`], for the [`on!`](crate::on) macro.
pub enum Inner<'t> {
    /// A connection of the embedded engine.
    Sqlite(&'t mut SqliteConnection),
    /// A connection to a server.
    Postgres(&'t mut sqlx::PgConnection),
}

impl Tx {
    pub(super) async fn sqlite_read(pool: &SqlitePool) -> DbResult<Self> {
        let connection: PoolConnection<Sqlite> = pool.acquire().await?;
        Ok(Self { state: State::Reading(Transaction::begin(connection, None).await?), wakes: false })
    }

    pub(super) fn sqlite_write(connection: SqliteConnection) -> Self {
        Self { state: State::Writing(connection), wakes: false }
    }

    pub(super) async fn postgres(pool: &PgPool) -> DbResult<Self> {
        Ok(Self { state: State::Postgres(pool.begin().await?), wakes: false })
    }

    /// Gives the connection; use it through [`on!`](crate::on).
    pub fn inner(&mut self) -> Inner<'_> {
        match &mut self.state {
            State::Reading(tx) => Inner::Sqlite(&mut *tx),
            State::Writing(connection) => Inner::Sqlite(connection),
            State::Postgres(tx) => Inner::Postgres(&mut *tx),
        }
    }

    /// Tells which engine this runs on, for the few statements that differ.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.state {
            State::Reading(_) | State::Writing(_) => Engine::Sqlite,
            State::Postgres(_) => Engine::Postgres,
        }
    }

    /// Tells whether a statement with filters that may be left out runs as well when its plan was made for any values:
    /// hand the answer to `persistent` there. A server that keeps such a plan takes every filter as given, expects next
    /// to nothing to pass them all, and then reads and sorts whatever the index has.
    #[must_use]
    pub fn plans_without_values(&self) -> bool {
        self.engine() == Engine::Sqlite
    }

    /// Asks for the queue's workers to be woken once this transaction is durable.
    pub fn wake_workers(&mut self) {
        self.wakes = true;
    }

    pub(super) fn wakes(&self) -> bool {
        self.wakes
    }

    pub(super) fn take_wakes(&mut self) -> bool {
        std::mem::take(&mut self.wakes)
    }

    pub(super) async fn commit(self) -> DbResult<()> {
        match self.state {
            State::Reading(tx) => tx.commit().await.map_err(DbError::from),
            State::Postgres(tx) => tx.commit().await.map_err(DbError::of_commit),
            State::Writing(_) => Ok(()),
        }
    }

    pub(super) async fn ping(&mut self) -> DbResult<()> {
        match &mut self.state {
            State::Writing(connection) => connection.ping().await.map_err(DbError::from),
            State::Reading(_) | State::Postgres(_) => Ok(()),
        }
    }
}

/// Wakes whoever waits for queued work. Clones share one signal; a raise with nobody waiting is kept for the next.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Wakes one waiting worker loop.
    pub fn raise(&self) {
        self.0.notify_one();
    }

    /// Waits until somebody raised the signal.
    pub async fn wait(&self) {
        self.0.notified().await;
    }
}
