//! Putting work in, and what people may ask about the queue.

use super::pick;
use super::{Job, JobId};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::text_enum;

text_enum! {
    /// Where a row of the queue stands. A job that is done has no row.
    JobState {
        /// Waits for its time or for a slot.
        Queued = "queued",
        /// Belongs to a worker.
        Running = "running",
        /// Needs a person: it was poison.
        Held = "held",
    }
}

/// A job in the form in which it is stored.
pub(super) struct NewJob {
    name: &'static str,
    lane: String,
    payload: String,
}

impl NewJob {
    pub(super) fn of<C>(job: &impl Job<C>) -> DbResult<Self> {
        let payload = serde_json::to_string(job).map_err(|error| DbError::Broken(error.into()))?;
        Ok(Self { name: name_of(job), lane: job.lane(), payload })
    }
}

fn name_of<C, J: Job<C>>(_: &J) -> &'static str {
    J::NAME
}

/// Queues a job in the caller's transaction: it exists exactly when the change that needs it does.
pub async fn enqueue<C>(tx: &mut Tx, job: &impl Job<C>, run_at: Timestamp) -> DbResult<JobId> {
    Ok(insert(tx, NewJob::of(job)?, None, run_at).await?.id)
}

/// Queues a job unless one with this key is queued already; true when it was added.
///
/// A running one does not count, because it may have read its data before the caller's change. A queued one is locked
/// until the caller commits, so that it will see the change.
pub async fn enqueue_once<C>(tx: &mut Tx, job: &impl Job<C>, key: &str, run_at: Timestamp) -> DbResult<bool> {
    Ok(insert(tx, NewJob::of(job)?, Some(key), run_at).await?.is_new)
}

/// What became of a job that was to be queued.
pub(super) struct Inserted {
    id: JobId,
    is_new: bool,
}

/// The "change" on a conflict takes the row's lock (see [`enqueue_once`]); doing nothing would not.
const INSERT: &str = "
    INSERT INTO jobs (id, lane, name, payload, state, run_at, attempts, losses, strikes, is_alone, lease_no, unique_key)
    VALUES ($1, $2, $3, $4, 'queued', $5, 0, 0, 0, FALSE, 0, $6)
    ON CONFLICT (unique_key) WHERE state = 'queued' DO UPDATE SET run_at = jobs.run_at
    RETURNING id";

pub(super) async fn insert(
    tx: &mut Tx,
    job: NewJob,
    key: Option<&str>,
    run_at: Timestamp,
) -> DbResult<Inserted> {
    let id = JobId::fresh();
    let stored: JobId = on!(tx, conn => sqlx::query_scalar(INSERT)
        .bind(id)
        .bind(job.lane)
        .bind(job.name)
        .bind(job.payload)
        .bind(run_at)
        .bind(key)
        .fetch_one(conn)
        .await)?;
    tx.wake_workers();
    Ok(Inserted { id: stored, is_new: stored == id })
}

const HURRY: &str = "
    UPDATE jobs SET run_at = CASE WHEN run_at > $2 THEN $2 ELSE run_at END WHERE id = $1 AND state = 'queued'";

/// Lets a queued job run now instead of later; false when it is not queued.
pub async fn hurry(tx: &mut Tx, job: JobId, now: Timestamp) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(HURRY)
        .bind(job)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    tx.wake_workers();
    Ok(changed == 1)
}

const DISCARD: &str = "DELETE FROM jobs WHERE id = $1 AND state <> 'running'";

/// Takes back a job that is not needed any more, queued or held; one that runs ends by itself.
pub async fn discard(tx: &mut Tx, job: JobId) -> DbResult<()> {
    on!(tx, conn => sqlx::query(DISCARD).bind(job).execute(conn).await.map(drop))?;
    Ok(())
}

const SET_WIDTH: &str = "
    INSERT INTO lane_widths (lane, width) VALUES ($1, $2) ON CONFLICT (lane) DO UPDATE SET width = excluded.width";
