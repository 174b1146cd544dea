//! Servers that refuse, break off, stand still or lie.

use std::fs;
use std::time::{Duration, Instant};

use mediaport::connectors::{DeliveryError, ItemProblem, StepName};

use super::super::contract::{Place, deliver};
use super::super::{connector, failed, tested};
use super::line::Line;
use super::{Faulty, Server, content, hand_over, home, item, names_below};
use crate::connectors::peer;

const MIB: u64 = 1024 * 1024;

#[tokio::test]
async fn a_folder_where_the_account_may_not_write_stops_the_endpoint() {
    let server = Server::fresh().await;
    for directory in ["ro", "ro/new/folder"] {
        let refused = server.refusal(&[("directory", directory)]).await;
        let (_, steps) = tested("sftp", server.ground(), &server.fields(&[("directory", directory)])).await;

        assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{refused:?}");
        assert!(refused.message().contains("may not"), "{refused}");
        assert_eq!(failed(&steps).name, StepName::Write);
    }
    assert_eq!(names_below(&home().join("ro")), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_waited_for_and_left_clean() {
    let server = Faulty::new("quota");

    let refused = deliver(&server, &item("a.mp4", 4 * MIB)).await.expect_err("full");

    assert!(matches!(refused, DeliveryError::Transient { .. }), "{refused:?}");
    assert!(refused.message().contains("full"), "{refused}");
    assert_eq!(server.names(), [""; 0]);
    deliver(&server, &item("b.jpg", 1000)).await.expect("a small file still fits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drops_the_connection_keeps_no_final_name() {
    let server = Faulty::new("drop");

    let refused = deliver(&server, &item("a.mp4", 4 * MIB)).await.expect_err("broken off");

    assert!(matches!(refused, DeliveryError::Transient { .. }), "{refused:?}");
    assert!(refused.message().contains("in the middle"), "{refused}");
    assert!(!server.names().iter().any(|name| name.ends_with("a.mp4")), "{:?}", server.names());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_not_waited_for_for_ever() {
    let given_up = async |how: &str| {
        let server = Faulty::new(how);
        let started = Instant::now();

        let refused = deliver(&server, &item("a.mp4", 4 * MIB)).await.expect_err("given up");

        assert!(matches!(refused, DeliveryError::Transient { .. }), "{how}: {refused:?}");
        assert!(refused.message().contains("stopped answering"), "{how}: {refused}");
        assert!(started.elapsed() < Duration::from_secs(90), "{how}: {:?}", started.elapsed());
    };
    tokio::join!(given_up("hang"), given_up("stall"));
}

#[tokio::test]
async fn every_way_to_rename_will_do_and_none_is_said_so() {
    for how in ["noplain", "noposix", "plain"] {
        let server = Faulty::new(how);
        let item = item("2026/a.jpg", 1000);
        deliver(&server, &item).await.unwrap_or_else(|error| panic!("{how}: {error}"));
        assert_eq!(content(&server.folder().join("2026/a.jpg")), Some((item.size, item.sha256)), "{how}");
        assert_eq!(server.names().len(), 1, "{how}");
    }
    let server = Faulty::new("norename");
    let refused = deliver(&server, &item("a.jpg", 1000)).await.expect_err("no way");

    assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{refused:?}");
    assert!(refused.message().contains("rename"), "{refused}");
    assert_eq!(server.names(), [""; 0]);
}

#[tokio::test]
async fn a_rename_that_replaces_is_not_let_near_a_foreign_file() {
    for how in ["clobber", "noplain"] {
        let server = Faulty::new(how);
        deliver(&server, &item("first.jpg", 10)).await.expect("delivered");
        fs::write(server.folder().join("a.jpg"), b"foreign").expect("a file");

        let refused = deliver(&server, &item("a.jpg", 1000)).await.expect_err("a conflict");

        assert!(
            matches!(refused, DeliveryError::Item { reason: ItemProblem::Conflict, .. }),
            "{how}: {refused:?}"
        );
        assert_eq!(fs::read(server.folder().join("a.jpg")).expect("still there"), b"foreign");
    }
}

#[tokio::test]
async fn bytes_that_the_server_spoils_are_never_delivered() {
    for (how, size) in
        [("flip", 100_000), ("short", 100_000), ("short", 24 * MIB), ("rot", 100_000), ("cutend", 24 * MIB)]
    {
        let server = Faulty::new(how);

        let refused = deliver(&server, &item("a.jpg", size)).await.expect_err("noticed");

        assert!(matches!(refused, DeliveryError::Transient { .. }), "{how}: {refused:?}");
        assert_eq!(server.names(), [""; 0], "{how}: removed, so that a retry can succeed");
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_out_by_the_next_attempt() {
    let server = Faulty::new("lost");
    let item = item("a.jpg", 50_000);

    let first = deliver(&server, &item).await.expect_err("no answer");
    deliver(&server, &item).await.expect("already there");

    assert!(matches!(first, DeliveryError::Transient { .. }), "{first:?}");
    assert_eq!(server.names().len(), 1);
    assert_eq!(content(&server.folder().join("a.jpg")), Some((item.size, item.sha256)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_leaves_no_final_name_and_heals() {
    let server = Server::fresh().await;
    let line = Line::to(peer("TEST_SFTP_PORT").parse().expect("a port")).await;
    let through = server.fields(&[("port", &line.port())]);
    let item = item("2026/a.mp4", 8 * MIB);
    for bytes in [1_000, 4_000, 3 * MIB, 8 * MIB] {
        line.cut_after(bytes);

        let broken = connector("sftp").put(&through, server.ground(), &item).await;

        assert!(matches!(broken, Err(DeliveryError::Transient { .. })), "{bytes}: {broken:?}");
        assert_eq!(server.look("2026/a.mp4").await, None, "{bytes}");
    }
    line.cut_after(u64::MAX);
    connector("sftp").put(&through, server.ground(), &item).await.expect("stored on a whole line");

    assert_eq!(server.look("2026/a.mp4").await, Some((item.size, item.sha256)));
    assert_eq!(server.names().await.len(), 1, "what the broken attempts left was used up");
}

#[tokio::test]
async fn what_nobody_repeats_is_swept_and_nothing_else() {
    let server = Server::fresh().await;
    let (id, fresh_id) = ("0192f3a4-7b6c-7def-8123-456789abcdef", "0192f3a4-7b6c-7def-8123-456789abcdee");
    let stale = [format!(".a.jpg.{id}.part")];
    let kept = [
        format!(".fresh.jpg.{fresh_id}.part"),
        format!("a.jpg.{id}.part"),
        format!(".a.jpg.{id}.part2"),
        ".a.jpg.123.part".to_owned(),
        ".hidden".to_owned(),
        "somebody.jpg".to_owned(),
    ];
    fs::create_dir_all(server.folder()).expect("a folder");
    for name in stale.iter().chain(&kept) {
        let path = server.folder().join(name);
        let file = fs::File::create(&path).expect("a file");
        if !name.contains("fresh") {
            let yesterday =
                file.metadata().expect("times").modified().expect("a time") - Duration::from_hours(25);
            file.set_modified(yesterday).expect("an old file");
        }
    }
    hand_over(&server.folder());

    deliver(&server, &item("new.jpg", 10)).await.expect("delivered");

    let mut left: Vec<_> = fs::read_dir(server.folder())
        .expect("readable")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    left.sort();
    let mut expected: Vec<_> = kept.into_iter().chain(["new.jpg".to_owned()]).collect();
    expected.sort();
    assert_eq!(left, expected);
}
