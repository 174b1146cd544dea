//! The process is asked to stop again and again while files come in and go out.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::alone;
use crate::bucket::{Bucket, REACHES_STORE};
use crate::gate::Hold;
use crate::ledger::{Counters, Ledger, bytes, compare_with, drain};
use crate::site::{Keys, Process, Site, files_below, ranked, status_of, wait_until};
use crate::wire::{Client, Wire};

const STOPS: usize = 20;
/// Uploads of which half has arrived when the process is asked to stop.
const UPLOADS: usize = 10;
const UPLOAD_SIZE: usize = 256 * 1024;
/// Deliveries that are under way then.
const DELIVERIES: usize = 10;
const DELIVERY_SIZE: usize = 64 * 1024;
/// How long a stop may take.
const STOP: Duration = Duration::from_secs(40);
/// How long a stop takes at most that nothing holds up: far less than what a request is given that never ends.
const QUICK_STOP: Duration = Duration::from_secs(15);
/// How soon the next start may have taken up every delivery: leases that were not given back last for two minutes.
const RESUME: Duration = Duration::from_secs(5);

/// What the destination does with the files that are on their way when the process is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    /// It has taken none of them.
    Silent,
    /// It has them whole, and has not said so.
    Mute,
    /// It takes them while the process waits for its jobs.
    Slow,
}

impl Destination {
    fn at(number: usize) -> Self {
        [Self::Silent, Self::Mute, Self::Slow][number % 3]
    }

    fn hold(self) -> Hold {
        if self == Self::Silent { Hold::Request } else { Hold::Answer }
    }
}

/// What one stop was like.
struct Stop {
    took: Duration,
    uploads_finished: usize,
    /// Deliveries that the next start took up again.
    resumed: usize,
    resumed_after: Duration,
}

#[test]
fn durability_a_stopping_process_finishes_what_it_acknowledges_and_the_next_one_resumes() {
    let _alone = alone();
    // Running deliveries get one second; what has not ended then has to be given back.
    let slots = DELIVERIES.to_string();
    let site = Site::new(&[
        REACHES_STORE,
        ("MEDIAPORT_JOBS__DRAIN_SECONDS", "1"),
        ("MEDIAPORT_JOBS__ENDPOINT_SLOTS", &slots),
    ]);
    let (keys, bucket) = (site.add_keys(), Bucket::new());
    let mut process = site.start();
    process.ready();
    let conversation = bucket.add_route(&keys, site.port);
    let ledger = Ledger::new(site.file("ledger"));
    let scene =
        Scene { site: &site, keys: &keys, bucket: &bucket, conversation: &conversation, ledger: &ledger };
    let begun = Instant::now();

    let mut stops = Vec::new();
    for number in 0..STOPS {
        let one: Stop;
        (one, process) = scene.stop(process, Destination::at(number), number == STOPS - 1);
        stops.push(one);
    }
    let lasted = begun.elapsed();
    let found = compare_with(&site, &keys, &ledger, bucket.arrived());

    let (stalled, others) = stops.split_last().unwrap();
    let (quick, median, p95) = ranked(others.iter().map(|stop| stop.took).collect());
    let delays = stops.iter().filter(|stop| stop.resumed > 0).map(|stop| stop.resumed_after);
    let (delays, resume_median, resume_p95) = ranked(delays.collect());
    let uploads: usize = stops.iter().map(|stop| stop.uploads_finished).sum();
    let resumed: usize = stops.iter().map(|stop| stop.resumed).sum();
    println!(
        "A20 {}: {STOPS} stops in {lasted:.1?}, each with {UPLOADS} uploads and {DELIVERIES} deliveries under way; stop p50 {median:.2?}, p95 {p95:.2?}, worst {:.2?}, {:.1?} with an upload that never ends; {uploads} uploads finished, {resumed} deliveries resumed, {} finished while stopping; resumed p50 {resume_median:.2?}, p95 {resume_p95:.2?}, worst {:.2?} after the start; {} acknowledged; {found:?}",
        site.engine(),
        quick[quick.len() - 1],
        stalled.took,
        STOPS * DELIVERIES - resumed,
        delays[delays.len() - 1],
        ledger.count(),
    );
    assert_eq!(found.counters, Counters::default());
    assert_eq!((found.undelivered, found.parts, found.orphans), (0, 0, 0));
    assert!(
        found.temporary <= 1,
        "at most the stalled upload, which the process may outrun at its end; a sweep takes it"
    );
    assert_eq!(uploads, STOPS * UPLOADS - 1, "all but the one that never ends");
    assert_eq!(ledger.count(), uploads + STOPS * DELIVERIES);
    assert!(stalled.took <= STOP && quick.iter().all(|took| *took <= QUICK_STOP));
    assert!(delays.iter().all(|after| *after <= RESUME));
    assert!(resumed < STOPS * DELIVERIES, "some end in the second that they get");
}

