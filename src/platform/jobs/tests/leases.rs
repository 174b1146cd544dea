use std::time::Duration;

use super::*;
use crate::platform::jobs::void_leases;

on_both!(
    what_a_dead_process_held_is_done_by_another,
    after_an_outage_owners_come_before_the_reaper,
    leases_of_a_former_process_are_voided_at_start,
    a_claim_that_nobody_was_told_of_is_given_back,
    a_running_job_that_is_queued_again_stays_one_row,
    a_job_that_lost_its_lease_is_dropped,
    a_job_can_finish_in_its_own_transaction,
);

const LEASE: Duration = Duration::from_millis(120_001);

async fn what_a_dead_process_held_is_done_by_another(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    ground.crash_while_running().await;
    let zombie = ground.cx.leases.lock().unwrap()[0].clone();
    assert_eq!(ground.run_due().await, 0, "the lease still runs");
    assert!(ground.holds(zombie.clone()).await);

    ground.clock.advance(LEASE);
    assert_eq!(ground.run_due().await, 1);

    assert_eq!(ground.cx.done(), ["moody 2"]);
    assert!(!ground.holds(zombie).await);
}

async fn after_an_outage_owners_come_before_the_reaper(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    ground.crash_while_running().await;
    ground.clock.advance(LEASE);
    let (worker, mut crew) = (ground.worker(JobSettings::default()), Crew::default());
    crew.give_grace(Duration::from_secs(30));

    worker.take_turn(&mut crew).await;

    assert!(crew.jobs.is_empty());
    assert_eq!(ground.depth().await.running, 1);
}

async fn leases_of_a_former_process_are_voided_at_start(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    ground.crash_while_running().await;

    assert_eq!(void_leases(&ground.db).await.unwrap(), 1);

    assert_eq!(ground.run_due().await, 1);
    assert_eq!(ground.cx.done(), ["moody 2"]);
}

async fn a_claim_that_nobody_was_told_of_is_given_back(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    let (worker, mut crew) = (ground.worker(JobSettings::default()), Crew::default());
    let owner = worker.name_claim();
    let unheard = worker.claim(Arc::clone(&owner), 1, true, String::new()).await.unwrap();
    assert_eq!((unheard.jobs.len(), ground.depth().await.running), (1, 1));
    crew.doubt(owner);

    worker.take_turn(&mut crew).await;
    ground.wait_for_done(1).await;

    assert_eq!(ground.cx.done(), ["moody 1"], "it counts as never claimed");
}

async fn a_running_job_that_is_queued_again_stays_one_row(ground: Ground) {
    let now = ground.clock.now();
    let enqueue = || {
        let queued = ground
            .db
            .write(move |tx| async move { queue::enqueue_once(tx, &Moody, "the only", now).await }.boxed());
        async { queued.await.unwrap() }
    };
    assert!(enqueue().await);
    ground.crash_while_running().await;
    assert!(enqueue().await, "it may have missed the newest change");

    ground.clock.advance(LEASE);
    assert_eq!(ground.run_due().await, 1);

    assert_eq!(ground.cx.done(), ["moody 2"], "the row that knows about the crash stays");
}

async fn a_job_that_lost_its_lease_is_dropped(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    ground.moods([Mood::Hang]);
    let renewing = JobSettings { renew_every: Duration::from_millis(1), ..JobSettings::default() };
    let process = Process::start(ground.worker(renewing));
    in_time(ground.cx.started.notified()).await;

    // A renewal may hold the row just then.
    while void_leases(&ground.db).await.unwrap() == 0 {}

    // That the worker ends within its drain limit shows that the first future, which hangs for ever, was dropped.
    ground.wait_for_done(1).await;
    process.stop().await;

    assert_eq!(ground.cx.done(), ["moody 2"]);
}

/// Removes its own row.
#[derive(Serialize, Deserialize)]
struct Tidy;

struct TidyCx(Db, Mutex<Vec<bool>>);

impl Job<TidyCx> for Tidy {
    const NAME: &'static str = "tests.tidy";
    const TIME_LIMIT: Duration = Duration::from_secs(10);

    async fn run(self, cx: Arc<TidyCx>, lease: Lease) -> Result<(), JobError> {
        let finished =
            cx.0.write(move |tx| {
                async move {
                    let held = lease.holds(tx).await?;
                    DbResult::Ok((held, lease.finish(tx).await?, lease.finish(tx).await?))
                }
                .boxed()
            })
            .await?;
        cx.1.lock().unwrap().extend([finished.0, finished.1, finished.2]);
        Ok(())
    }
}

async fn a_job_can_finish_in_its_own_transaction(ground: Ground) {
    let (cx, now) = (Arc::new(TidyCx(ground.db.clone(), Mutex::default())), ground.clock.now());
    let worker = Worker::new(
        ground.db.clone(),
        ground.clock.clone(),
        Registry::default().with::<Tidy>(),
        Arc::clone(&cx),
        JobSettings::default(),
    );
    let queued: DbResult<()> = ground
        .db
        .write(move |tx| async move { queue::enqueue(tx, &Tidy, now).await.map(drop) }.boxed())
        .await;
    queued.unwrap();

    assert_eq!(worker.run_due().await.unwrap(), 1);

    assert_eq!(*cx.1.lock().unwrap(), [true, true, false]);
    assert_eq!(ground.depth().await.running, 0);
}
