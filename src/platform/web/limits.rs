//! Rate limits in memory. A refusal never makes the wait longer.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::failure::Failure;

/// So many of something per minute for each key, with a burst beside it.
pub struct Limit<K: Hash + Eq + Clone> {
    limiter: Option<RateLimiter<K, DashMapStateStore<K>, DefaultClock>>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    /// Makes a limit; zero per minute turns it off.
    #[must_use]
    pub fn new(per_minute: u32, burst: u32) -> Self {
        let quota = NonZeroU32::new(per_minute).map(|rate| {
            let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
            Quota::per_minute(rate).allow_burst(burst)
        });
        Self { limiter: quota.map(RateLimiter::dashmap) }
    }

    /// Takes one, or tells how long to wait.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check_key(key).map_err(|refusal| refusal.wait_time_from(DefaultClock::default().now()))
    }

    /// Forgets keys that have nothing against them any more; call now and then, or memory grows for ever.
    pub fn forget(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
        }
    }
}

/// The failure that tells somebody to wait.
#[must_use]
pub fn too_many(wait: Duration) -> Failure {
    Failure::TooMany(wait.as_secs() + 1)
}
