//! Claiming: lanes first, then rows within them.

use std::sync::Arc;
use std::time::Duration;

use super::rules::{Room, Standing, deal, is_suspects_turn};
use super::{JobId, Lease};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Engine, Tx};

/// What a worker that has free slots asks for.
pub(super) struct Ask {
    /// Names this claim in leases.
    pub(super) owner: Arc<str>,
    pub(super) now: Timestamp,
    pub(super) lease_until: Timestamp,
    /// How many it can take.
    pub(super) free: usize,
    /// Whether it has nothing else to do.
    pub(super) is_idle: bool,
    /// The lane that got the last slot before.
    pub(super) last: String,
    pub(super) alone_wait: Duration,
    pub(super) lane_width: usize,
}

/// What it gets.
#[derive(Default)]
pub(super) struct Picked {
    pub(super) jobs: Vec<Claimed>,
    /// Whether the one job must stay alone.
    pub(super) is_alone: bool,
    pub(super) last: String,
    /// When the next job comes due, if one waits for its time.
    pub(super) next_at: Option<Timestamp>,
}

/// A job that is now ours.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Claimed {
    pub(super) id: JobId,
    pub(super) name: String,
    payload: String,
    pub(super) run_at: Timestamp,
    pub(super) attempts: i64,
    strikes: i64,
    losses: i64,
    is_alone: bool,
    lease_owner: String,
    lease_no: i64,
    pub(super) unique_key: Option<String>,
    last_error: Option<String>,
}

impl Claimed {
    pub(super) fn lease(&self) -> Lease {
        let owner = self.lease_owner.as_str().into();
        Lease { job: self.id, owner, number: self.lease_no, attempt: self.attempts }
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { strikes: self.strikes, losses: self.losses, is_alone: self.is_alone }
    }

    pub(super) fn payload(&self) -> String {
        self.payload.clone()
    }

    pub(super) fn last_error(&self) -> String {
        self.last_error.clone().unwrap_or_default()
    }
}

/// A lane with queued work.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Waiting {
    pub(super) lane: String,
    /// When its first row is to run.
    pub(super) due_at: Timestamp,
    running: i64,
    /// How many of it may run at once, where that is not the setting.
    width: Option<i64>,
}

impl Waiting {
    /// Tells whether nothing of it may run for now.
    pub(super) fn is_closed(&self) -> bool {
        self.width == Some(0)
    }
}

impl Ask {
    /// Gives the free width of a lane in which something is due.
    fn room(&self, waiting: &Waiting) -> usize {
        if waiting.due_at > self.now {
            return 0;
        }
        let width = waiting.width.map_or(self.lane_width, |width| usize::try_from(width).unwrap_or(0));
        width.saturating_sub(usize::try_from(waiting.running).unwrap_or(usize::MAX))
    }
}

/// Claims as many due jobs as fit, or the one whose turn it is to run alone.
pub(super) async fn pick(tx: &mut Tx, ask: Ask) -> DbResult<Picked> {
    one_at_a_time(tx).await?;
    let lanes = list_lanes(tx).await?;
    let suspects = list_suspects(tx).await?;
    let next_at = (lanes.iter().chain(&suspects))
        .filter(|waiting| waiting.due_at > ask.now && !waiting.is_closed())
        .map(|waiting| waiting.due_at)
        .min();
    let rooms: Vec<Room> = (lanes.into_iter())
        .map(|waiting| Room { room: ask.room(&waiting), lane: waiting.lane })
        .filter(|room| room.room > 0)
        .collect();
    let suspect =
        suspects.into_iter().filter(|waiting| ask.room(waiting) > 0).min_by_key(|waiting| waiting.due_at);
    if let Some(suspect) = suspect {
        let is_turn = is_suspects_turn(suspect.due_at, ask.now, ask.alone_wait);
        if ask.is_idle && (is_turn || rooms.is_empty()) {
            let jobs = claim(tx, &ask, &suspect.lane, true, 1).await?;
            return Ok(Picked { is_alone: !jobs.is_empty(), jobs, last: ask.last, next_at });
        }
        if is_turn {
            return Ok(Picked { last: ask.last, next_at, ..Picked::default() });
        }
    }
    let (dealt, last) = deal(rooms, ask.free, ask.last.clone());
    let mut jobs = Vec::new();
    for Room { lane, room } in dealt {
        jobs.extend(claim(tx, &ask, &lane, false, room).await?);
    }
    Ok(Picked { jobs, is_alone: false, last, next_at })
}

