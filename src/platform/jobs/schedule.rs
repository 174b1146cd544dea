//! Recurring work: a list of names, periods and jobs, put into the same queue as everything else.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use super::queue::{self, NewJob};
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};

/// One entry of the list.
#[derive(Clone)]
pub(super) struct Recurring {
    name: &'static str,
    period: Duration,
    make: Arc<dyn Fn() -> DbResult<NewJob> + Send + Sync>,
}

impl Recurring {
    pub(super) fn new<C: 'static, J: Job<C>>(name: &'static str, period: Duration, make: fn() -> J) -> Self {
        Self { name, period, make: Arc::new(move || NewJob::of(&make())) }
    }
}

const LIST: &str = "SELECT name, next_at FROM schedules";

/// Queues what has come due. One transaction moves the time and queues the job, so two processes do not double it.
pub(super) async fn tick(tx: &mut Tx, list: &[Recurring], now: Timestamp) -> DbResult<()> {
    let known: Vec<(String, Timestamp)> = on!(tx, conn => sqlx::query_as(LIST).fetch_all(conn).await)?;
    for entry in list {
        let at = known.iter().find(|(name, _)| name == entry.name).map(|(_, at)| *at);
        let Some(next_at) = next_after(at, now, entry.period) else { continue };
        if !moved(tx, entry.name, at, next_at).await? {
            continue; // another process was first
        }
        if at.is_none_or(|at| at <= now) {
            let key = format!("schedule:{}", entry.name);
            queue::insert(tx, (entry.make)()?, Some(&key), now).await?;
        }
    }
    Ok(())
}

/// Gives the time to store, if it must change: missed turns are not made up, and a period that was shortened, or a
/// clock that was set back, does not leave the work waiting for long.
fn next_after(at: Option<Timestamp>, now: Timestamp, period: Duration) -> Option<Timestamp> {
    let Some(at) = at else { return Some(now.plus(period)) };
    let follows = at.plus(period);
    if at > now {
        return (at > now.plus(period)).then(|| now.plus(period));
    }
    Some(if follows > now { follows } else { now.plus(period) })
}

const FIRST: &str = "INSERT INTO schedules (name, next_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const MOVE: &str = "UPDATE schedules SET next_at = $2 WHERE name = $1 AND next_at = $3";

async fn moved(tx: &mut Tx, name: &str, at: Option<Timestamp>, next_at: Timestamp) -> DbResult<bool> {
    let changed = match at {
        None => on!(tx, conn => sqlx::query(FIRST)
            .bind(name)
            .bind(next_at)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?,
        Some(at) => on!(tx, conn => sqlx::query(MOVE)
            .bind(name)
            .bind(next_at)
            .bind(at)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))?,
    };
    Ok(changed == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_turn_follows_the_last_and_skips_missed_ones() {
        let (second, period) = (|s: i64| Timestamp::from_millis(s * 1000), Duration::from_mins(1));
        for (at, now, expected) in [
            (None, 1000, Some(1060)),       // new: runs now
            (Some(1000), 999, None),        // not yet
            (Some(1000), 1000, Some(1060)), // on time
            (Some(1000), 1030, Some(1060)), // late: keeps the beat
            (Some(1000), 1500, Some(1560)), // missed several: one is enough
            (Some(9000), 1000, Some(1060)), // the period was longer once, or the clock ahead
        ] {
            assert_eq!(next_after(at.map(second), second(now), period), expected.map(second), "{at:?} {now}");
        }
    }
}
