//! What a job is, and how it can end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Lease;
use crate::typed_id;

typed_id! {
    /// Names one row of the queue.
    JobId
}

/// Work that can be stored and run later, perhaps by another process, perhaps twice.
///
/// The value carries ids only and looks the rest up when it runs, so it is never stale. `C` is what jobs work with;
/// the queue hands it through and knows nothing about it.
pub trait Job<C>: Serialize + DeserializeOwned + Send + 'static {
    /// The stored name: never rename one that may be queued somewhere.
    const NAME: &'static str;
    /// How long one run may take. Running longer counts like a panic.
    const TIME_LIMIT: Duration;

    /// Gives the lane: jobs of one lane share its width, and lanes are served in turn.
    fn lane(&self) -> String {
        Self::NAME.to_owned()
    }

    /// Does the work. No transaction may be open while bytes travel; the one that concludes asks [`Lease::holds`].
    fn run(self, cx: Arc<C>, lease: Lease) -> impl Future<Output = Result<(), JobError>> + Send;

    /// Shows in the business record that the job was put aside; safe to call twice, like [`Job::run`].
    ///
    /// Runs as work of the queue with a lease of its own, so a crash does not lose it, and before the row is held.
    fn poisoned(self, cx: Arc<C>, poison: Poison) -> impl Future<Output = anyhow::Result<()>> + Send {
        drop((cx, poison));
        async { Ok(()) }
    }
}

/// Why a job was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// The held row, for [`super::queue::redrive`].
    pub job: JobId,
    /// What happened last, for people who look after the installation.
    pub why: String,
}

/// How a run ends when it is not done.
///
/// Every other error becomes [`JobError::Failed`] through `?`. A panic, a time-out or a lost lease is no value: the
/// queue notices by itself.
#[derive(Debug)]
pub enum JobError {
    /// The job foresaw this and says when to come again. Clears everything that counted against it.
    Retry {
        /// How long to wait; at least a second is kept, so that a mistake cannot spin.
        after: Duration,
        /// What happened, without secrets or personal data.
        why: String,
    },
    /// It can never succeed. The row goes; the business record has to tell why.
    GiveUp(anyhow::Error),
    /// Something unexpected broke. The queue tries again with its own growing back-off.
    Failed(anyhow::Error),
}

impl JobError {
    /// Asks to run again after a while.
    pub fn retry(after: Duration, why: impl Into<String>) -> Self {
        Self::Retry { after, why: why.into() }
    }
}

impl<E: Into<anyhow::Error>> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
