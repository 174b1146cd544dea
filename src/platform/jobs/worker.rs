//! The loop that claims jobs and runs them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lease::{reap, unclaim};
use super::pick::{Ask, Picked, count_due, pick};
use super::run_one::run_one;
use super::{JobSettings, Registry, schedule};
use crate::platform::clock::Clock;
use crate::platform::db::{Db, DbError, DbResult};

/// How long jobs that were told to stop may take to give their leases back.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// Runs the jobs of one process. Clones are one worker.
pub struct Worker<C>(Arc<Inner<C>>);

/// What a worker and its running jobs share.
pub(super) struct Inner<C> {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) registry: Registry<C>,
    pub(super) cx: Arc<C>,
    pub(super) settings: JobSettings,
    /// Names this process in leases, together with the number of the claim.
    name: String,
    claims: AtomicU64,
}

impl<C> Clone for Worker<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The jobs that run now.
#[derive(Default)]
pub(super) struct Crew {
    pub(super) jobs: JoinSet<()>,
    /// Whether the one that runs must stay alone.
    is_alone: bool,
    /// The lane that got the last slot.
    last: String,
    abort: CancellationToken,
    upkept: Option<Instant>,
    /// Until when expired leases are left to their owners.
    grace_until: Option<Instant>,
    /// The owner of a claim of which nobody can say whether it happened.
    unclear: Option<Arc<str>>,
}

impl Crew {
    /// Gives every owner the time to renew its leases.
    ///
    /// After an outage of the database, or a pause of this machine, everybody's leases look expired, and most owners are
    /// alive.
    pub(super) fn give_grace(&mut self, renew_every: Duration) {
        self.grace_until = Some(Instant::now() + renew_every + renew_every / 2);
    }

    /// Remembers a claim of which nobody can say whether it happened.
    pub(super) fn doubt(&mut self, owner: Arc<str>) {
        self.unclear = Some(owner);
    }

    fn is_in_grace(&self) -> bool {
        self.grace_until.is_some_and(|until| Instant::now() < until)
    }
}