const RESET_WIDTH: &str = "DELETE FROM lane_widths WHERE lane = $1";

/// Says how many jobs of a lane may run at once in the whole installation, whatever the setting says; 0 closes it.
/// Jobs that run go on. Nothing gives the lane the setting's width again.
pub async fn set_width(tx: &mut Tx, lane: &str, width: Option<u16>) -> DbResult<()> {
    match width {
        Some(width) => on!(tx, conn => sqlx::query(SET_WIDTH)
            .bind(lane)
            .bind(i64::from(width))
            .execute(conn)
            .await
            .map(drop))?,
        None => on!(tx, conn => sqlx::query(RESET_WIDTH).bind(lane).execute(conn).await.map(drop))?,
    }
    tx.wake_workers();
    Ok(())
}

/// Counts beyond this are not counted on, so that asking stays cheap with a million rows.
pub const DEPTH_LIMIT: i64 = 10_000;

/// How full the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Rows that wait, due or not; [`DEPTH_LIMIT`] means that many or more.
    pub queued: i64,
    /// Rows that belong to a worker.
    pub running: i64,
    /// Rows that need a person; limited like `queued`.
    pub held: i64,
    /// When the row that has waited longest was to run, closed lanes apart; in the future when nothing is late.
    pub oldest_at: Option<Timestamp>,
}

const DEPTH: &str = "
    SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 'queued' LIMIT $1) q) AS queued,
           (SELECT COUNT(*) FROM jobs WHERE state = 'running') AS running,
           (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 'held' LIMIT $1) h) AS held";

/// Tells how full the queue is, at the cost of a few index reads.
pub async fn depth(tx: &mut Tx) -> DbResult<Depth> {
    let (queued, running, held): (i64, i64, i64) =
        on!(tx, conn => sqlx::query_as(DEPTH).bind(DEPTH_LIMIT).fetch_one(conn).await)?;
    let mut waiting = pick::list_lanes(tx).await?;
    waiting.extend(pick::list_suspects(tx).await?);
    let open = waiting.iter().filter(|lane| !lane.is_closed());
    let oldest_at = open.map(|lane| lane.due_at).min();
    Ok(Depth { queued, running, held, oldest_at })
}

/// A row that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct HeldJob {
    /// The row.
    pub id: JobId,
    /// The kind of job.
    pub name: String,
    /// The lane in which it was.
    pub lane: String,
    /// What happened last.
    pub last_error: Option<String>,
}

const LIST_HELD: &str = "
    SELECT id, name, lane, last_error FROM jobs WHERE state = 'held' ORDER BY id DESC LIMIT $1";

/// Lists held rows, the newest first.
pub async fn list_held(tx: &mut Tx, limit: i64) -> DbResult<Vec<HeldJob>> {
    let rows = on!(tx, conn => sqlx::query_as(LIST_HELD).bind(limit).fetch_all(conn).await)?;
    Ok(rows)
}

/// A row with the same key that was queued meanwhile makes way: it would do the same work.
const DROP_TWIN: &str = "
    DELETE FROM jobs WHERE state = 'queued'
       AND unique_key = (SELECT held.unique_key FROM jobs held WHERE held.id = $1 AND held.state = 'held')";

const REDRIVE: &str = "
    UPDATE jobs SET state = 'queued', run_at = $2, attempts = 0, losses = 0, strikes = 0, is_alone = FALSE
    WHERE id = $1 AND state = 'held'";

/// Queues a held row again with nothing against it; false when it is not held.
pub async fn redrive(tx: &mut Tx, job: JobId, now: Timestamp) -> DbResult<bool> {
    on!(tx, conn => sqlx::query(DROP_TWIN).bind(job).execute(conn).await.map(drop))?;
    let changed = on!(tx, conn => sqlx::query(REDRIVE)
        .bind(job)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    tx.wake_workers();
    Ok(changed == 1)
}
