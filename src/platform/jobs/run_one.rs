//! One run of one job: its future in a task of its own, a lease kept alive beside it, and its end written down.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::lease::{Next, put_back};
use super::pick::Claimed;
use super::queue::JobState;
use super::rules::{Fate, Mishap, Standing, backoff, roll};
use super::worker::Inner;
use super::{JobError, Lease, Poison};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult};

/// Kept between two runs that a job asked for, so that one that always says "at once" cannot spin.
const LEAST_WAIT: Duration = Duration::from_secs(1);
/// A hook writes a row or two.
const HOOK_LIMIT: Duration = Duration::from_mins(1);
/// A kind that this version does not know waits in the queue; the limit is never reached.
const NO_LIMIT: Duration = Duration::from_mins(1);
/// How long a dropped future may take to let go.
const LET_GO: Duration = Duration::from_secs(1);
/// The first wait before an end is written again that the database did not take; doubles up to two seconds.
const WRITE_AGAIN: Duration = Duration::from_millis(50);
/// As much of an error as a page can show.
const ERROR_CHARS: usize = 500;

/// How a run ended.
#[derive(Debug)]
enum End {
    Done,
    Error(JobError),
    Mishap(Mishap, String),
    /// Another worker has it, or will.
    LeaseLost,
    /// The process stops.
    GivenBack,
}

type Work = BoxFuture<'static, Result<(), JobError>>;

/// Runs a claimed job to its end. Cancelling `abort` drops the job's future and gives the lease back.
pub(super) async fn run_one<C: Send + Sync + 'static>(
    worker: Arc<Inner<C>>,
    claimed: Claimed,
    abort: CancellationToken,
) {
    let lease = claimed.lease();
    let is_hook = claimed.standing().fate() != Fate::Run;
    let (work, limit) = prepare(&worker, &claimed, &lease, is_hook);
    let end = watch(&worker, &lease, work, limit, &abort).await;
    log(&claimed, &end);
    if !matches!(end, End::LeaseLost) {
        let next = next(&worker, &claimed, is_hook, end);
        conclude(&worker, &claimed, &lease, next).await;
    }
}

fn prepare<C: Send + Sync + 'static>(
    worker: &Inner<C>,
    claimed: &Claimed,
    lease: &Lease,
    is_hook: bool,
) -> (Work, Duration) {
    let cx = Arc::clone(&worker.cx);
    let Some(kind) = worker.registry.kind(&claimed.name) else {
        // Perhaps a newer version queued it before this one was put back: keep it for whoever knows it.
        let unknown = anyhow::anyhow!("this version knows no job named {}", claimed.name);
        return (async { Err(JobError::Failed(unknown)) }.boxed(), NO_LIMIT);
    };
    if is_hook {
        let poison = Poison { job: claimed.id, why: claimed.last_error() };
        let hook = (kind.poisoned)(claimed.payload(), cx, poison);
        return (hook.map(|done| done.map_err(JobError::Failed)).boxed(), HOOK_LIMIT);
    }
    ((kind.run)(claimed.payload(), cx, lease.clone()), kind.time_limit)
}

/// Waits for the work in a task of its own: a panic ends that task only, and work that blocks its thread cannot keep
/// the lease from being renewed.
async fn watch<C: Send + Sync + 'static>(
    worker: &Inner<C>,
    lease: &Lease,
    work: Work,
    limit: Duration,
    abort: &CancellationToken,
) -> End {
    let mut task = JoinSet::new();
    task.spawn(work);
    let time_limit = tokio::time::sleep(limit);
    tokio::pin!(time_limit);
    let every = worker.settings.renew_every;
    let mut renewal = tokio::time::interval_at(Instant::now() + every, every);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = loop {
        tokio::select! {
            biased;
            Some(joined) = task.join_next() => return ended(joined),
            () = abort.cancelled() => break End::GivenBack,
            () = &mut time_limit => {
                break End::Mishap(Mishap::TimeLimit, format!("did not end within {limit:?}"));
            }
            _ = renewal.tick() => if !renew(worker, lease).await { break End::LeaseLost },
        }
    };
    // Nothing of it may go on when another worker begins, as far as waiting helps.
    if tokio::time::timeout(LET_GO, task.shutdown()).await.is_err() {
        tracing::warn!(job = %lease.job, "a job does not let go of its thread");
    }
    end
}

