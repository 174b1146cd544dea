//! The queue's worker with every job it knows, and what happens each second beside it.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;

use crate::config::Config;
use crate::features::accounts::pages::sign_ins::SignInLimits;
use crate::features::endpoints::TestLimit;
use crate::features::media::Downloads;
use crate::features::{Services, apps, audit, deliveries, doctor, intake, media};
use crate::platform::idempotency::Replies;
use crate::platform::jobs::{Registry, Worker};
use crate::platform::keys::Uses;
use crate::platform::tasks::Tasks;
use crate::platform::web::session::Sessions;

const HOUR: Duration = Duration::from_hours(1);

/// Makes the worker. Every job of the program and everything that recurs stands here.
pub(super) fn worker(services: &Arc<Services>, config: &Config) -> Worker<Services> {
    let registry = Registry::default()
        .with::<audit::jobs::Chain>()
        .with::<deliveries::jobs::Deliver>()
        .with::<deliveries::jobs::Hurry>()
        .with::<deliveries::jobs::Settle>()
        .with::<doctor::jobs::Examine>()
        .with::<doctor::jobs::Round>()
        .with::<doctor::jobs::Tell>()
        .with::<doctor::jobs::Watch>()
        .with::<intake::jobs::Fetch>()
        .with::<media::jobs::SweepOrphans>()
        .with::<media::jobs::SweepTemporary>()
        .every("doctor.round", HOUR, || doctor::jobs::Round {})
        .every("doctor.watch", Duration::from_mins(1), || doctor::jobs::Watch {})
        .every("media.sweep_temporary", HOUR, || media::jobs::SweepTemporary {})
        .every("media.sweep_orphans", 6 * HOUR, || media::jobs::SweepOrphans {});
    Worker::new(
        services.db.clone(),
        services.clock.clone(),
        registry,
        Arc::clone(services),
        config.jobs.clone(),
    )
}

/// What the web keeps in memory or in tables of its own, and what must not grow for ever.
pub(super) struct Upkeep {
    pub(super) sessions: Sessions,
    pub(super) sign_ins: Data<SignInLimits>,
    pub(super) endpoint_tests: Data<TestLimit>,
    pub(super) replies: Replies,
    pub(super) uses: Arc<Uses>,
}

/// Starts what happens each second: audit rows get their place in the chain, counted downloads and uses of keys are
/// written down. Each hour ended sessions go. What was counted last is written when the process stops.
pub(super) fn tick(services: &Arc<Services>, downloads: &Arc<Downloads>, upkeep: Upkeep, tasks: &Tasks) {
    let (services, downloads, stop) = (Arc::clone(services), Arc::clone(downloads), tasks.stop_signal());
    tasks.spawn(async move {
        let mut swept = services.clock.now();
        while stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(1))).await.is_some() {
            each_second(&services, &downloads, &upkeep.uses).await;
            if services.clock.now().since(swept) >= HOUR {
                swept = services.clock.now();
                each_hour(&upkeep).await;
            }
        }
        each_second(&services, &downloads, &upkeep.uses).await;
    });
}

async fn each_second(services: &Services, downloads: &Downloads, uses: &Uses) {
    let now = services.clock.now();
    if let Err(error) = downloads.flush(&services.db, now).await {
        tracing::warn!(%error, "could not write down the downloads");
    }
    if let Err(error) = apps::save_uses(&services.db, uses).await {
        tracing::warn!(%error, "could not write down when keys were used");
    }
    if let Err(error) = audit::chain_waiting(&services.db, now).await {
        tracing::warn!(%error, "could not queue the chaining of audit rows");
    }
}

async fn each_hour(upkeep: &Upkeep) {
    upkeep.sign_ins.forget();
    upkeep.endpoint_tests.forget();
    if let Err(error) = upkeep.replies.sweep().await {
        tracing::warn!(%error, "could not remove old replies");
    }
    if let Err(error) = upkeep.sessions.sweep().await {
        tracing::warn!(%error, "could not remove ended sessions");
    }
}
