//! The right to work on a job and to conclude it.

use std::sync::Arc;

use futures_util::FutureExt;

use super::JobId;
use super::pick::one_at_a_time;
use super::queue::JobState;
use super::rules::{Fate, Mishap, Standing};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{Db, DbResult, Engine, Tx};

/// The right of one worker to one run of one job, until it expires or is taken over.
#[derive(Debug, Clone)]
pub struct Lease {
    pub(super) job: JobId,
    pub(super) owner: Arc<str>,
    pub(super) number: i64,
    pub(super) attempt: i64,
}

const HOLDS: &str = "
    SELECT COUNT(*) FROM jobs WHERE id = $1 AND lease_owner = $2 AND lease_no = $3 AND state = 'running'";
/// The row stays ours until the caller commits: nobody can take the job over in between.
const HOLDS_LOCKED: &str = "
    SELECT COUNT(*) FROM (
        SELECT id FROM jobs WHERE id = $1 AND lease_owner = $2 AND lease_no = $3 AND state = 'running' FOR UPDATE
    ) held";

const FINISH: &str =
    "DELETE FROM jobs WHERE id = $1 AND lease_owner = $2 AND lease_no = $3 AND state = 'running'";

const RENEW: &str = "
    UPDATE jobs SET lease_until = $4
    WHERE id = $1 AND lease_owner = $2 AND lease_no = $3 AND state = 'running'";

impl Lease {
    /// Gives the row of the queue.
    #[must_use]
    pub fn job(&self) -> JobId {
        self.job
    }

    /// Gives the number of this try, from 1, since the job last returned [`super::JobError::Retry`].
    #[must_use]
    pub fn attempt(&self) -> i64 {
        self.attempt
    }

    /// Tells whether this run may still conclude the job. Ask in the transaction that stores the result, and store
    /// nothing on `false`: another worker has taken over.
    pub async fn holds(&self, tx: &mut Tx) -> DbResult<bool> {
        let sql = match tx.engine() {
            Engine::Sqlite => HOLDS,
            Engine::Postgres => HOLDS_LOCKED,
        };
        let count: i64 = on!(tx, conn => sqlx::query_scalar(sql)
            .bind(self.job)
            .bind(&*self.owner)
            .bind(self.number)
            .fetch_one(conn)
            .await)?;
        Ok(count == 1)
    }

