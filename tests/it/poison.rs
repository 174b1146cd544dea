//! One of a thousand jobs breaks its worker: the others are done, it is put aside, and it can be done once it is mended.
//!
//! The worker is the real one with real time limits; only the clock that says when a job is due stands still. A job that
//! takes the whole process along is the business of `tests/durability/poison.rs`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use mediaport::platform::clock::Clock;
use mediaport::platform::db::{Db, DbResult, Location};
use mediaport::platform::jobs::queue::{self, Depth, HeldJob};
use mediaport::platform::jobs::{Job, JobError, JobSettings, Lease, Poison, Registry, Worker};
use mediaport::platform::secret::Secret;
use mediaport::platform::tasks::Tasks;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::support::TestDatabase;

const JOBS: usize = 1000;
/// In the middle, so that others are before it, beside it and behind it.
const POISON: usize = 500;
/// Runs that a job may break.
const STRIKES: usize = 3;
/// Longer than the first waits after a strike, which are five and ten seconds and a fifth of that.
const WAIT: Duration = Duration::from_secs(15);

/// What the poison does to whoever runs it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Harm {
    Panic,
    Hang,
}

#[derive(Serialize, Deserialize)]
struct Item {
    number: usize,
    harm: Harm,
}

/// What the jobs saw.
#[derive(Default)]
struct Seen {
    done: Mutex<Vec<usize>>,
    broken: AtomicUsize,
    told: Mutex<Vec<Poison>>,
    is_mended: AtomicBool,
}

impl Job<Seen> for Item {
    const NAME: &'static str = "tests.item";
    /// Far more than an item needs on a busy machine, which is next to nothing.
    const TIME_LIMIT: Duration = Duration::from_secs(2);

    async fn run(self, seen: Arc<Seen>, _: Lease) -> Result<(), JobError> {
        if self.number == POISON && !seen.is_mended.load(Ordering::SeqCst) {
            seen.broken.fetch_add(1, Ordering::SeqCst);
            match self.harm {
                Harm::Panic => panic!("this item cannot be worked on"),
                Harm::Hang => std::future::pending().await,
            }
        }
        seen.done.lock().unwrap().push(self.number);
        Ok(())
    }

