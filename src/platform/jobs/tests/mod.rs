//! The queue on both engines: on SQLite always, on PostgreSQL when `TEST_DATABASE_URL` names a server.

mod claiming;
mod leases;
mod poison;
mod pure;
mod recurring;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use sqlx::Connection;
use tokio::sync::Notify;

use super::queue::{self, Depth};
use super::worker::Crew;
use super::{Job, JobError, JobSettings, Lease, Poison, Registry, Worker};
use crate::platform::clock::{Clock, Timestamp};
use crate::platform::db::{Db, DbError, DbResult, Location};
use crate::platform::secret::Secret;
use crate::platform::tasks::Tasks;

/// Runs a test on each engine that is there.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::platform::jobs::tests::Ground::sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(ground) = $crate::platform::jobs::tests::Ground::postgres().await {
                    super::$name(ground).await;
                }
            })+
        }
    };
}
use on_both;

/// A fresh database with a clock that stands still, and what the test's jobs report to.
struct Ground {
    db: Db,
    clock: Clock,
    cx: Arc<Seen>,
    _folder: tempfile::TempDir,
}

/// What the jobs of a test did.
#[derive(Default)]
struct Seen {
    /// The tags of jobs in the order of their ends.
    done: Mutex<Vec<String>>,
    poisoned: Mutex<Vec<Poison>>,
    leases: Mutex<Vec<Lease>>,
    /// What happened to each attempt of a [`Moody`] job.
    moods: Mutex<Vec<Mood>>,
    running: AtomicUsize,
    most_at_once: AtomicUsize,
    started: Notify,
    ended: Notify,
}

impl Seen {
    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    fn end(&self, tag: &str) {
        self.done.lock().unwrap().push(tag.to_owned());
        self.ended.notify_one();
    }
}

/// Ends well.
#[derive(Serialize, Deserialize)]
struct Note {
    lane: String,
    tag: String,
}

impl Job<Seen> for Note {
    const NAME: &'static str = "tests.note";
    const TIME_LIMIT: Duration = Duration::from_secs(10);

    fn lane(&self) -> String {
        self.lane.clone()
    }

    async fn run(self, cx: Arc<Seen>, _: Lease) -> Result<(), JobError> {
        let running = cx.running.fetch_add(1, Ordering::SeqCst) + 1;
        cx.most_at_once.fetch_max(running, Ordering::SeqCst);
        tokio::task::yield_now().await;
        cx.running.fetch_sub(1, Ordering::SeqCst);
        cx.end(&self.tag);
        Ok(())
    }
}

fn note(lane: &str, tag: &str) -> Note {
    Note { lane: lane.to_owned(), tag: tag.to_string() }
}

#[derive(Debug, Clone, Copy)]
enum Mood {
    Panic,
    Hang,
    Fail,
    Wait(u64),
    GiveUp,
}

/// Ends as `Seen::moods` say, well when they are used up. Moody jobs run alone in time only by the queue's rule.
#[derive(Serialize, Deserialize)]
struct Moody;

impl Job<Seen> for Moody {
    const NAME: &'static str = "tests.moody";
    const TIME_LIMIT: Duration = Duration::from_secs(10);

    async fn run(self, cx: Arc<Seen>, lease: Lease) -> Result<(), JobError> {
        cx.leases.lock().unwrap().push(lease.clone());
        let mood = cx.moods.lock().unwrap().pop();
        cx.started.notify_one();
        match mood {
            Some(Mood::Panic) => panic!("in a bad mood"),
            Some(Mood::Hang) => std::future::pending().await,
            Some(Mood::Fail) => Err(anyhow::anyhow!("no luck"))?,
            Some(Mood::Wait(seconds)) => {
                return Err(JobError::retry(Duration::from_secs(seconds), "asked to wait"));
            }
            Some(Mood::GiveUp) => return Err(JobError::GiveUp(anyhow::anyhow!("hopeless"))),
            None => cx.end(&format!("moody {}", lease.attempt())),
        }
        Ok(())
    }

    async fn poisoned(self, cx: Arc<Seen>, poison: Poison) -> anyhow::Result<()> {
        cx.poisoned.lock().unwrap().push(poison);
        Ok(())
    }
}

