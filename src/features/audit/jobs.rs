//! The job that gives rows their place in the chain.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};

use super::chain;
use crate::features::Services;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::jobs::{Job, JobError, Lease, queue};

/// Chains waiting rows. One lane, so batches never overlap.
#[derive(Debug, Serialize, Deserialize)]
pub struct Chain {}

impl Job<Services> for Chain {
    const NAME: &'static str = "audit.chain";
    const TIME_LIMIT: Duration = Duration::from_mins(5);

    async fn run(self, services: Arc<Services>, lease: Lease) -> Result<(), JobError> {
        loop {
            let lease = lease.clone();
            let more = services.db.write(move |tx| {
                async move { if lease.holds(tx).await? { chain::extend(tx).await } else { Ok(false) } }
                    .boxed()
            });
            if !more.await? {
                return Ok(());
            }
        }
    }
}

/// Queues the job once for everything that waits.
pub(super) async fn queue_chain(tx: &mut Tx, now: Timestamp) -> DbResult<()> {
    queue::enqueue_once(tx, &Chain {}, Chain::NAME, now).await.map(drop)
}
