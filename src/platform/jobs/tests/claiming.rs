use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;

on_both!(
    every_job_is_done_once_by_two_processes,
    a_long_lane_does_not_hold_up_a_short_one,
    a_lane_keeps_its_width_and_a_closed_one_waits,
    a_job_waits_for_its_time_in_the_order_of_times,
    a_key_is_queued_once_but_again_while_it_runs,
    a_stopping_worker_gives_back_what_does_not_end,
    the_depth_tells_what_waits,
);

async fn every_job_is_done_once_by_two_processes(ground: Ground) {
    let tags: Vec<String> = (0..300).map(|number| format!("{number:03}")).collect();
    let jobs = tags.iter().enumerate().map(|(number, tag)| note(&format!("lane {}", number % 3), tag));
    ground.enqueue(jobs.collect()).await;

    let settings = JobSettings { slots: 4, ..JobSettings::default() };
    let processes = [(); 2].map(|()| Process::start(ground.worker(settings.clone())));
    ground.wait_for_done(tags.len()).await;
    for process in processes {
        process.stop().await;
    }

    let mut done = ground.cx.done();
    done.sort();
    assert_eq!(done, tags);
    assert_eq!(ground.depth().await, Depth { queued: 0, running: 0, held: 0, oldest_at: None });
}

async fn a_long_lane_does_not_hold_up_a_short_one(ground: Ground) {
    ground.enqueue((0..10_000).map(|number| note("long", &number.to_string())).collect()).await;
    ground.enqueue((0..10).map(|number| note("short", &format!("s{number}"))).collect()).await;

    let worker = ground.worker(JobSettings::default());
    worker.run_some(20).await.unwrap();

    let done: BTreeSet<_> = ground.cx.done().into_iter().collect();
    assert!((0..10).all(|number| done.contains(&format!("s{number}"))), "{done:?}");
    assert_eq!(done.len(), 20);
}

async fn a_lane_keeps_its_width_and_a_closed_one_waits(ground: Ground) {
    ground.enqueue((0..20).map(|number| note("narrow", &number.to_string())).collect()).await;
    ground.enqueue(vec![note("closed", "never")]).await;
    ground.set_width("narrow", Some(1)).await;
    ground.set_width("closed", Some(0)).await;
    let worker = ground.worker(JobSettings::default());
    assert_eq!(worker.due().await.unwrap(), 20);

    let process = Process::start(worker);
    ground.wait_for_done(20).await;
    process.stop().await;

    assert_eq!(ground.cx.most_at_once.load(Ordering::SeqCst), 1);
    assert_eq!(ground.depth().await.queued, 1);
    assert_eq!(ground.depth().await.oldest_at, None, "what nobody may run is not late");

    ground.set_width("closed", None).await;
    assert_eq!(ground.worker(JobSettings::default()).run_due().await.unwrap(), 1);
}

async fn a_job_waits_for_its_time_in_the_order_of_times(ground: Ground) {
    let now = ground.clock.now();
    let queued = ground.db.write(move |tx| {
        async move {
            for (tag, seconds) in [("second", 20), ("first", 10), ("third", 3600)] {
                let run_at = now.plus(Duration::from_secs(seconds));
                queue::enqueue(tx, &note("lane", tag), run_at).await?;
            }
            DbResult::Ok(())
        }
        .boxed()
    });
    queued.await.unwrap();

    assert_eq!(ground.run_due().await, 0);
    ground.clock.advance(Duration::from_secs(20));

    assert_eq!(ground.run_due().await, 2);
    assert_eq!(ground.cx.done(), ["first", "second"]);
}

async fn a_key_is_queued_once_but_again_while_it_runs(ground: Ground) {
    assert!(ground.enqueue_once("one", "key").await);
    assert!(!ground.enqueue_once("two", "key").await);
    assert!(ground.enqueue_once("other", "another key").await);

    assert_eq!(ground.run_due().await, 2);
    assert_eq!(ground.cx.done(), ["one", "other"]);
    assert!(ground.enqueue_once("three", "key").await);
}

async fn a_stopping_worker_gives_back_what_does_not_end(ground: Ground) {
    ground.enqueue(vec![Moody]).await;
    ground.moods([Mood::Hang]);
    let worker = ground.worker(JobSettings { drain_limit: Duration::ZERO, ..JobSettings::default() });
    let process = Process::start(worker);
    in_time(ground.cx.started.notified()).await;

    process.stop().await;

    let now = ground.clock.now();
    let expected = Depth { queued: 1, running: 0, held: 0, oldest_at: Some(now) };
    assert_eq!(ground.depth().await, expected);
    assert_eq!(ground.run_due().await, 1);
    assert_eq!(ground.cx.done(), ["moody 1"], "the interrupted attempt does not count");
}

async fn the_depth_tells_what_waits(ground: Ground) {
    let early = ground.clock.now();
    ground.enqueue(vec![note("b", "1")]).await;
    ground.clock.advance(Duration::from_secs(5));
    ground.enqueue(vec![note("a", "2"), note("a", "3")]).await;

    let depth = ground.depth().await;

    assert_eq!(depth, Depth { queued: 3, running: 0, held: 0, oldest_at: Some(early) });
}