/// Never ends by itself.
#[derive(Serialize, Deserialize)]
struct Endless;

impl Job<Seen> for Endless {
    const NAME: &'static str = "tests.endless";
    const TIME_LIMIT: Duration = Duration::from_millis(5);

    async fn run(self, _: Arc<Seen>, _: Lease) -> Result<(), JobError> {
        std::future::pending().await
    }
}

impl Ground {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = Location::File(folder.path().join("test.db"));
        Self::open(&file, folder).await
    }

    /// A schema of its own, so that tests do not meet.
    async fn postgres() -> Option<Self> {
        let url = std::env::var_os("TEST_DATABASE_URL")?.into_string().unwrap();
        let schema = format!("jobs_{}", uuid::Uuid::new_v4().simple());
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
        sqlx::query(create).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let mark = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{mark}options%5Bsearch_path%5D={schema}");
        Some(Self::open(&Location::Server(Secret::new(url)), tempfile::tempdir().unwrap()).await)
    }

    async fn open(location: &Location, folder: tempfile::TempDir) -> Self {
        let db = Db::open(location, &Tasks::default()).await.unwrap();
        let clock = Clock::manual(Timestamp::from_millis(1_000_000));
        Self { db, clock, cx: Arc::default(), _folder: folder }
    }

    /// A worker like that of another process.
    fn worker(&self, settings: JobSettings) -> Worker<Seen> {
        self.worker_with(Registry::default(), settings)
    }

    fn worker_with(&self, registry: Registry<Seen>, settings: JobSettings) -> Worker<Seen> {
        let registry = registry.with::<Note>().with::<Moody>().with::<Endless>();
        Worker::new(self.db.clone(), self.clock.clone(), registry, Arc::clone(&self.cx), settings)
    }

    async fn wait_for_done(&self, count: usize) {
        in_time(async {
            while self.cx.done().len() < count {
                self.cx.ended.notified().await;
            }
        })
        .await;
    }

    async fn run_due(&self) -> usize {
        self.worker(JobSettings::default()).run_due().await.unwrap()
    }

    async fn enqueue<J: Job<Seen> + Sync>(&self, jobs: Vec<J>) {
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

    async fn enqueue_once(&self, tag: &str, key: &'static str) -> bool {
        let (job, now) = (note("keyed", tag), self.clock.now());
        let queued =
            self.db.write(move |tx| async move { queue::enqueue_once(tx, &job, key, now).await }.boxed());
        queued.await.unwrap()
    }

    async fn set_width(&self, lane: &'static str, width: Option<u16>) {
        let set = self.db.write(move |tx| async move { queue::set_width(tx, lane, width).await }.boxed());
        set.await.unwrap();
    }

    async fn depth(&self) -> Depth {
        self.db.read(|tx| queue::depth(tx).boxed()).await.unwrap()
    }

    async fn holds(&self, lease: Lease) -> bool {
        let asked = self.db.write(move |tx| async move { lease.holds(tx).await }.boxed());
        let holds: Result<bool, DbError> = asked.await;
        holds.unwrap()
    }

    /// Plans what the next attempts of [`Moody`] jobs do.
    fn moods(&self, moods: impl IntoIterator<Item = Mood>) {
        let mut planned: Vec<_> = moods.into_iter().collect();
        planned.reverse();
        *self.cx.moods.lock().unwrap() = planned;
    }

    /// Lets a worker claim a hanging job and kills it, as a crash would.
    async fn crash_while_running(&self) {
        self.moods([Mood::Hang]);
        let mut crew = Crew::default();
        self.worker(JobSettings::default()).take_turn(&mut crew).await;
        in_time(self.cx.started.notified()).await;
        crew.jobs.shutdown().await;
    }
}

/// A worker at work in the background.
struct Process {
    tasks: Tasks,
    task: tokio::task::JoinHandle<()>,
}

impl Process {
    fn start(worker: Worker<Seen>) -> Self {
        let tasks = Tasks::default();
        let stop = tasks.stop_signal();
        Self { task: tasks.spawn(async move { worker.run(stop).await }), tasks }
    }

    async fn stop(self) {
        self.tasks.stop_signal().cancel();
        in_time(self.task).await.unwrap();
    }
}

/// Fails a test that would hang.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), future).await.expect("takes too long")
}
