//! The adjustable figures of the queue.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the queue's workers behave. Times are written in milliseconds, so that tests can run a real process quickly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobSettings {
    /// How long a claimed job belongs to its worker without a sign of life. Default 120,000.
    #[serde(with = "millis")]
    pub lease: Duration,
    /// How often a running job's lease is renewed. Default 30,000.
    #[serde(with = "millis")]
    pub renew_every: Duration,
    /// How often the queue is looked at without being woken. Default 1,000.
    #[serde(with = "millis")]
    pub poll: Duration,
    /// How many jobs one process runs at once. Default 64.
    pub slots: usize,
    /// How many jobs of one lane run at once in the whole installation, unless the lane says otherwise. Default 4.
    pub lane_width: usize,
    /// How long a stopping process waits for its running jobs. Default 30,000.
    #[serde(with = "millis")]
    pub drain_limit: Duration,
    /// How long a busy process lets a job wait that must run alone before it makes room for it. Default 60,000.
    #[serde(with = "millis")]
    pub alone_wait: Duration,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_mins(2),
            renew_every: Duration::from_secs(30),
            poll: Duration::from_secs(1),
            slots: 64,
            lane_width: 4,
            drain_limit: Duration::from_secs(30),
            alone_wait: Duration::from_mins(1),
        }
    }
}

/// Durations as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