    async fn poisoned(self, seen: Arc<Seen>, poison: Poison) -> anyhow::Result<()> {
        seen.told.lock().unwrap().push(poison);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_panic_in_a_thousand_jobs_is_put_aside_alone() {
    one_in_a_thousand(Harm::Panic, "panicked: this item cannot be worked on").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_hang_in_a_thousand_jobs_is_put_aside_alone() {
    one_in_a_thousand(Harm::Hang, "did not end within 2s").await;
}

async fn one_in_a_thousand(harm: Harm, why: &str) {
    let ground = Ground::open().await;
    let work = ground.work();
    let begun = Instant::now();

    ground.enqueue((0..JOBS).map(|number| Item { number, harm }).collect()).await;
    ground
        .wait_until("all others are done", |depth, seen| seen.count() == JOBS - 1 && depth.running == 0)
        .await;
    let done_after = begun.elapsed();
    while ground.depth().await.held == 0 {
        ground.clock.advance(WAIT);
        ground.wait_until("it was run again", |depth, _| depth.running == 0 && depth.is_early(&ground)).await;
    }
    let rows = ground.held().await;
    let (broken, told) =
        (ground.seen.broken.load(Ordering::SeqCst), ground.seen.told.lock().unwrap().clone());

    ground.enqueue(vec![Item { number: JOBS, harm }]).await;
    ground.wait_until("the worker is alive", |_, seen| seen.count() == JOBS).await;
    ground.seen.is_mended.store(true, Ordering::SeqCst);
    assert!(ground.redrive(&rows[0]).await);
    ground.wait_until("what was put aside is done", |depth, _| depth.is_empty()).await;
    work.stop().await;

    println!(
        "D14 {:?}, {harm:?}: {} of {JOBS} done after {done_after:.1?}, {} held after {broken} broken runs; once mended, {} of {} done",
        ground.db.engine(),
        JOBS - 1,
        rows.len(),
        ground.seen.count(),
        JOBS + 1,
    );
    assert_eq!((rows.len(), broken), (1, STRIKES));
    assert_eq!(rows[0].last_error.as_deref(), Some(why));
    assert_eq!(told, [Poison { job: rows[0].id, why: why.to_owned() }]);
    let mut done = ground.seen.done.lock().unwrap().clone();
    assert_eq!(done.last(), Some(&POISON));
    done.sort_unstable();
    assert_eq!(done, (0..=JOBS).collect::<Vec<_>>(), "each of them, and once");
}

impl Seen {
    fn count(&self) -> usize {
        self.done.lock().unwrap().len()
    }
}

/// What a test asks of [`Depth`].
trait Question {
    fn is_empty(&self) -> bool;
    /// Nothing is left, or nothing before its time.
    fn is_early(&self, ground: &Ground) -> bool;
}

impl Question for Depth {
    fn is_empty(&self) -> bool {
        (self.queued, self.running, self.held) == (0, 0, 0)
    }

    fn is_early(&self, ground: &Ground) -> bool {
        self.oldest_at.is_none_or(|at| at > ground.clock.now())
    }
}

/// A queue with its worker.
struct Ground {
    db: Db,
    clock: Clock,
    seen: Arc<Seen>,
    database: TestDatabase,
    _folder: TempDir,
}

/// A worker at work in the background.
struct Work {
    tasks: Tasks,
    task: tokio::task::JoinHandle<()>,
}

impl Work {
    async fn stop(self) {
        self.tasks.stop_signal().cancel();
        self.task.await.unwrap();
    }
}

impl Ground {
    async fn open() -> Self {
        let (database, folder) = (TestDatabase::create().await, tempfile::tempdir().unwrap());
        let location = match &database {
            TestDatabase::File => Location::File(folder.path().join("test.db")),
            TestDatabase::Server { url, .. } => Location::Server(Secret::new(url.clone())),
        };
        let db = Db::open(&location, &Tasks::default()).await.unwrap();
        let clock = Clock::manual(Clock::system().now());
        Self { db, clock, seen: Arc::default(), database, _folder: folder }
    }

    fn work(&self) -> Work {
        let registry = Registry::default().with::<Item>();
        let settings = JobSettings { poll: Duration::from_millis(20), ..JobSettings::default() };
        let worker =
            Worker::new(self.db.clone(), self.clock.clone(), registry, Arc::clone(&self.seen), settings);
        let tasks = Tasks::default();
        let stop = tasks.stop_signal();
        Work { task: tasks.spawn(async move { worker.run(stop).await }), tasks }
    }

    async fn enqueue(&self, jobs: Vec<Item>) {
        let now = self.clock.now();
        let queued = self.db.write(move |tx| {
            async move {
                for job in &jobs {
                    queue::enqueue(tx, job, now).await?;
                }
                DbResult::Ok(())
            }
            .boxed()
        });
        queued.await.unwrap();
    }

    async fn redrive(&self, row: &HeldJob) -> bool {
        let (id, now) = (row.id, self.clock.now());
        let again = self.db.write(move |tx| async move { queue::redrive(tx, id, now).await }.boxed());
        DbResult::unwrap(again.await)
    }

    async fn held(&self) -> Vec<HeldJob> {
        let rows = self.db.read(|tx| async move { queue::list_held(tx, 10).await }.boxed());
        DbResult::unwrap(rows.await)
    }

    async fn depth(&self) -> Depth {
        DbResult::unwrap(self.db.read(|tx| queue::depth(tx).boxed()).await)
    }

    async fn wait_until(&self, expected: &str, is_so: impl Fn(&Depth, &Seen) -> bool) {
        let begun = Instant::now();
        loop {
            let depth = self.depth().await;
            if is_so(&depth, &self.seen) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "within a minute: {expected}; {depth:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.database.remove();
    }
}
