//! When keys were last used: noted in memory by the requests that show them, written down by somebody else.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::KeyId;
use crate::platform::clock::Timestamp;

/// What is on record is no older than this while a key is in use: enough to find those that nobody uses, and one write
/// an hour for each key however many requests it opens.
const PRECISION: Duration = Duration::from_hours(1);

/// Uses that are not written down yet, in the order of the identifiers, in which several processes can write them
/// without waiting for each other. One for the process.
#[derive(Debug, Default)]
pub struct Uses(Mutex<BTreeMap<KeyId, Timestamp>>);

impl Uses {
    /// Notes that a good key was shown, unless what is on record is recent enough.
    pub fn note(&self, key: KeyId, on_record: Option<Timestamp>, now: Timestamp) {
        if on_record.is_none_or(|at| at.plus(PRECISION) <= now) {
            self.waiting().entry(key).or_insert(now);
        }
    }

    /// Takes some of what waits. Whoever cannot write it may forget it: the next use of the key notes it again.
    pub fn take(&self, most: usize) -> Vec<(KeyId, Timestamp)> {
        let mut waiting = self.waiting();
        std::iter::from_fn(|| waiting.pop_first()).take(most).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<KeyId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_noted_once_an_hour() {
        let uses = Uses::default();
        let (first, second): (KeyId, KeyId) =
            ("k00000000001".parse().expect("a key"), "k00000000002".parse().expect("a key"));
        let at = |minutes: i64| Timestamp::from_millis(minutes * 60_000);

        uses.note(second.clone(), Some(at(0)), at(60));
        uses.note(first.clone(), None, at(61));
        uses.note(first.clone(), None, at(62));
        uses.note(first.clone(), Some(at(61)), at(120));

        assert_eq!(uses.take(1), [(first, at(61))]);
        assert_eq!(uses.take(9), [(second, at(60))]);
        assert_eq!(uses.take(9), []);
    }
}
