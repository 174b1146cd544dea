//! The same request is sent again and again, by several clients at once, while the process is killed in the middle.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use crate::alone;
use crate::ledger::{Counters, Ledger, Refusals, bytes, compare, drain};
use crate::site::{SHORT_LEASES, Site, add_route};
use crate::wire::Client;

/// Requests, each with a key and a file of its own.
const REQUESTS: usize = 20;
/// Clients that send each of them.
const CLIENTS: usize = 10;
/// When the process dies, in milliseconds after the clients began; a request takes some 10.
const LIFE: std::ops::Range<u64> = 0..120;
/// How long a client tries before it gives up.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
const SEED: u64 = 20_261_121;

#[test]
fn durability_a_repeated_request_is_done_once_although_the_process_dies() {
    let _alone = alone();
    let short = [SHORT_LEASES[0], SHORT_LEASES[1], ("MEDIAPORT_API__IDEMPOTENCY_LEASE_SECONDS", "2")];
    let site = Site::new(&short);
    let keys = site.add_keys();
    let mut process = Some(site.start());
    process.as_mut().unwrap().ready();
    let conversation = add_route(&keys, site.port);
    let ledger = Ledger::new(site.file("ledger"));
    let mut random = StdRng::seed_from_u64(SEED);
    let (mut others, mut sent, mut killed_early) = (Refusals::new(), Vec::new(), 0);
    let begun = Instant::now();

    for _ in 0..REQUESTS {
        let (key, file) = (Uuid::new_v4().to_string(), bytes(&mut random, 256 * 1024));
        let life = Duration::from_millis(random.random_range(LIFE));
        let answers = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    scope.spawn(|| insist(Client::new(site.port, &keys.app), &conversation, &key, &file))
                })
                .collect();
            std::thread::sleep(life);
            killed_early += usize::from(clients.iter().any(|client| !client.is_finished()));
            process.take().unwrap().kill();
            process.insert(site.start()).ready();
            clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
        });
        let bodies: BTreeSet<_> = answers.iter().map(|(body, _)| body.clone()).collect();
        assert_eq!(bodies.len(), 1, "everybody gets the same answer: {bodies:?}");
        for (body, refusals) in answers {
            ledger.note(&serde_json::from_str(&body).unwrap(), &key, &file);
            for (what, count) in refusals {
                *others.entry(what).or_default() += count;
            }
        }
        sent.push((key, file, bodies.first().unwrap().clone()));
    }
    let mut client = Client::new(site.port, &keys.app);
    for (key, file, answer) in &sent {
        let again = client.store(&conversation, key, file).unwrap();
        assert_eq!((again.status, &again.text()), (201, answer), "the answer outlives every restart");
        let other = client.store(&conversation, key, b"another file").unwrap();
        assert_eq!((other.status, other.json()["code"].as_str()), (422, Some("idempotency_key_reused")));
    }
    let lasted = begun.elapsed();
    drain(&keys, site.port, Duration::from_mins(1));
    let found = compare(&site, &keys, &ledger);

    println!(
        "A11 {}: {REQUESTS} requests by {CLIENTS} clients each, {REQUESTS} kills ({killed_early} before all were answered) in {lasted:.1?}: {} ids, {} equal answers; in between {others:?}; {found:?}",
        site.engine(),
        found.media,
        ledger.count(),
    );
    assert!(killed_early > REQUESTS / 4, "the kills came in the middle");
    assert_eq!(found.counters, Counters::default());
    // A delivery that died with the process again and again may be held by now; that is another test's subject.
    assert_eq!((found.media, found.files), (REQUESTS, REQUESTS));
}

/// Sends a request until it is answered with 201, as a client does that wants its file to be there.
fn insist(mut client: Client, conversation: &str, key: &str, file: &[u8]) -> (String, Refusals) {
    let (begun, mut refusals) = (Instant::now(), Refusals::new());
    loop {
        let refusal = match client.store(conversation, key, file) {
            Ok(reply) if reply.status == 201 => return (reply.text(), refusals),
            Ok(reply) => {
                assert!(matches!(reply.status, 409 | 503), "{}: {}", reply.status, reply.text());
                assert!(reply.retry_after.is_some(), "{}: {}", reply.status, reply.text());
                reply.refusal()
            }
            Err(_) => "no answer".to_owned(),
        };
        *refusals.entry(refusal).or_default() += 1;
        assert!(begun.elapsed() < PATIENCE, "nobody answers: {refusals:?}");
        std::thread::sleep(PAUSE);
    }
}
