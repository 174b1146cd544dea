//! Which jobs this process knows, and what recurs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::schedule::Recurring;
use super::{Job, JobError, Lease, Poison};

/// The list of jobs that workers can run.
pub struct Registry<C> {
    kinds: HashMap<&'static str, Kind<C>>,
    pub(super) recurring: Vec<Recurring>,
}

type Run<C> = fn(String, Arc<C>, Lease) -> BoxFuture<'static, Result<(), JobError>>;
type Poisoned<C> = fn(String, Arc<C>, Poison) -> BoxFuture<'static, anyhow::Result<()>>;

/// A job type with its type erased.
pub(super) struct Kind<C> {
    pub(super) time_limit: Duration,
    pub(super) run: Run<C>,
    pub(super) poisoned: Poisoned<C>,
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self { kinds: HashMap::new(), recurring: Vec::new() }
    }
}

impl<C: Send + Sync + 'static> Registry<C> {
    /// Adds a job type.
    ///
    /// # Panics
    /// When two job types share a name, which is a mistake in the program.
    #[must_use]
    pub fn with<J: Job<C>>(mut self) -> Self {
        let kind = Kind { time_limit: J::TIME_LIMIT, run: run::<C, J>, poisoned: poisoned::<C, J> };
        assert!(self.kinds.insert(J::NAME, kind).is_none(), "two jobs are named {}", J::NAME);
        self
    }

    /// Adds recurring work: about every `period` one job that `make` gives, for the whole installation.
    #[must_use]
    pub fn every<J: Job<C>>(mut self, name: &'static str, period: Duration, make: fn() -> J) -> Self {
        self.recurring.push(Recurring::new(name, period, make));
        self
    }

    pub(super) fn kind(&self, name: &str) -> Option<&Kind<C>> {
        self.kinds.get(name)
    }
}

/// The payload is read inside the future, so that even a panic in there is the job's own.
fn run<C: Send + Sync + 'static, J: Job<C>>(
    payload: String,
    cx: Arc<C>,
    lease: Lease,
) -> BoxFuture<'static, Result<(), JobError>> {
    async move { serde_json::from_str::<J>(&payload)?.run(cx, lease).await }.boxed()
}

fn poisoned<C: Send + Sync + 'static, J: Job<C>>(
    payload: String,
    cx: Arc<C>,
    poison: Poison,
) -> BoxFuture<'static, anyhow::Result<()>> {
    async move { serde_json::from_str::<J>(&payload)?.poisoned(cx, poison).await }.boxed()
}
