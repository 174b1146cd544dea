//! The process is killed again and again while clients hand in files.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::alone;
use crate::ledger::{Counters, Ledger, Load, compare, drain};
use crate::site::{SHORT_LEASES, Site, add_route, ranked};

const KILLS: usize = 20;
const CLIENTS: usize = 8;
/// When a process dies, in milliseconds after it was ready.
const LIFE: std::ops::Range<u64> = 50..1500;
/// How long a start may take after a kill.
const RECOVERY: Duration = Duration::from_secs(10);
/// Any number will do, as long as it stays the same.
const SEED: u64 = 20_260_301;

#[test]
fn durability_no_acknowledged_file_is_lost_when_the_process_is_killed() {
    let _alone = alone();
    let site = Site::new(&SHORT_LEASES);
    let keys = site.add_keys();
    let mut process = site.start();
    process.ready();
    let conversation = add_route(&keys, site.port);
    let ledger = Ledger::new(site.file("ledger"));
    let (mut random, mut recoveries) = (StdRng::seed_from_u64(SEED), Vec::new());
    let begun = Instant::now();

    let load = Load::start(&site, &keys, &conversation, &ledger, CLIENTS);
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(random.random_range(LIFE)));
        process.kill();
        process = site.start();
        recoveries.push(process.ready());
    }
    let refusals = load.end();
    let lasted = begun.elapsed();
    let drained = drain(&keys, site.port, Duration::from_mins(1));
    let found = compare(&site, &keys, &ledger);

    let (recoveries, _, p95) = ranked(recoveries);
    println!(
        "A03 {}: {KILLS} kills in {lasted:.1?}, {} acknowledged, not acknowledged {refusals:?}; ready again p95 {p95:.2?}, worst {:.2?}; drained in {drained:.1?}; {found:?}",
        site.engine(),
        ledger.count(),
        recoveries[KILLS - 1],
    );
    assert!(ledger.count() > 10 * KILLS, "files were accepted between the kills");
    assert_eq!(found.counters, Counters::default());
    assert_eq!((found.undelivered, found.parts), (0, 0));
    assert_eq!(found.files, found.media);
    assert!(found.orphans + found.temporary <= KILLS * CLIENTS, "at most what each client was sending");
    assert!(recoveries[KILLS - 1] <= RECOVERY);
}
