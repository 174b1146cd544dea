//! How fast files go to a destination and what memory that takes; driven by `benches/load/destinations`, which sets the
//! figures beside those of another client.

use std::time::Instant;

use super::contract::{Place, deliver};
use super::source::item;
use super::{azure, peer, s3, sftp};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures instead of testing"]
async fn measured_files() {
    match peer("TEST_MEASURE_TYPE").as_str() {
        "s3" => run::<s3::Bucket>().await,
        "sftp" => run::<sftp::Server>().await,
        "azure" => run::<azure::Container>().await,
        other => panic!("{other} is not measured"),
    }
}

async fn run<P: Place>() {
    let number = |name| peer(name).parse::<u64>().expect("a number");
    let (files, bytes) = (number("TEST_MEASURE_FILES"), number("TEST_MEASURE_BYTES"));
    let place = P::fresh().await;
    let items: Vec<_> = (0..files).map(|file| item(&format!("measured/{file}.bin"), bytes)).collect();
    let before = peak();

    let started = Instant::now();
    for item in &items {
        deliver(&place, item).await.expect("delivered");
    }
    println!("took {:.3} s", started.elapsed().as_secs_f64());
    println!("memory {before} MiB before, {} MiB at most", peak());
    for item in &items {
        place.plant(&item.path, b"").await;
    }
}

/// Gives the most memory that this process has held, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}