fn ended(joined: Result<Result<(), JobError>, JoinError>) -> End {
    match joined {
        Ok(Ok(())) => End::Done,
        Ok(Err(error)) => End::Error(error),
        Err(broken) => match broken.try_into_panic() {
            Ok(panic) => End::Mishap(Mishap::Panic, format!("panicked: {}", message_of(panic.as_ref()))),
            Err(_) => End::GivenBack,
        },
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// False only when the lease is surely lost: while the database is away nobody else can take it either.
async fn renew<C: Send + Sync + 'static>(worker: &Inner<C>, lease: &Lease) -> bool {
    let (lease, until) = (lease.clone(), worker.clock.now().plus(worker.settings.lease));
    let renewed: Result<bool, DbError> =
        worker.db.write(move |tx| async move { lease.renew(tx, until).await }.boxed()).await;
    renewed.unwrap_or_else(|error| {
        tracing::warn!(%error, "could not renew a lease");
        true
    })
}

fn log(claimed: &Claimed, end: &End) {
    let (job, name) = (claimed.id, &claimed.name);
    match end {
        End::Done | End::GivenBack => tracing::debug!(%job, name, ?end, "a job ended"),
        End::Error(JobError::Retry { after, why }) => {
            tracing::info!(%job, name, ?after, why, "a job comes again");
        }
        End::Error(JobError::GiveUp(error)) => tracing::warn!(%job, name, "a job gave up: {error:#}"),
        End::Error(JobError::Failed(error)) => tracing::error!(%job, name, "a job failed: {error:#}"),
        End::Mishap(_, why) => tracing::error!(%job, name, why, "a job broke"),
        End::LeaseLost => tracing::warn!(%job, name, "a job was taken over"),
    }
}

/// Judges how the row goes on; `None` is for rows that go.
fn next<C>(worker: &Inner<C>, claimed: &Claimed, is_hook: bool, end: End) -> Option<Next> {
    let (now, standing, attempts) = (worker.clock.now(), claimed.standing(), claimed.attempts);
    let again = Next { state: JobState::Queued, run_at: now, attempts, standing, error: None };
    let later = now.plus(backoff(attempts, roll()));
    Some(match end {
        End::Done if is_hook => Next { state: JobState::Held, ..again },
        End::Done | End::LeaseLost | End::Error(JobError::GiveUp(_)) => return None,
        // It keeps its place in the lane.
        End::GivenBack => Next { run_at: claimed.run_at, attempts: attempts - 1, ..again },
        End::Error(JobError::Retry { after, why }) => Next {
            run_at: now.plus(after.max(LEAST_WAIT)),
            attempts: 0,
            standing: Standing::default(),
            error: Some(short(&why)),
            ..again
        },
        // The row goes on telling why the job was put aside, not why its hook failed.
        End::Error(JobError::Failed(_)) if is_hook => struck(again, Mishap::Panic, later),
        End::Error(JobError::Failed(error)) => {
            Next { run_at: later, error: Some(short(&format!("{error:#}"))), ..again }
        }
        End::Mishap(mishap, _) if is_hook => struck(again, mishap, later),
        End::Mishap(mishap, why) => Next { error: Some(short(&why)), ..struck(again, mishap, later) },
    })
}

fn struck(again: Next, mishap: Mishap, later: Timestamp) -> Next {
    let standing = again.standing.after(mishap);
    let is_third = standing.fate() == Fate::Hook && again.standing.fate() == Fate::Run;
    match standing.fate() {
        Fate::Hold => Next { standing, state: JobState::Held, ..again },
        // People should see at once that it was put aside.
        Fate::Hook if is_third => Next { standing, ..again },
        Fate::Run | Fate::Hook => Next { standing, run_at: later, ..again },
    }
}

fn short(text: &str) -> String {
    text.chars().take(ERROR_CHARS).collect()
}

/// Writes the end down, again and again while the database is away; past the lease others take over anyway.
async fn conclude<C: Send + Sync + 'static>(
    worker: &Inner<C>,
    claimed: &Claimed,
    lease: &Lease,
    next: Option<Next>,
) {
    let until = Instant::now() + worker.settings.lease;
    let mut wait = WRITE_AGAIN;
    loop {
        match write_end(worker, claimed, lease, next.clone()).await {
            Ok(true) => return,
            // It finished itself in its last transaction, or another worker has it.
            Ok(false) => return tracing::debug!(job = %claimed.id, "the row was gone at the end"),
            Err(error) if passes(&error) && Instant::now() < until => {
                tracing::warn!(job = %claimed.id, %error, "could not write the end of a job");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(2));
            }
            Err(error) => return tracing::error!(job = %claimed.id, %error, "lost the end of a job"),
        }
    }
}

async fn write_end<C: Send + Sync + 'static>(
    worker: &Inner<C>,
    claimed: &Claimed,
    lease: &Lease,
    next: Option<Next>,
) -> DbResult<bool> {
    let (lease, key) = (lease.clone(), claimed.unique_key.clone());
    let write = worker.db.write(move |tx| {
        async move {
            match next {
                Some(next) => put_back(tx, &lease, key.as_deref(), next).await,
                None => lease.finish(tx).await,
            }
        }
        .boxed()
    });
    write.await
}

/// A duplicate is a row with the same key that was queued just now; the next try sees it.
fn passes(error: &DbError) -> bool {
    matches!(error, DbError::Busy | DbError::Unknown(_) | DbError::Duplicate(_))
}