impl<C: Send + Sync + 'static> Worker<C> {
    /// Makes a worker that hands `cx` to the jobs of `registry`.
    #[must_use]
    pub fn new(db: Db, clock: Clock, registry: Registry<C>, cx: Arc<C>, settings: JobSettings) -> Self {
        let (name, claims) = (uuid::Uuid::new_v4().to_string(), AtomicU64::default());
        Self(Arc::new(Inner { db, clock, registry, cx, settings, name, claims }))
    }

    /// Works until `stop`; then claims nothing more, waits for the running jobs up to the drain limit, drops the rest
    /// and gives their leases back.
    ///
    /// The poll interval is the truth; the wake signal, a finished job and the next due time only make it quicker.
    pub async fn run(&self, stop: CancellationToken) {
        let wake = self.0.db.wake();
        let mut crew = Crew::default();
        while !stop.is_cancelled() {
            let pause = self.take_turn(&mut crew).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = wake.wait() => {}
                Some(ended) = crew.jobs.join_next() => report(ended),
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.drain(&mut crew).await;
    }

    /// Runs everything that is due, one job after the other, until nothing is, and gives the number of runs. For tests:
    /// a job that asks for a later time waits until the clock is moved.
    pub async fn run_due(&self) -> DbResult<usize> {
        self.run_some(usize::MAX).await
    }

    /// Counts the jobs that [`Worker::run_due`] would find due now, so that a test can notice forgotten ones.
    pub async fn due(&self) -> DbResult<usize> {
        let now = self.0.clock.now();
        let due = self.0.db.read(move |tx| async move { count_due(tx, now).await }.boxed()).await?;
        Ok(usize::try_from(due).unwrap_or(0))
    }

    pub(super) async fn run_some(&self, limit: usize) -> DbResult<usize> {
        let mut runs = 0;
        let mut last = String::new();
        while runs < limit {
            self.keep_up(true).await?;
            let picked = self.claim(self.name_claim(), 1, true, last).await?;
            if picked.jobs.is_empty() {
                break;
            }
            for job in picked.jobs {
                run_one(Arc::clone(&self.0), job, CancellationToken::new()).await;
                runs += 1;
            }
            last = picked.last;
        }
        Ok(runs)
    }

    /// Does what is to do now and tells how long there will be nothing else.
    pub(super) async fn take_turn(&self, crew: &mut Crew) -> Duration {
        while let Some(ended) = crew.jobs.try_join_next() {
            report(ended);
        }
        let poll = self.0.settings.poll;
        if crew.upkept.is_none_or(|at| at.elapsed() >= poll) {
            self.look_after(crew).await;
        }
        if let Err(error) = self.settle(crew).await {
            tracing::warn!(%error, "could not give back what a claim may have taken");
            return poll;
        }
        crew.is_alone &= !crew.jobs.is_empty();
        let free = self.0.settings.slots.saturating_sub(crew.jobs.len());
        if crew.is_alone || free == 0 {
            return poll;
        }
        let owner = self.name_claim();
        match self.claim(Arc::clone(&owner), free, crew.jobs.is_empty(), crew.last.clone()).await {
            Ok(picked) => self.start(crew, picked),
            Err(error) => {
                tracing::warn!(%error, "could not claim jobs");
                if matches!(error, DbError::Unknown(_)) {
                    crew.doubt(owner);
                }
                poll
            }
        }
    }

    /// Gives back what was claimed without this worker being told: nobody works on it, and nobody else would before the
    /// leases end.
    async fn settle(&self, crew: &mut Crew) -> DbResult<()> {
        let Some(owner) = crew.unclear.clone() else { return Ok(()) };
        let given_back = self.0.db.write(move |tx| async move { unclaim(tx, &owner).await }.boxed());
        let jobs: DbResult<usize> = given_back.await;
        tracing::info!(jobs = jobs?, "gave back what a claim had taken whose outcome was unknown");
        crew.unclear = None;
        Ok(())
    }

    pub(super) fn name_claim(&self) -> Arc<str> {
        format!("{}/{}", self.0.name, self.0.claims.fetch_add(1, Ordering::Relaxed)).into()
    }

    fn start(&self, crew: &mut Crew, picked: Picked) -> Duration {
        crew.is_alone = picked.is_alone;
        crew.last = picked.last;
        for job in picked.jobs {
            crew.jobs.spawn(run_one(Arc::clone(&self.0), job, crew.abort.clone()));
        }
        let next = picked.next_at.map(|at| at.since(self.0.clock.now()));
        next.unwrap_or(self.0.settings.poll).min(self.0.settings.poll)
    }

    async fn look_after(&self, crew: &mut Crew) {
        let renew_every = self.0.settings.renew_every;
        if crew.upkept.is_some_and(|at| at.elapsed() > self.0.settings.poll + renew_every) {
            crew.give_grace(renew_every);
        }
        crew.upkept = Some(Instant::now());
        if let Err(error) = self.keep_up(!crew.is_in_grace()).await {
            tracing::warn!(%error, "could not look after the queue");
            crew.give_grace(renew_every);
        }
    }

    /// Takes lost leases back and queues recurring work.
    async fn keep_up(&self, takes_back: bool) -> DbResult<()> {
        let (now, recurring) = (self.0.clock.now(), self.0.registry.recurring.clone());
        let upkeep = self.0.db.write(move |tx| {
            async move {
                if takes_back {
                    reap(tx, now).await?;
                }
                schedule::tick(tx, &recurring, now).await
            }
            .boxed()
        });
        upkeep.await
    }

    pub(super) async fn claim(
        &self,
        owner: Arc<str>,
        free: usize,
        is_idle: bool,
        last: String,
    ) -> DbResult<Picked> {
        let (now, settings) = (self.0.clock.now(), &self.0.settings);
        let ask = Ask {
            owner,
            now,
            lease_until: now.plus(settings.lease),
            free,
            is_idle,
            last,
            alone_wait: settings.alone_wait,
            lane_width: settings.lane_width,
        };
        self.0.db.write(move |tx| async move { pick(tx, ask).await }.boxed()).await
    }

    async fn drain(&self, crew: &mut Crew) {
        if let Err(error) = self.settle(crew).await {
            tracing::warn!(%error, "what a claim may have taken waits for its leases to end");
        }
        let limit = self.0.settings.drain_limit;
        if tokio::time::timeout(limit, rest(&mut crew.jobs)).await.is_ok() {
            return;
        }
        tracing::warn!(jobs = crew.jobs.len(), "giving back jobs that did not end in time");
        crew.abort.cancel();
        if tokio::time::timeout(GIVE_BACK, rest(&mut crew.jobs)).await.is_err() {
            tracing::error!(
                jobs = crew.jobs.len(),
                "could not give every job back; their leases will expire"
            );
        }
    }
}

async fn rest(jobs: &mut JoinSet<()>) {
    while let Some(ended) = jobs.join_next().await {
        report(ended);
    }
}

/// A job's own panic does not come this far.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the watch over a job broke; its lease will expire");
    }
}
