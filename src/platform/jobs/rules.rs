//! The rules of the queue that need no database: back-off, poison, who gets a free slot.

use std::time::Duration;

use crate::platform::clock::Timestamp;

/// The first wait after a failure; long enough for a restart of whatever failed.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest wait, so that a repaired installation catches up within the hour.
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// Strikes after which the job is no longer run, only its hook.
const STRIKES: i64 = 3;
/// Strikes after which the hook too is given up.
const STRIKES_WITH_HOOK: i64 = 2 * STRIKES;
/// Leases lost beside other work before a job comes under suspicion.
const LOSSES: i64 = 2;

/// Gives the wait before try number `attempts + 1`: 5 s doubling to an hour, spread by `roll` (0 to 1,000).
#[must_use]
pub fn backoff(attempts: i64, roll: u32) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    spread((FIRST_WAIT * 2_u32.pow(doublings)).min(LONGEST_WAIT), roll)
}

/// Spreads a wait by ±20 %, so that what failed together does not come back together: `roll` 0 gives 80 %, 1,000 gives
/// 120 %.
#[must_use]
pub fn spread(wait: Duration, roll: u32) -> Duration {
    wait * (800 + roll.min(1000) * 2 / 5) / 1000
}

/// Gives a roll for [`backoff`] and [`spread`].
#[must_use]
pub fn roll() -> u32 {
    rand::random_range(0..=1000)
}

/// What a job has against it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) strikes: i64,
    pub(super) losses: i64,
    pub(super) is_alone: bool,
}

/// An end that the job did not choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    Panic,
    TimeLimit,
    LostLease,
}

/// What is to become of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is run.
    Run,
    /// It is poison: its hook is run, then it is held.
    Hook,
    /// It is held at once: even the hook did not survive.
    Hold,
}

impl Standing {
    /// Counts a mishap.
    ///
    /// A panic or a time-out is surely the job's own. A lost lease may be the fault of any job in the process, or of
    /// none, so it counts only for a job that ran alone, and two in company send the job there.
    pub(super) fn after(mut self, mishap: Mishap) -> Self {
        match mishap {
            Mishap::Panic | Mishap::TimeLimit => self.strikes += 1,
            Mishap::LostLease if self.is_alone => self.strikes += 1,
            Mishap::LostLease => self.losses += 1,
        }
        self.is_alone |= self.losses >= LOSSES;
        self
    }

    pub(super) fn fate(self) -> Fate {
        match self.strikes {
            ..STRIKES => Fate::Run,
            STRIKES..STRIKES_WITH_HOOK => Fate::Hook,
            _ => Fate::Hold,
        }
    }
}

/// Tells whether the process must now empty itself for a suspect that is due since `due_at`.
///
/// Periods alternate: a busy process first lets the suspect wait for a quiet moment, then claims nothing else for as
/// long, then works again. So a suspect is not starved, and one waiting for a long upload to end does not stop the rest
/// for hours.
pub(super) fn is_suspects_turn(due_at: Timestamp, now: Timestamp, period: Duration) -> bool {
    let period = period.as_millis().max(1);
    (now.since(due_at).as_millis() / period) % 2 == 1
}

/// A lane with due work and free width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) lane: String,
    pub(super) room: usize,
}

/// Deals `free` slots out to lanes one by one, beginning behind the lane that got the last one, and gives the count for
/// each with the lane that now got the last one. `rooms` are sorted by lane.
pub(super) fn deal(mut rooms: Vec<Room>, mut free: usize, last: String) -> (Vec<Room>, String) {
    let first = rooms.partition_point(|room| room.lane <= last);
    rooms.rotate_left(first);
    let mut dealt: Vec<Room> = rooms.iter().map(|room| Room { lane: room.lane.clone(), room: 0 }).collect();
    let mut last = last;
    loop {
        let before = free;
        for (room, dealt) in rooms.iter().zip(&mut dealt) {
            if free > 0 && dealt.room < room.room {
                dealt.room += 1;
                free -= 1;
                last.clone_from(&room.lane);
            }
        }
        if free == 0 || free == before {
            break;
        }
    }
    dealt.retain(|dealt| dealt.room > 0);
    (dealt, last)
}
