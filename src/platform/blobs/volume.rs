//! The state of the volume: how much room it has, and whether it can still be trusted.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::platform::clock::{Clock, Timestamp};

/// Failed syncs within [`WINDOW`] after which the volume counts as broken: one can be a hiccup of a network disk.
const FAILURES: usize = 3;
/// How long a failed sync is held against the volume.
const WINDOW: Duration = Duration::from_mins(1);

/// The room on a volume, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What this process may still fill.
    pub free: u64,
    /// The size of the volume.
    pub total: u64,
}

impl Room {
    /// Tells whether `bytes` more leave enough for the rest of the system.
    #[must_use]
    pub fn admits(self, bytes: u64, watermark: Watermark) -> bool {
        let share = |percent: u8| self.total / 100 * u64::from(percent);
        let reserve = watermark.reserve_bytes.min(share(watermark.reserve_percent));
        self.free > share(watermark.stop_percent) && self.free.saturating_sub(bytes) >= reserve
    }
}

/// When intake stops, so that the database and deliveries can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// Nothing is taken in once this percentage of the volume, or less, is free.
    pub stop_percent: u8,
    /// The bytes that taking something in must leave free.
    pub reserve_bytes: u64,
    /// The percentage of the volume that it must leave free when that is less than `reserve_bytes`.
    pub reserve_percent: u8,
}

impl Default for Watermark {
    fn default() -> Self {
        Self { stop_percent: 10, reserve_bytes: 2 * 1024 * 1024 * 1024, reserve_percent: 5 }
    }
}

/// Remembers failed syncs.
///
/// The kernel reports a lost write once and then forgets it, so whoever sees a sync fail throws the file away: a second
/// sync would "succeed".
#[derive(Debug)]
pub(super) struct Syncs {
    clock: Clock,
    failures: Mutex<VecDeque<Timestamp>>,
}

impl Syncs {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, failures: Mutex::default() }
    }

    pub(super) fn healthy(&self) -> bool {
        let now = self.clock.now();
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.iter().filter(|at| now.since(**at) < WINDOW).count() < FAILURES
    }

    pub(super) fn failed(&self, error: &io::Error) {
        tracing::error!(%error, "the volume of the media store failed to sync");
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push_back(self.clock.now());
        if failures.len() > FAILURES {
            failures.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failed_syncs_within_a_minute_make_a_volume_unhealthy() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let syncs = Syncs::new(clock.clone());
        let fail = || syncs.failed(&io::Error::other("lost"));

        fail();
        clock.advance(Duration::from_secs(50));
        fail();
        clock.advance(Duration::from_secs(20));
        fail();
        assert!(syncs.healthy(), "the first is more than a minute ago");
        fail();
        assert!(!syncs.healthy());
        clock.advance(WINDOW);
        assert!(syncs.healthy());
    }

    #[test]
    fn intake_stops_before_the_volume_is_full() {
        const GIB: u64 = 1024 * 1024 * 1024;
        let watermark = Watermark::default();
        let room = |free| Room { free, total: 100 * GIB };

        assert!(room(11 * GIB).admits(9 * GIB, watermark));
        assert!(!room(11 * GIB).admits(9 * GIB + 1, watermark), "2 GiB stay");
        assert!(!room(10 * GIB - 1).admits(0, watermark), "a tenth is left");
        let small = Room { free: 2 * GIB, total: 10 * GIB };
        assert!(small.admits(GIB + GIB / 2, watermark), "5 % stay on a small volume");
        assert!(!small.admits(u64::MAX, watermark));
    }
}