/// The number of this lock is "jobs" in ASCII.
const CLAIM_LOCK: &str = "SELECT pg_advisory_xact_lock(1785684595)";

/// Lets processes claim one after the other, so that together they keep the width of a lane.
pub(super) async fn one_at_a_time(tx: &mut Tx) -> DbResult<()> {
    if tx.engine() == Engine::Postgres {
        on!(tx, conn => sqlx::query(CLAIM_LOCK).execute(conn).await.map(drop))?;
    }
    Ok(())
}

/// Hops from lane to lane over the index instead of reading every row.
const LANES: &str = "
    WITH RECURSIVE lanes (lane) AS (
        SELECT MIN(lane) FROM jobs WHERE state = 'queued' AND is_alone = FALSE
        UNION ALL
        SELECT (SELECT MIN(j.lane) FROM jobs j WHERE j.state = 'queued' AND j.is_alone = FALSE AND j.lane > lanes.lane)
        FROM lanes WHERE lanes.lane IS NOT NULL
    )
    SELECT lanes.lane AS lane,
           (SELECT MIN(j.run_at) FROM jobs j
            WHERE j.state = 'queued' AND j.is_alone = FALSE AND j.lane = lanes.lane) AS due_at,
           (SELECT COUNT(*) FROM jobs j WHERE j.state = 'running' AND j.lane = lanes.lane) AS running,
           (SELECT w.width FROM lane_widths w WHERE w.lane = lanes.lane) AS width
    FROM lanes WHERE lanes.lane IS NOT NULL
    ORDER BY 1";

/// Lists the lanes with queued work in the order of their names.
pub(super) async fn list_lanes(tx: &mut Tx) -> DbResult<Vec<Waiting>> {
    let rows = on!(tx, conn => sqlx::query_as(LANES).fetch_all(conn).await)?;
    Ok(rows)
}

/// These are few: at most what was running when processes died.
const SUSPECTS: &str = "
    SELECT s.lane AS lane, MIN(s.run_at) AS due_at,
           (SELECT COUNT(*) FROM jobs j WHERE j.state = 'running' AND j.lane = s.lane) AS running,
           (SELECT w.width FROM lane_widths w WHERE w.lane = s.lane) AS width
    FROM jobs s WHERE s.state = 'queued' AND s.is_alone = TRUE
    GROUP BY s.lane
    ORDER BY 1";

/// Lists the lanes with jobs that must run alone.
pub(super) async fn list_suspects(tx: &mut Tx) -> DbResult<Vec<Waiting>> {
    let rows = on!(tx, conn => sqlx::query_as(SUSPECTS).fetch_all(conn).await)?;
    Ok(rows)
}

macro_rules! claim_sql {
    ($lock:literal) => {
        concat!(
            "WITH picked AS MATERIALIZED (
                 SELECT id FROM jobs
                 WHERE state = 'queued' AND is_alone = $1 AND lane = $2 AND run_at <= $3
                 ORDER BY run_at, id LIMIT $4 ",
            $lock,
            ")
             UPDATE jobs SET state = 'running', attempts = attempts + 1, lease_no = lease_no + 1,
                    lease_owner = $5, lease_until = $6
             WHERE id IN (SELECT id FROM picked)
             RETURNING id, name, payload, run_at, attempts, strikes, losses, is_alone, lease_owner, lease_no, unique_key,
                    last_error"
        )
    };
}

const CLAIM: &str = claim_sql!("");
const CLAIM_UNLOCKED: &str = claim_sql!("FOR UPDATE SKIP LOCKED");

async fn claim(tx: &mut Tx, ask: &Ask, lane: &str, is_alone: bool, count: usize) -> DbResult<Vec<Claimed>> {
    let sql = match tx.engine() {
        Engine::Sqlite => CLAIM,
        Engine::Postgres => CLAIM_UNLOCKED,
    };
    let mut jobs: Vec<Claimed> = on!(tx, conn => sqlx::query_as(sql)
        .bind(is_alone)
        .bind(lane)
        .bind(ask.now)
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .bind(&*ask.owner)
        .bind(ask.lease_until)
        .fetch_all(conn)
        .await)?;
    jobs.sort_by_key(|job| (job.run_at, job.id));
    Ok(jobs)
}

const COUNT_DUE: &str = "
    SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND run_at <= $1
       AND lane NOT IN (SELECT lane FROM lane_widths WHERE width = 0)";

/// Counts due rows of open lanes, at the cost of reading them.
pub(super) async fn count_due(tx: &mut Tx, now: Timestamp) -> DbResult<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_DUE).bind(now).fetch_one(conn).await)?)
}
