//! What was acknowledged was durable before: read from the system calls of the real process.

use std::sync::Mutex;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::alone;
use crate::ledger::bytes;
use crate::site::{Site, add_conversation, wait_until};
use crate::trace::{CALLS, check, count_syncs, parse};
use crate::wire::Client;

const UPLOADS: u32 = 50;
/// From 1 KiB to 20 MiB, each larger than the last by the same factor.
const SMALLEST: f64 = 1024.0;
const LARGEST: f64 = 20.0 * 1024.0 * 1024.0;
/// In the second half several clients share commits.
const CLIENTS: usize = 5;

#[test]
fn durability_bytes_name_and_row_are_on_disk_before_the_answer_leaves() {
    let _alone = alone();
    let site = Site::new(&[]);
    let keys = site.add_keys();
    let trace = site.file("trace");
    // With -D the server is our child and strace is not, so signals reach it as ever. A page of the database fits into
    // 5,000 characters of a string; what is cut are the files.
    let strace =
        ["strace", "-D", "-f", "-yy", "--seccomp-bpf", "-s", "5000", "-e", "signal=none", "-e", CALLS];
    let strace = [&strace[..], &["-o", trace.to_str().unwrap()]].concat();
    let mut process = site.start_under(&strace);
    process.ready();
    let conversation = add_conversation(&keys, site.port);
    let store = |files: &[Vec<u8>]| {
        let mut client = Client::new(site.port, &keys.app);
        files.iter().map(|bytes| accepted(&mut client, &conversation, bytes)).collect::<Vec<_>>()
    };

    let files = files();
    let (one_by_one, together): (Vec<_>, Vec<_>) =
        files.into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
    let unnumbered = |half: Vec<(usize, Vec<u8>)>| half.into_iter().map(|(_, file)| file).collect::<Vec<_>>();
    let first = store(&unnumbered(one_by_one));
    let second = Mutex::new(Vec::new());
    let together = unnumbered(together);
    std::thread::scope(|scope| {
        for share in together.chunks(together.len() / CLIENTS) {
            scope.spawn(|| second.lock().unwrap().extend(store(share)));
        }
    });
    let second = second.into_inner().unwrap();
    process.terminate();
    process.wait(Duration::from_mins(1));
    wait_until(Duration::from_secs(30), "strace has written the end", || {
        std::fs::read(&trace).unwrap().ends_with(b"+++ exited with 0 +++\n")
    });

    let calls = parse(&String::from_utf8_lossy(&std::fs::read(&trace).unwrap()));
    let checked: Vec<_> = first.iter().chain(&second).map(|id| (id, check(&calls, id))).collect();
    let violations: Vec<_> =
        checked.iter().filter_map(|(id, result)| Some((id, result.as_ref().err()?))).collect();
    let lines = |ids: &[String]| ids.iter().filter_map(|id| check(&calls, id).ok()).max().unwrap_or_default();
    let (half, end) = (lines(&first), lines(&second));
    let per_file =
        |from, to| count_syncs(&calls, from, to).map(|count| f64::from(count) * 2.0 / f64::from(UPLOADS));
    let (alone, shared) = (per_file(0, half), per_file(half, end));
    println!(
        "A01 {}: {} of {UPLOADS} in order; syncs per file (file, folders, database): {alone:.1?} one by one, {shared:.1?} with {CLIENTS} clients",
        site.engine(),
        checked.len() - violations.len(),
    );
    assert_eq!(checked.len(), UPLOADS as usize);
    assert!(violations.is_empty(), "{violations:#?}");
}

fn files() -> Vec<Vec<u8>> {
    let mut random = StdRng::seed_from_u64(1);
    let factor = (LARGEST / SMALLEST).powf(1.0 / f64::from(UPLOADS - 1));
    let size = |index: u32| (SMALLEST * factor.powi(i32::try_from(index).unwrap())).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 20 MiB")]
    (0..UPLOADS).map(|index| bytes(&mut random, size(index) as usize)).collect()
}

fn accepted(client: &mut Client, conversation: &str, bytes: &[u8]) -> String {
    let reply = client.store(conversation, &uuid::Uuid::new_v4().to_string(), bytes).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}
