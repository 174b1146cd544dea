//! One file of many takes the process along whenever it is being sent, as one does that makes it run out of memory.
//!
//! Jobs that only break or hang are the business of `tests/it/poison.rs`.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::alone;
use crate::bucket::{Bucket, REACHES_STORE};
use crate::gate::Hold;
use crate::ledger::{Counters, Ledger, bytes, compare_with, deliveries, drain};
use crate::site::{SHORT_LEASES, Site, wait_until};
use crate::wire::Client;

const FILES: usize = 150;
/// Which of them is the poison: others are before it, beside it and behind it.
const POISON: usize = 50;
const LARGEST: usize = 16 * 1024;
/// Losses after which a job runs alone, and then those after which it is put aside.
const LOSSES: usize = 2 + 3;
/// The store is first asked whether it has the file.
const ASKED_EACH_TIME: usize = 2;

#[test]
fn durability_a_file_that_takes_the_process_along_is_put_aside_and_all_others_arrive() {
    let _alone = alone();
    let site = Site::new(&[&[REACHES_STORE], &SHORT_LEASES[..]].concat());
    let (keys, bucket) = (site.add_keys(), Bucket::new());
    let gate = &bucket.gate;
    let mut process = site.start();
    process.ready();
    let conversation = bucket.add_route(&keys, site.port);
    let ledger = Ledger::new(site.file("ledger"));

    // Nothing leaves until it is known which file is the poison.
    gate.close(Hold::Request, "");
    let mut random = StdRng::seed_from_u64(1);
    let mut store = || {
        let length = random.random_range(1024..LARGEST);
        let (key, file) = (Uuid::new_v4().to_string(), bytes(&mut random, length));
        let reply = Client::new(site.port, &keys.app).store(&conversation, &key, &file).unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text());
        ledger.note(&reply.json(), &key, &file);
        reply.json()["id"].as_str().unwrap().to_owned()
    };
    let ids: Vec<_> = (0..FILES).map(|_| store()).collect();
    let (poison, begun) = (ids[POISON].as_str(), Instant::now());
    gate.close(Hold::Request, poison);
    let held = || {
        let rows = deliveries(&keys, site.port);
        rows.into_iter().filter(|row| row["state"] == "held").collect::<Vec<_>>()
    };
    let mut kills = 0;
    loop {
        wait_until(Duration::from_mins(1), "the poison is sent, or put aside", || {
            !gate.held().is_empty() || !held().is_empty()
        });
        if gate.held().is_empty() {
            break;
        }
        assert!(kills < 2 * LOSSES, "it is never put aside");
        process.kill();
        kills += 1;
        gate.cut();
        process = site.start();
        process.ready();
    }
    let lasted = begun.elapsed();

    store();
    drain(&keys, site.port, Duration::from_secs(30));
    let held = held();
    let found = compare_with(&site, &keys, &ledger, bucket.arrived());
    let sent = gate.take_asked().iter().filter(|path| path.contains(poison)).count();
    let queue = Client::new(site.port, &keys.app).ask("/readyz").unwrap().text();
    println!(
        "D14 {}: {kills} kills in {lasted:.1?}, {} of {} delivered, {} held; {found:?}",
        site.engine(),
        ledger.count() - found.undelivered,
        FILES + 1,
        held.len(),
    );
    assert_eq!(found.counters, Counters::default());
    assert_eq!((held.len(), found.undelivered, found.files), (1, 1, FILES));
    assert_eq!(
        (held[0]["media"]["id"].as_str(), held[0]["held_reason"].as_str()),
        (Some(poison), Some("poison"))
    );
    assert_eq!(kills, LOSSES);
    assert_eq!(sent, kills * ASKED_EACH_TIME, "it was not tried again");
    assert!(process.is_running(), "nothing takes the process along any more");
    assert!(queue.contains("0 queued, 0 running, 1 held"), "{queue}");
}
