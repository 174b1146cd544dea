//! The queue's worker with every job it knows, and what happens each second beside it.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::features::{Services, audit};
use crate::platform::jobs::{Registry, Worker};
use crate::platform::tasks::Tasks;

const HOUR: Duration = Duration::from_hours(1);

/// Makes the worker. Every job of the program and everything that recurs stands here.
pub(super) fn worker(services: &Arc<Services>, config: &Config) -> Worker<Services> {
    let registry = Registry::default()
        .with::<audit::jobs::Chain>();
    Worker::new(services.db.clone(), services.clock.clone(), registry, Arc::clone(services), config.jobs.clone())
}

/// Starts what happens each second: audit rows get their place in the chain, counted downloads are written down.
pub(super) fn tick(services: &Arc<Services>, tasks: &Tasks) {
    let (services, stop) = (Arc::clone(services), tasks.stop_signal());
    tasks.spawn(async move {
        while stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(1))).await.is_some() {
            if let Err(error) = audit::chain_waiting(&services.db, services.clock.now()).await {
                tracing::warn!(%error, "could not queue the chaining of audit rows");
            }
        }
    });
}
