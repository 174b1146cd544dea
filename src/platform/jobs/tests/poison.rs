use std::time::Duration;

use super::*;
use crate::platform::jobs::queue::HeldJob;
use crate::platform::jobs::void_leases;

on_both!(
    three_panics_hold_a_job_and_tell_its_record,
    running_too_long_counts_like_a_panic,
    a_job_that_kills_processes_is_isolated_and_then_held,
    a_suspect_runs_alone,
    failures_back_off_and_are_never_poison,
    what_a_job_foresaw_clears_its_record,
    giving_up_removes_the_row,
    a_job_of_another_version_waits,
);

const DAY: Duration = Duration::from_hours(24);

async fn held(ground: &Ground) -> Vec<HeldJob> {
    ground.db.read(|tx| async move { queue::list_held(tx, 10).await }.boxed()).await.unwrap()
}

async fn three_panics_hold_a_job_and_tell_its_record(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    ground.moods([Mood::Panic; 3]);
    for runs in [1, 1, 2] {
        assert_eq!(ground.run_due().await, runs, "the third run is followed by the hook");
        ground.clock.advance(DAY);
    }

    let row = held(&ground).await.remove(0);
    assert_eq!(
        (row.name.as_str(), row.last_error.as_deref()),
        ("tests.moody", Some("panicked: in a bad mood"))
    );
    let poison = Poison { job: row.id, why: "panicked: in a bad mood".to_owned() };
    assert_eq!(*ground.cx.poisoned.lock().unwrap(), [poison]);
    assert_eq!(ground.run_due().await, 0);

    let now = ground.clock.now();
    let again = ground.db.write(move |tx| async move { queue::redrive(tx, row.id, now).await }.boxed());
    assert!(DbResult::unwrap(again.await));
    assert_eq!(ground.run_due().await, 1);
    assert_eq!(ground.cx.done(), ["moody 1"]);
}

async fn running_too_long_counts_like_a_panic(ground: Ground) {
    ground.enqueue(vec![Endless]).await;
    for _ in 0..3 {
        ground.run_due().await;
        ground.clock.advance(DAY);
    }

    assert_eq!(held(&ground).await[0].last_error.as_deref(), Some("did not end within 5ms"));
}

async fn a_job_that_kills_processes_is_isolated_and_then_held(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    for _ in 0..5 {
        assert_eq!(ground.depth().await.queued, 1);
        ground.crash_while_running().await;
        ground.clock.advance(DAY);
        void_leases(&ground.db).await.unwrap();
    }

    assert_eq!(ground.run_due().await, 1, "the hook");
    assert_eq!(held(&ground).await.len(), 1);
    assert_eq!(ground.cx.poisoned.lock().unwrap().len(), 1);
}

async fn a_suspect_runs_alone(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    for _ in 0..2 {
        ground.crash_while_running().await;
        ground.clock.advance(DAY);
        void_leases(&ground.db).await.unwrap();
    }
    ground.enqueue(vec![note("a", "1"), note("b", "2")]).await;
    // An odd number of periods after its time it is the suspect's turn, and nothing else starts while it runs.
    ground.clock.advance(Duration::from_mins(1));
    ground.moods([Mood::Hang]);
    let (worker, mut crew) = (ground.worker(JobSettings::default()), Crew::default());
    for _ in 0..2 {
        worker.take_turn(&mut crew).await;
        assert_eq!(crew.jobs.len(), 1);
    }
    in_time(ground.cx.started.notified()).await;
    crew.jobs.shutdown().await;
    void_leases(&ground.db).await.unwrap();

    assert_eq!(ground.cx.done(), Vec::<String>::new());
    ground.clock.advance(Duration::from_mins(1));
    assert_eq!(ground.run_due().await, 3);
    assert_eq!(ground.cx.done(), ["1", "2", "moody 4"], "in the others' turn it waits for a quiet moment");
}

async fn failures_back_off_and_are_never_poison(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    ground.moods([Mood::Fail; 6]);
    assert_eq!(ground.run_due().await, 1);
    ground.clock.advance(Duration::from_millis(3999));
    assert_eq!(ground.run_due().await, 0, "five seconds, less a fifth at most");
    ground.clock.advance(Duration::from_millis(2001));
    assert_eq!(ground.run_due().await, 1);
    for _ in 0..5 {
        ground.clock.advance(DAY);
        assert_eq!(ground.run_due().await, 1);
    }

    assert_eq!(ground.cx.done(), ["moody 7"]);
}

async fn what_a_job_foresaw_clears_its_record(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    ground.moods([Mood::Panic, Mood::Panic, Mood::Wait(30), Mood::Panic, Mood::Wait(0)]);
    for _ in 0..2 {
        ground.run_due().await;
        ground.clock.advance(DAY);
    }
    ground.run_due().await;
    ground.clock.advance(Duration::from_secs(29));
    assert_eq!(ground.run_due().await, 0);
    ground.clock.advance(Duration::from_secs(1));
    assert_eq!(ground.run_due().await, 1, "a third panic, but not in a row");
    ground.clock.advance(DAY);
    assert_eq!(ground.run_due().await, 1, "at once means after a second");
    ground.clock.advance(Duration::from_secs(1));

    assert_eq!(ground.run_due().await, 1);
    assert_eq!(ground.cx.done(), ["moody 1"]);
}

async fn giving_up_removes_the_row(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    ground.moods([Mood::GiveUp]);

    assert_eq!(ground.run_due().await, 1);

    assert_eq!(ground.depth().await, Depth { queued: 0, running: 0, held: 0, oldest_at: None });
}

async fn a_job_of_another_version_waits(ground: Ground) {
    ground.enqueue(vec![note("lane", "later")]).await;
    let older: Worker<Seen> = Worker::new(
        ground.db.clone(),
        ground.clock.clone(),
        Registry::default(),
        Arc::clone(&ground.cx),
        JobSettings::default(),
    );
    for _ in 0..8 {
        assert_eq!(older.run_due().await.unwrap(), 1);
        ground.clock.advance(DAY);
    }

    assert_eq!(ground.run_due().await, 1);
    assert_eq!(ground.cx.done(), ["later"]);
}
