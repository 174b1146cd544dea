//! Many files, slow lines, and what somebody sees who watches the folder.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream;
use mediaport::connectors::VerifiedBy;

use super::super::connector;
use super::super::contract::{Place, deliver};
use super::{Faulty, Server, content, hand_over, item};
use crate::connectors::peer;

const MIB: u64 = 1024 * 1024;

/// Whoever watches the folder may take a final name at its word: nothing is ever written under it.
#[tokio::test(flavor = "multi_thread")]
async fn a_final_name_never_stands_for_a_part_of_a_file() {
    const FILES: usize = 200;
    const SIZE: u64 = 300_000;
    let server = Server::fresh().await;
    fs::create_dir_all(server.folder()).expect("a folder");
    hand_over(&server.folder());
    let mut watcher = Command::new("inotifywait")
        .args(["-m", "-e", "create,moved_to,modify,close_write,delete", "--format", "%e %f"])
        .arg(server.folder())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("inotifywait");
    let events = BufReader::new(watcher.stdout.take().expect("its output")).lines();
    let mut told = BufReader::new(watcher.stderr.take().expect("its messages")).lines();
    assert!(told.any(|line| line.expect("a line").contains("established")), "inotifywait watches");

    let done: Vec<_> = stream::iter(0..FILES)
        .map(|number| {
            let server = &server;
            async move { deliver(server, &item(&format!("{number}.jpg"), SIZE)).await }
        })
        .buffer_unordered(4)
        .collect()
        .await;
    fs::write(server.folder().join("end"), b"").expect("a file");

    let mut seen = BTreeSet::new();
    let mut early = Vec::new();
    for line in events {
        let line = line.expect("a line");
        let (what, name) = line.split_once(' ').expect("an event and a name");
        match name {
            "end" => break,
            name if name.starts_with('.') => (),
            name if what.contains("CREATE") || what.contains("MOVED_TO") => {
                seen.insert(name.to_owned());
            }
            name => early.push(format!("{what} {name}")),
        }
    }
    watcher.kill().expect("ended");
    watcher.wait().expect("gone");
    assert!(done.iter().all(Result::is_ok), "{:?}", done.iter().find(|result| result.is_err()));
    assert_eq!(early, [""; 0], "a final name was written to");
    assert_eq!(seen.len(), FILES);
    for number in 0..FILES {
        assert_eq!(server.look(&format!("{number}.jpg")).await.map(|(size, _)| size), Some(SIZE));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_line_is_kept_full() {
    let server = Server::fresh().await;
    let through = server.fields(&[("port", &peer("TEST_SFTP_SLOW_PORT"))]);
    let item = item("a.mp4", 16 * MIB);
    let started = Instant::now();

    let receipt = connector("sftp").put(&through, server.ground(), &item).await.expect("stored");
    let took = started.elapsed();
    let verified =
        connector("sftp").verify(&through, server.ground(), &item, &receipt).await.expect("verified");

    println!(
        "sftp: 16 MiB at 50 ms there and back in {took:?}, and after {:?} read back too",
        started.elapsed()
    );
    assert_eq!(verified, VerifiedBy::ReadBack);
    assert_eq!(server.look("a.mp4").await, Some((item.size, item.sha256)));
    // one request after another would take 512 times 50 ms
    assert!(took.as_secs() < 15, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_files_signs_in_seldom() {
    let server = Faulty::new("plain");
    for number in 0..120 {
        deliver(&server, &item(&format!("{number}.jpg"), 1000)).await.expect("delivered");
    }
    // this server numbers its handles in binary, which the library does not stand for ever
    assert!((2..=4).contains(&server.attempts()), "{}", server.attempts());
    assert_eq!(server.names().len(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_per_second() {
    let server = Server::fresh().await;
    let started = Instant::now();
    for number in 0..50 {
        deliver(&server, &item(&format!("{number}.jpg"), 64 * 1024)).await.expect("delivered");
    }
    println!(
        "sftp: {:.0} files of 64 KiB per second, one after another",
        50.0 / started.elapsed().as_secs_f64()
    );
    assert_eq!(server.names().await.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_counts_by_its_length() {
    let server = Server::fresh().await;
    let (_, verified) = deliver(&server, &item("a.mp4", 21 * MIB)).await.expect("delivered");
    assert_eq!(verified, VerifiedBy::Length);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_attempts_at_once_leave_one_whole_file() {
    let server = Server::fresh().await;
    let item = item("2026/a.mp4", 12 * MIB);

    let (first, second) = tokio::join!(deliver(&server, &item), deliver(&server, &item));

    assert!(first.is_ok() || second.is_ok(), "{first:?} {second:?}");
    // the queue never lets two attempts run at once; should it happen, a third one finds or makes the whole file
    deliver(&server, &item).await.expect("delivered");
    assert_eq!(content(&server.folder().join("2026/a.mp4")), Some((item.size, item.sha256)));
    assert_eq!(server.names().await.len(), 1);
}

/// Driven by `benches/load/sftp`, which compares the figure with that of another client.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures instead of testing"]
async fn measured_put() {
    let server = Server::fresh().await;
    let size = peer("TEST_SFTP_MEASURE_BYTES").parse().expect("a number");
    let key = fs::read_to_string(super::keys().join("id_ed25519")).expect("a key");
    let port = peer("TEST_SFTP_MEASURE_PORT");
    let configuration = server.fields(&[("port", &port), ("password", ""), ("private_key", &key)]);
    let item = item("a.mp4", size);

    let started = Instant::now();
    connector("sftp").put(&configuration, server.ground(), &item).await.expect("stored");
    println!("took {:.3} s", started.elapsed().as_secs_f64());

    assert_eq!(server.look("a.mp4").await.map(|(stored, _)| stored), Some(size));
    fs::remove_dir_all(server.folder()).expect("removed");
}
