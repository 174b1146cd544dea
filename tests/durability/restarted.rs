//! The database server is restarted again and again while clients hand in files.

use std::time::{Duration, Instant};

use crate::alone;
use crate::ledger::{Counters, Ledger, Load, compare, drain};
use crate::postgres::Server;
use crate::site::{Site, add_route, is_run_on_server, ranked, status_of, wait_until};

const CLIENTS: usize = 8;
/// How the server is restarted: in order, cutting off who is connected, or like after a crash.
const RESTARTS: [&str; 5] = ["fast", "immediate", "fast", "immediate", "immediate"];
/// Files that are acknowledged between two restarts, so that each happens under load.
const BETWEEN: usize = 40;
/// How soon after the server is ready a file must be acknowledged.
const BACK: Duration = Duration::from_secs(5);
/// How soon readiness shows that the server is away.
const TURN: Duration = Duration::from_secs(5);
/// How soon everything is delivered: jobs that were running need not wait until their leases end, which takes two minutes.
const DRAINED: Duration = Duration::from_mins(1);
/// All that a client may see beside 201.
const REFUSAL: &str = "503 Retry-After: 2";

/// Only the run on a server has this test, and it has it with a server of its own. The run on the embedded engine has no
/// server that could be restarted; doing the same a second time there would show nothing.
#[test]
fn durability_a_restarted_database_server_costs_nothing_but_time() {
    if !is_run_on_server() {
        return println!("A13: belongs to the run with TEST_DATABASE=postgres");
    }
    let _alone = alone();
    let server = Server::start();
    assert_eq!(
        ["fsync", "synchronous_commit", "full_page_writes"].map(|name| server.setting(name)),
        ["on"; 3]
    );
    let site = Site::on(Some(server.url()), &[]);
    let keys = site.add_keys();
    let mut process = site.start();
    process.ready();
    let conversation = add_route(&keys, site.port);
    let ledger = Ledger::new(site.file("ledger"));
    let begun = Instant::now();

    let load = Load::start(&site, &keys, &conversation, &ledger, CLIENTS);
    let more = |count: usize, limit: Duration, expected: &str| {
        let before = ledger.count();
        wait_until(limit, expected, || ledger.count() >= before + count)
    };
    let (mut backs, mut outages) = (Vec::new(), Vec::new());
    for mode in RESTARTS {
        more(BETWEEN, Duration::from_secs(30), "files are accepted");
        let down = Instant::now();
        server.control(&["restart", "-m", mode]);
        outages.push(down.elapsed());
        backs.push(more(1, Duration::from_secs(30), "a file is accepted again"));
    }
    server.control(&["stop", "-m", "fast"]);
    let red = wait_until(TURN, "readiness turns red", || status_of(site.port, "/readyz") == Some(503));
    assert_eq!(status_of(site.port, "/healthz"), Some(200), "the process is well");
    server.control(&["start"]);
    let ready = Instant::now();
    backs.push(more(1, Duration::from_secs(30), "a file is accepted after the outage"));
    wait_until(BACK, "readiness turns green", || status_of(site.port, "/readyz") == Some(200));
    let green = ready.elapsed();
    let refusals = load.end();
    let lasted = begun.elapsed();
    let drained = drain(&keys, site.port, DRAINED);
    let found = compare(&site, &keys, &ledger);

    let (backs, median, _) = ranked(backs);
    let (outages, _, _) = ranked(outages);
    println!(
        "A13 {}: {} restarts and an outage in {lasted:.1?}, {} acknowledged, not acknowledged {refusals:?}; server away at most {:.2?}; accepted again p50 {median:.2?}, worst {:.2?} after it was ready; /readyz red after {red:.2?}, green {green:.2?} after the start; drained in {drained:.1?}; {found:?}",
        site.engine(),
        RESTARTS.len(),
        ledger.count(),
        outages[outages.len() - 1],
        backs[backs.len() - 1],
    );
    assert!(process.is_running());
    assert_eq!(found.counters, Counters::default());
    assert_eq!((found.undelivered, found.parts, found.temporary), (0, 0, 0));
    assert_eq!(found.files, found.media);
    assert!(refusals.keys().all(|refusal| refusal == REFUSAL), "{refusals:?}");
    assert!(refusals.contains_key(REFUSAL), "the server was away while files came");
    assert!(backs.iter().all(|back| *back <= BACK));
}
