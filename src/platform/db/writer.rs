//! The one writer of the embedded engine: many callers, one commit.
//!
//! SQLite has one write lock, and a durable commit costs an fsync. So one task owns the write connection, takes up to
//! 64 queued closures (or as many as 2 ms allow), runs each inside a savepoint of one `BEGIN IMMEDIATE`, commits once and
//! only then answers all. It never waits for company: while one commit reaches the disk, the next batch gathers. A closure that fails or panics rolls back to its savepoint and disturbs nobody; a
//! commit that fails fails all of them.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::tx::{Tx, Wake};
use super::{DbError, DbResult};
use crate::platform::tasks::Tasks;

/// How many closures share one commit at most.
const BATCH: usize = 64;
/// How long closures are gathered into one commit: about the cost of an fsync, so nobody waits much longer for others.
const GATHER: Duration = Duration::from_millis(2);
/// How many closures may wait before callers are told to come back later.
const QUEUE: usize = 256;

/// One caller's work with its way back.
pub(super) type Queued = Box<dyn Work>;

/// Work whose types are known only to its caller.
pub(super) trait Work: Send {
    /// Runs the closure; true asks to keep its changes.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, bool>;
    /// Answers the caller; `durable` tells whether the shared commit succeeded.
    fn answer(self: Box<Self>, durable: bool);
}

struct Call<F, T, E> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Work for Call<F, T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, bool> {
        async move {
            let Some(work) = self.work.take() else { return false };
            let outcome = AssertUnwindSafe(async { work(tx).await }).catch_unwind().await;
            let result = outcome.unwrap_or_else(|_| {
                Err(DbError::Broken(anyhow::anyhow!("a database closure panicked")).into())
            });
            self.result.insert(result).is_ok()
        }
        .boxed()
    }

    fn answer(self: Box<Self>, durable: bool) {
        let result = match (self.result, durable) {
            (Some(Err(refused)), _) => Err(refused),
            (Some(Ok(value)), true) => Ok(value),
            // Nothing of the batch is kept, so the caller may simply come again.
            (Some(Ok(_)) | None, _) => Err(DbError::Busy.into()),
        };
        // The caller may be gone; its work stands all the same.
        drop(self.reply.send(result));
    }
}

/// Hands work to the writer and waits for the durable answer.
pub(super) async fn submit<T, E, F>(queue: &mpsc::Sender<Queued>, work: F) -> Result<T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let call: Queued = Box::new(Call { work: Some(work), result: None, reply });
    queue.try_send(call).map_err(|_| DbError::Busy)?;
    answer.await.unwrap_or_else(|_| Err(DbError::Busy.into()))
}

/// Starts the writer. It ends when every [`super::Db`] is gone or, after the stop signal, when its queue is empty.
pub(super) fn start(connection: SqliteConnection, wake: Wake, tasks: &Tasks) -> mpsc::Sender<Queued> {
    let (sender, queue) = mpsc::channel(QUEUE);
    #[expect(clippy::disallowed_methods, reason = "outlives the stop signal: draining jobs still write")]
    drop(tokio::spawn(run(Tx::sqlite_write(connection), queue, wake)));
    let _ = tasks;
    sender
}

async fn run(mut tx: Tx, mut queue: mpsc::Receiver<Queued>, wake: Wake) {
    while let Some(first) = queue.recv().await {
        let mut done = Vec::with_capacity(BATCH);
        let outcome = share_commit(&mut tx, first, &mut queue, &mut done).await;
        let wakes = tx.take_wakes();
        if let Err(error) = &outcome {
            tracing::error!(%error, calls = done.len(), "a shared commit failed");
            abandon(&mut tx).await;
        }
        for call in done {
            call.answer(outcome.is_ok());
        }
        if wakes && outcome.is_ok() {
            wake.raise();
        }
    }
}

async fn share_commit(
    tx: &mut Tx,
    first: Queued,
    queue: &mut mpsc::Receiver<Queued>,
    done: &mut Vec<Queued>,
) -> DbResult<()> {
    let until = Instant::now() + GATHER;
    let mut next = Some(first);
    let begun = command(tx, "BEGIN IMMEDIATE").await;
    while let Some(mut call) = next.take() {
        let ran = if begun.is_ok() { in_savepoint(tx, call.as_mut()).await } else { Ok(()) };
        done.push(call);
        ran?;
        if done.len() < BATCH && Instant::now() < until {
            next = queue.try_recv().ok();
        }
    }
    begun?;
    command(tx, "COMMIT").await
}

async fn in_savepoint(tx: &mut Tx, call: &mut dyn Work) -> DbResult<()> {
    command(tx, "SAVEPOINT call").await?;
    let wakes_before = tx.take_wakes();
    if call.run(tx).await {
        if wakes_before {
            tx.wake_workers();
        }
        return command(tx, "RELEASE call").await;
    }
    tx.take_wakes();
    if wakes_before {
        tx.wake_workers();
    }
    command(tx, "ROLLBACK TO call").await?;
    command(tx, "RELEASE call").await
}

/// Leaves no half-open transaction behind after a failure; "no transaction is active" is the good case here.
async fn abandon(tx: &mut Tx) {
    if let Err(error) = command(tx, "ROLLBACK").await {
        tracing::debug!(%error, "nothing to roll back");
    }
    if let Err(error) = tx.ping().await {
        tracing::error!(%error, "the write connection does not answer");
    }
}

async fn command(tx: &mut Tx, sql: &'static str) -> DbResult<()> {
    match tx.inner() {
        super::Inner::Sqlite(connection) => {
            sqlx::query(sql).execute(connection).await?;
            Ok(())
        }
        super::Inner::Postgres(_) => Err(DbError::Broken(anyhow::anyhow!("the writer serves SQLite only"))),
    }
}