    /// Removes the job from the queue as part of the transaction that stores its result; false when another worker has
    /// taken over. Whoever does this must have nothing left to do but return `Ok`.
    pub async fn finish(&self, tx: &mut Tx) -> DbResult<bool> {
        let changed = on!(tx, conn => sqlx::query(FINISH)
            .bind(self.job)
            .bind(&*self.owner)
            .bind(self.number)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }

    pub(super) async fn renew(&self, tx: &mut Tx, until: Timestamp) -> DbResult<bool> {
        let changed = on!(tx, conn => sqlx::query(RENEW)
            .bind(self.job)
            .bind(&*self.owner)
            .bind(self.number)
            .bind(until)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(changed == 1)
    }
}

/// What a row becomes when a run ended without finishing it.
#[derive(Debug, Clone)]
pub(super) struct Next {
    pub(super) state: JobState,
    pub(super) run_at: Timestamp,
    pub(super) attempts: i64,
    pub(super) standing: Standing,
    pub(super) error: Option<String>,
}

const DROP_TWIN: &str = "DELETE FROM jobs WHERE state = 'queued' AND unique_key = $1 RETURNING run_at";

const PUT_BACK: &str = "
    UPDATE jobs SET state = $2, run_at = $3, attempts = $4, strikes = $5, losses = $6, is_alone = $7,
           last_error = COALESCE($8, last_error), lease_owner = NULL, lease_until = NULL
    WHERE id = $1";

/// Returns a row to the queue, or puts it aside; false when the lease is not ours any more.
///
/// When another row with the same key was queued meanwhile, that one goes: this one knows what happened before. The
/// earlier of the two times stands.
pub(super) async fn put_back(tx: &mut Tx, lease: &Lease, key: Option<&str>, next: Next) -> DbResult<bool> {
    if !lease.holds(tx).await? {
        return Ok(false);
    }
    let mut run_at = next.run_at;
    if let (JobState::Queued, Some(key)) = (next.state, key) {
        let twin: Option<Timestamp> =
            on!(tx, conn => sqlx::query_scalar(DROP_TWIN).bind(key).fetch_optional(conn).await)?;
        run_at = twin.map_or(run_at, |twin| run_at.min(twin));
    }
    on!(tx, conn => sqlx::query(PUT_BACK)
        .bind(lease.job)
        .bind(next.state)
        .bind(run_at)
        .bind(next.attempts)
        .bind(next.standing.strikes)
        .bind(next.standing.losses)
        .bind(next.standing.is_alone)
        .bind(next.error)
        .execute(conn)
        .await
        .map(drop))?;
    Ok(true)
}

/// Rows judged in one transaction; more wait for the next.
const REAP_BATCH: usize = 100;

const EXPIRED: &str = "
    SELECT id, lease_owner, lease_no, attempts, strikes, losses, is_alone, run_at, unique_key
    FROM jobs WHERE state = 'running' AND lease_until < $1 ORDER BY lease_until LIMIT $2";
/// Whoever holds a row is concluding it right now, so it is not lost.
const EXPIRED_LOCKED: &str = "
    SELECT id, lease_owner, lease_no, attempts, strikes, losses, is_alone, run_at, unique_key
    FROM jobs WHERE state = 'running' AND lease_until < $1 ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED";

/// A row that belongs to a worker.
#[derive(sqlx::FromRow)]
struct Leased {
    id: JobId,
    lease_owner: String,
    lease_no: i64,
    attempts: i64,
    strikes: i64,
    losses: i64,
    is_alone: bool,
    run_at: Timestamp,
    unique_key: Option<String>,
}

impl Leased {
    fn lease(&self) -> Lease {
        let owner = self.lease_owner.as_str().into();
        Lease { job: self.id, owner, number: self.lease_no, attempt: self.attempts }
    }

    fn standing(&self) -> Standing {
        Standing { strikes: self.strikes, losses: self.losses, is_alone: self.is_alone }
    }
}

/// Takes back the leases that ended before `before`, each by the rule for lost leases, and gives their number.
pub(super) async fn reap(tx: &mut Tx, before: Timestamp) -> DbResult<usize> {
    let sql = match tx.engine() {
        Engine::Sqlite => EXPIRED,
        Engine::Postgres => EXPIRED_LOCKED,
    };
    let rows: Vec<Leased> = on!(tx, conn => sqlx::query_as(sql).bind(before).bind(i64::try_from(REAP_BATCH).unwrap_or(i64::MAX)).fetch_all(conn).await)?;
    let count = rows.len();
    for row in rows {
        let standing = row.standing().after(Mishap::LostLease);
        tracing::warn!(job = %row.id, owner = row.lease_owner, ?standing, "a job lost its worker");
        let next = Next {
            state: if standing.fate() == Fate::Hold { JobState::Held } else { JobState::Queued },
            run_at: row.run_at,
            attempts: row.attempts,
            standing,
            error: Some("the process that ran it ended".to_owned()),
        };
        put_back(tx, &row.lease(), row.unique_key.as_deref(), next).await?;
    }
    if count > 0 {
        tx.wake_workers();
    }
    Ok(count)
}

const CLAIMED_BY: &str = "
    SELECT id, lease_owner, lease_no, attempts, strikes, losses, is_alone, run_at, unique_key
    FROM jobs WHERE state = 'running' AND lease_owner = $1 ORDER BY id";

/// Returns what a claim took as if it had not happened, and gives the number of rows. A claim that the server is still
/// committing is waited for.
pub(super) async fn unclaim(tx: &mut Tx, owner: &str) -> DbResult<usize> {
    one_at_a_time(tx).await?;
    let rows: Vec<Leased> = on!(tx, conn => sqlx::query_as(CLAIMED_BY).bind(owner).fetch_all(conn).await)?;
    for row in &rows {
        let next = Next {
            state: JobState::Queued,
            run_at: row.run_at,
            attempts: row.attempts - 1,
            standing: row.standing(),
            error: None,
        };
        put_back(tx, &row.lease(), row.unique_key.as_deref(), next).await?;
    }
    Ok(rows.len())
}

/// Takes back every lease at once, and gives their number.
///
/// Only for the start of the one process of an installation on the embedded engine: whoever held them is gone.
pub async fn void_leases(db: &Db) -> DbResult<usize> {
    let mut voided = 0;
    loop {
        let end_of_time = Timestamp::from_millis(i64::MAX);
        let count = db.write(move |tx| async move { reap(tx, end_of_time).await }.boxed()).await?;
        voided += count;
        if count < REAP_BATCH {
            return Ok(voided);
        }
    }
}
