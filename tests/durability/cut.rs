//! Uploads that break off in the middle.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::alone;
use crate::ledger::{Counters, Ledger, Load, Refusals, bytes, compare, deliveries, drain, file};
use crate::site::{Keys, SHORT_LEASES, Site, add_route, files_below, status_of, wait_until};
use crate::wire::{Client, Wire, media_path, raw_path};

const UPLOADS: usize = 400;
const CLIENTS: usize = 8;
const VANISHING: usize = 400;
/// Longer than accepting a small file takes on a busy disk, in microseconds.
const WHILE_ACCEPTED: u64 = 100_000;
const BOUNDARY: &str = "kingfisher";

/// How the end of the body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Framing {
    /// By its length, and less comes.
    Length,
    /// In chunks, and the last never comes.
    Chunks,
    /// The request is whole, but its multipart body lacks the last boundary.
    Multipart,
}

/// How the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Fin,
    Rst,
}

/// The status of each answer, with its number; nothing where none came.
type Answers = BTreeMap<(Framing, Ending, Option<u16>), usize>;

#[test]
fn durability_uploads_that_break_off_leave_nothing_behind() {
    let _alone = alone();
    let site = Site::new(&[]);
    let keys = site.add_keys();
    let mut process = site.start();
    process.ready();
    let conversation = add_route(&keys, site.port);
    let answers = Mutex::new(Answers::new());

    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (site, keys, conversation, answers) = (&site, &keys, &conversation, &answers);
            scope.spawn(move || {
                let mut random = StdRng::seed_from_u64(client as u64);
                for number in 0..UPLOADS / CLIENTS {
                    let kind = kind(number + client);
                    let status = break_off(site.port, keys, conversation, kind, &mut random);
                    *answers.lock().unwrap().entry((kind.0, kind.1, status)).or_default() += 1;
                }
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    let swept = wait_until(Duration::from_secs(10), "temporary files of broken uploads are gone", || {
        files_below(&site.store().join("tmp")).is_empty()
    });
    let (rows, blobs) = (deliveries(&keys, site.port).len(), files_below(&site.store()).len());
    let mut client = Client::new(site.port, &keys.app);
    let after = client.store(&conversation, "whole", &file(&mut StdRng::seed_from_u64(99))).unwrap();

    println!(
        "A06 {}: {UPLOADS} uploads broke off; {rows} rows, {blobs} files, temporary folder empty after {swept:.0?}; answers {answers:?}",
        site.engine()
    );
    assert_eq!((rows, blobs), (0, 0));
    assert_eq!(answers.values().sum::<usize>(), UPLOADS);
    for (framing, ending, status) in answers.keys() {
        let refused = status.is_some_and(|status| (400..500).contains(&status));
        let must_be_told = *framing == Framing::Multipart && *ending == Ending::Fin;
        assert!(refused || (status.is_none() && !must_be_told), "{framing:?} {ending:?}: {status:?}");
    }
    assert_eq!(after.status, 201, "it goes on: {}", after.text());
    assert_eq!(deliveries(&keys, site.port).len(), 1);
    assert_eq!(status_of(site.port, "/readyz"), Some(200));
}

/// A request that vanishes while its transaction runs must not leave that transaction behind for others to work in.
#[test]
fn durability_clients_that_vanish_at_the_last_moment_take_nobodys_file_along() {
    let _alone = alone();
    let site = Site::new(&SHORT_LEASES);
    let keys = site.add_keys();
    let mut process = site.start();
    process.ready();
    let conversation = add_route(&keys, site.port);
    let ledger = Ledger::new(site.file("ledger"));

    let load = Load::start(&site, &keys, &conversation, &ledger, CLIENTS / 2);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (site, keys, conversation) = (&site, &keys, &conversation);
            scope.spawn(move || {
                let mut random = StdRng::seed_from_u64(client as u64);
                for _ in 0..VANISHING / CLIENTS {
                    vanish(site.port, keys, conversation, &mut random);
                }
            });
        }
    });
    let refusals = load.end();
    process.kill();
    let mut process = site.start();
    process.ready();
    drain(&keys, site.port, Duration::from_mins(1));
    let found = compare(&site, &keys, &ledger);

    println!(
        "A06 {}: {VANISHING} clients vanished beside {} acknowledged files, {refusals:?}; {found:?}",
        site.engine(),
        ledger.count()
    );
    assert_eq!(found.counters, Counters::default());
    assert_eq!((found.undelivered, refusals), (0, Refusals::new()));
}

/// Sends a whole file and resets the connection while it is being accepted.
fn vanish(port: u16, keys: &Keys, conversation: &str, random: &mut impl Rng) {
    let bytes = bytes(random, 2000);
    let key = random.random::<u64>().to_string();
    let head = Client::new(port, &keys.app).head_of_file(conversation, &key, bytes.len());
    let mut wire = Wire::connect(port).unwrap();
    wire.send(&[head.as_bytes(), &bytes].concat()).unwrap();
    std::thread::sleep(Duration::from_micros(random.random_range(0..WHILE_ACCEPTED)));
    drop(wire.reset());
}

fn kind(number: usize) -> (Framing, Ending) {
    let framing = [Framing::Length, Framing::Chunks, Framing::Multipart][number % 3];
    (framing, [Ending::Fin, Ending::Rst][number / 3 % 2])
}

/// Begins an upload, ends the connection at a random byte, and gives the status if there was an answer.
fn break_off(
    port: u16,
    keys: &Keys,
    conversation: &str,
    (framing, ending): (Framing, Ending),
    random: &mut impl Rng,
) -> Option<u16> {
    let client = Client::new(port, &keys.app);
    let bytes = file(random);
    let (more, body) = match framing {
        Framing::Length => (format!("Content-Length: {}\r\n", bytes.len()), bytes),
        Framing::Chunks => ("Transfer-Encoding: chunked\r\n".to_owned(), chunks(&bytes)),
        Framing::Multipart => {
            (format!("Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"), multipart(&bytes))
        }
    };
    let mut body = body;
    body.truncate(random.random_range(0..body.len()));
    let more = match framing {
        Framing::Multipart => format!("{more}Content-Length: {}\r\n", body.len()),
        Framing::Length | Framing::Chunks => format!("{more}Content-Type: application/octet-stream\r\n"),
    };

    let path = match framing {
        Framing::Multipart => media_path(conversation),
        Framing::Length | Framing::Chunks => raw_path(conversation),
    };
    let head = client.head("POST", &path, &more);
    let mut wire = Wire::connect(port).unwrap();
    wire.send(head.as_bytes()).unwrap();
    // What follows may fail: the server may have refused it already.
    let sent = wire.send(&body);
    match ending {
        Ending::Rst => {
            drop(wire.reset());
            None
        }
        // A whole request is answered; with half of one, the client has gone.
        Ending::Fin if framing == Framing::Multipart => wire.reply().ok().map(|reply| reply.status),
        Ending::Fin => {
            sent.and_then(|()| wire.end()).ok();
            wire.reply().ok().map(|reply| reply.status)
        }
    }
}

/// Wraps bytes in chunks of up to 10,000; the last byte of the result belongs to the end mark.
fn chunks(bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in bytes.chunks(10_000) {
        body.extend(format!("{:x}\r\n", chunk.len()).bytes());
        body.extend(chunk);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n\r\n");
    body
}

/// Wraps bytes as a part; the end mark is at the very end.
fn multipart(bytes: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\nattachment\r\n--{BOUNDARY}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"x.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend(bytes);
    body.extend(format!("\r\n--{BOUNDARY}--").bytes());
    body
}
