use std::time::Duration;

use super::*;

on_both!(recurring_work_comes_once_a_period_for_all_processes);

async fn recurring_work_comes_once_a_period_for_all_processes(ground: Ground) {
    let worker = || {
        let registry =
            Registry::default().every("tests.hourly", Duration::from_hours(1), || note("tick", "tick"));
        ground.worker_with(registry, JobSettings::default())
    };
    let (one, other) = (worker(), worker());

    let mut runs = Vec::new();
    for minutes in [0, 59, 1, 600] {
        ground.clock.advance(Duration::from_mins(minutes));
        runs.push(one.run_due().await.unwrap() + other.run_due().await.unwrap());
    }

    assert_eq!(runs, [1, 0, 1, 1], "at first, not yet, on time, and once for ten missed turns");
}