/// What every stop works with.
struct Scene<'a> {
    site: &'a Site,
    keys: &'a Keys,
    bucket: &'a Bucket,
    conversation: &'a str,
    ledger: &'a Ledger,
}

impl Scene<'_> {
    /// Stops a process under load and starts the next; with `has_stalled` one client sends half a file and then nothing.
    fn stop(&self, mut process: Process, destination: Destination, has_stalled: bool) -> (Stop, Process) {
        let (site, gate) = (self.site, &self.bucket.gate);
        let under_way = self.begin_deliveries(destination.hold());
        let half_sent = Barrier::new(UPLOADS + 1);
        let (took, uploads_finished) = std::thread::scope(|scope| {
            let uploads: Vec<_> = (0..UPLOADS)
                .map(|number| {
                    let (half_sent, stalls) = (&half_sent, has_stalled && number == 0);
                    scope.spawn(move || self.upload(half_sent, stalls))
                })
                .collect();
            // Whoever still waits to be let in would be turned away.
            wait_until(Duration::from_secs(10), "every upload is being received", || {
                files_below(&site.store().join("tmp")).len() == UPLOADS
            });
            assert_eq!(gate.held(), under_way, "every delivery is still on its way");
            half_sent.wait();

            let begun = Instant::now();
            process.terminate();
            if destination == Destination::Slow {
                gate.open();
            }
            wait_until(Duration::from_secs(5), "nobody new is let in", || {
                status_of(site.port, "/healthz").is_none()
            });
            let status = process.wait(STOP + Duration::from_secs(5));
            let took = begun.elapsed();
            assert_eq!(status.code(), Some(0), "it ends well");
            let finished = uploads.into_iter().map(|upload| usize::from(upload.join().unwrap())).sum();
            (took, finished)
        });
        // What is still on its way ends with the process that sent it.
        gate.cut();
        gate.take_asked();

        let started = Instant::now();
        let mut next = site.start();
        next.ready();
        let expected = if destination == Destination::Slow { BTreeSet::new() } else { under_way.clone() };
        wait_until(Duration::from_secs(30), "the deliveries are taken up again", || {
            gate.asked().is_superset(&expected)
        });
        let resumed_after = started.elapsed();
        gate.open();
        drain(self.keys, site.port, Duration::from_secs(30));
        let resumed = gate.take_asked().into_iter().collect::<BTreeSet<_>>().intersection(&under_way).count();
        (Stop { took, uploads_finished, resumed, resumed_after }, next)
    }

    /// Hands in files whose deliveries get no further than the destination, and gives the paths there.
    fn begin_deliveries(&self, hold: Hold) -> BTreeSet<String> {
        let gate = &self.bucket.gate;
        gate.close(hold, "");
        std::thread::scope(|scope| {
            for _ in 0..DELIVERIES {
                scope.spawn(|| {
                    let (key, file) = (Uuid::new_v4().to_string(), bytes(&mut rand::rng(), DELIVERY_SIZE));
                    let mut client = Client::new(self.site.port, &self.keys.app);
                    let reply = client.store(self.conversation, &key, &file).unwrap();
                    assert_eq!(reply.status, 201, "{}", reply.text());
                    self.ledger.note(&reply.json(), &key, &file);
                });
            }
        });
        wait_until(Duration::from_secs(30), "every delivery is on its way", || {
            gate.held().len() == DELIVERIES
        });
        gate.held()
    }

    /// Sends half a file, waits for the others, then sends the rest in small pieces; says whether it was acknowledged.
    fn upload(&self, half_sent: &Barrier, stalls: bool) -> bool {
        let (key, file) = (Uuid::new_v4().to_string(), bytes(&mut rand::rng(), UPLOAD_SIZE));
        let head =
            Client::new(self.site.port, &self.keys.app).head_of_file(self.conversation, &key, file.len());
        let mut wire = Wire::connect(self.site.port).unwrap();
        let (first, rest) = file.split_at(UPLOAD_SIZE / 2);
        wire.send(&[head.as_bytes(), first].concat()).unwrap();
        half_sent.wait();
        if !stalls {
            for piece in rest.chunks(UPLOAD_SIZE / 16) {
                std::thread::sleep(Duration::from_millis(50));
                wire.send(piece).unwrap();
            }
        }
        let Ok(reply) = wire.reply() else { return false };
        let is_accepted = reply.status == 201;
        if is_accepted {
            self.ledger.note(&reply.json(), &key, &file);
        }
        is_accepted
    }
}
