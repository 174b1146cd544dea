//! The process is asked to stop while files come in and go out.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::alone;
use crate::ledger::{Counters, Ledger, bytes, compare, deliveries, drain};
use crate::site::{Keys, Process, Site, add_route, status_of, wait_until};
use crate::wire::{Client, Wire};

const UPLOADS: usize = 10;
const UPLOAD_SIZE: usize = 1024 * 1024;
/// Deliveries that are under way when the process is asked to stop; large enough to take a while.
const DELIVERIES: usize = 10;
const DELIVERY_SIZE: usize = 32 * 1024 * 1024;
/// How long a stop may take.
const STOP: Duration = Duration::from_secs(40);
/// How soon the next start may have finished its first delivery: leases that were not given back last for two minutes.
const RESUME: Duration = Duration::from_secs(5);

/// What one stop was like.
#[derive(Debug)]
struct Stop {
    took: Duration,
    uploads_finished: usize,
    deliveries_under_way: usize,
    resumed_after: Duration,
}

#[test]
fn durability_a_stopping_process_finishes_what_it_acknowledges_and_the_next_one_resumes() {
    let _alone = alone();
    // No time for running deliveries: they have to be given back.
    let site = Site::new(&[("MEDIAPORT_JOBS__DRAIN_SECONDS", "0"), ("MEDIAPORT_JOBS__ENDPOINT_SLOTS", "10")]);
    let keys = site.add_keys();
    let mut process = site.start();
    process.ready();
    let conversation = add_route(&keys, site.port);
    let ledger = Ledger::new(site.file("ledger"));

    let mut stops = Vec::new();
    for has_stalled in [false, true] {
        let one: Stop;
        (one, process) = stop(&site, &keys, &conversation, &ledger, process, has_stalled);
        stops.push(one);
    }
    drain(&keys, site.port, Duration::from_mins(1));
    let found = compare(&site, &keys, &ledger);

    println!("A20 {}: {} acknowledged; {stops:?}; {found:?}", site.engine(), ledger.count());
    assert_eq!(found.counters, Counters::default());
    assert_eq!((found.undelivered, found.parts, found.orphans), (0, 0, 0));
    assert!(
        found.temporary <= 1,
        "at most the stalled upload, which the process may outrun at its end; a sweep takes it"
    );
    for stop in &stops {
        assert!(
            stop.took <= STOP && stop.resumed_after <= RESUME && stop.deliveries_under_way > 0,
            "{stop:?}"
        );
    }
    assert_eq!(stops.iter().map(|stop| stop.uploads_finished).sum::<usize>(), 2 * UPLOADS - 1);
    assert!(stops[0].took < Duration::from_secs(15), "nothing held it up: {:?}", stops[0]);
}

/// Stops a process under load and starts the next; with `has_stalled` one client sends half a file and then nothing.
fn stop(
    site: &Site,
    keys: &Keys,
    conversation: &str,
    ledger: &Ledger,
    mut process: Process,
    has_stalled: bool,
) -> (Stop, Process) {
    let half_sent = Barrier::new(UPLOADS + 1);
    std::thread::scope(|scope| {
        let uploads: Vec<_> = (0..UPLOADS)
            .map(|number| {
                let (half_sent, stalls) = (&half_sent, has_stalled && number == 0);
                scope.spawn(move || upload(site.port, keys, conversation, ledger, half_sent, stalls))
            })
            .collect();
        store_large_files(site.port, keys, conversation, ledger);
        let delivered =
            |keys| deliveries(keys, site.port).iter().filter(|row| row["state"] == "delivered").count();
        let under_way = deliveries(keys, site.port).len() - delivered(keys);
        half_sent.wait();

        let begun = Instant::now();
        process.terminate();
        wait_until(Duration::from_secs(5), "nobody new is let in", || {
            status_of(site.port, "/healthz").is_none()
        });
        let status = process.wait(STOP + Duration::from_secs(5));
        let took = begun.elapsed();
        assert_eq!(status.code(), Some(0), "it ends well");
        let uploads_finished = uploads.into_iter().map(|upload| usize::from(upload.join().unwrap())).sum();

        let started = Instant::now();
        let mut next = site.start();
        next.ready();
        let before = delivered(keys);
        wait_until(Duration::from_secs(30), "a delivery ends", || {
            let done = delivered(keys);
            done > before || done == deliveries(keys, site.port).len()
        });
        let resumed_after = started.elapsed();
        (Stop { took, uploads_finished, deliveries_under_way: under_way, resumed_after }, next)
    })
}

/// Gives the next process a queue, and this one work that it cannot finish.
fn store_large_files(port: u16, keys: &Keys, conversation: &str, ledger: &Ledger) {
    std::thread::scope(|scope| {
        for _ in 0..DELIVERIES {
            scope.spawn(|| {
                let (key, file) = (Uuid::new_v4().to_string(), bytes(&mut rand::rng(), DELIVERY_SIZE));
                let reply = Client::new(port, &keys.app).store(conversation, &key, &file).unwrap();
                assert_eq!(reply.status, 201, "{}", reply.text());
                ledger.note(&reply.json(), &key, &file);
            });
        }
    });
}

/// Sends half a file, waits for the others, then sends the rest in small pieces; says whether it was acknowledged.
fn upload(
    port: u16,
    keys: &Keys,
    conversation: &str,
    ledger: &Ledger,
    half_sent: &Barrier,
    stalls: bool,
) -> bool {
    let (key, file) = (Uuid::new_v4().to_string(), bytes(&mut rand::rng(), UPLOAD_SIZE));
    let head = Client::new(port, &keys.app).head_of_file(conversation, &key, file.len());
    let mut wire = Wire::connect(port).unwrap();
    let (first, rest) = file.split_at(UPLOAD_SIZE / 2);
    wire.send(&[head.as_bytes(), first].concat()).unwrap();
    half_sent.wait();
    if !stalls {
        for piece in rest.chunks(UPLOAD_SIZE / 16) {
            std::thread::sleep(Duration::from_millis(100));
            wire.send(piece).unwrap();
        }
    }
    let Ok(reply) = wire.reply() else { return false };
    let is_accepted = reply.status == 201;
    if is_accepted {
        ledger.note(&reply.json(), &key, &file);
    }
    is_accepted
}
