//! What the reader of traces must find, and what it must not let pass.

use super::{check, count_syncs, parse};

const ID: &str = "01990000-0000-7000-8000-00000000bbaa";

/// A file accepted on the embedded engine, as strace writes it, with another thread in between.
const GOOD: &str = r#"
71  mkdirat(5</d/media>, "aa", 0700)   = 0
71  mkdirat(6</d/media/aa>, "bb", 0700) = 0
71  write(9</d/media/tmp/f1>, "\377\330", 2) = 2
71  write(9</d/media/tmp/f1>, "\0\1"..., 262144 <unfinished ...>
72  fsync(4</d/mediaport.db-wal>)     = 0
71  <... write resumed>)              = 262144
71  fsync(9</d/media/tmp/f1> <unfinished ...>
72  read(8<anon_inode:[eventfd]>, "\1\0\0\0\0\0\0\0", 8) = 8
71  <... fsync resumed>)              = 0
71  renameat2(7</d/media/tmp>, "f1", 8</d/media/aa/bb>, "ID", RENAME_NOREPLACE) = 0
71  fsync(8</d/media/aa/bb>)          = 0
71  fsync(6</d/media/aa>)             = 0
71  fsync(5</d/media>)                = 0
72  pwrite64(4</d/mediaport.db-wal>, "\0\0ID\3"..., 4096, 24) = 4096
72  fdatasync(4</d/mediaport.db-wal> <unfinished ...>
73  sendto(30<TCP:[127.0.0.1:9->127.0.0.1:5]>, "HTTP/1.1 200 OK\r\n", 17, MSG_NOSIGNAL, NULL, 0) = 17
72  <... fdatasync resumed>)          = 0
73  sendto(31<TCP:[127.0.0.1:9->127.0.0.1:6]>, "HTTP/1.1 201 Created\r\n\r\n{\"id\":\"ID\"}", 99, MSG_NOSIGNAL, NULL, 0) = 99
"#;

fn said(trace: &str) -> Result<(), String> {
    check(&parse(&trace.replace("ID", ID)), ID).map(drop)
}

/// The good trace without the lines that hold `part`.
fn without(part: &str) -> String {
    assert!(GOOD.contains(part), "{part}");
    GOOD.lines().filter(|line| !line.contains(part)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_right_order_passes() {
    assert_eq!(said(GOOD), Ok(()));
    let calls = parse(&GOOD.replace("ID", ID));
    assert_eq!(count_syncs(&calls, 0, usize::MAX), [1, 3, 2], "files, folders, databases");
}

#[test]
fn a_server_must_have_said_that_it_committed() {
    let (before, _) = GOOD.split_once("72  pwrite64").unwrap();
    let answer = GOOD.lines().last().unwrap();
    let sent =
        r#"72  sendto(40<TCP:[127.0.0.1:5->127.0.0.1:5432]>, "B\0\0ID", 60, MSG_NOSIGNAL, NULL, 0) = 60"#;
    let ask = r#"72  sendto(40<TCP:[127.0.0.1:5->127.0.0.1:5432]>, "Q\0\0\0\vCOMMIT\0", 12, MSG_NOSIGNAL, NULL, 0) = 12"#;
    let commit = r#"72  recvfrom(40<TCP:[127.0.0.1:5->127.0.0.1:5432]>, "C\0\0\0\vCOMMIT\0Z\0\0\0\5I", 8192, 0, NULL, NULL) = 18"#;
    let (first_half, second_half) =
        (commit.replace(r"MIT\0Z\0\0\0\5I", ""), commit.replace(r"C\0\0\0\vCOM", ""));
    let other = commit.replace("40<", "41<").replace(":5->", ":6->");

    assert_eq!(said(&[before, sent, ask, commit, answer].join("\n")), Ok(()));
    assert_eq!(said(&[before, sent, ask, &first_half, &second_half, answer].join("\n")), Ok(()));
    for wrong in [
        [before, sent, ask, answer, commit],
        [before, sent, ask, &first_half, answer],
        [before, sent, ask, &other, answer],
        [before, sent, commit, ask, answer],
        [before, ask, commit, sent, answer],
    ] {
        assert!(said(&wrong.join("\n")).is_err(), "{wrong:#?}");
    }
}

#[test]
fn every_missing_step_is_found() {
    for (missing, words) in [
        ("fsync(9<", "between its last byte and its rename"),
        ("71  renameat2", "no rename"),
        ("fsync(8</d/media/aa/bb>)", "between rename and answer"),
        ("fsync(6</d/media/aa>)", "new folder /d/media/aa/bb was not synced"),
        ("fsync(5</d/media>)", "new folder /d/media/aa was not synced"),
        ("pwrite64", "the row is not in the trace"),
        ("fdatasync", "not durable"),
        ("HTTP/1.1 201", "no answer"),
    ] {
        let problem = said(&without(missing)).expect_err(missing);
        assert!(problem.contains(words), "{missing}: {problem}");
    }
}

#[test]
fn a_step_that_failed_does_not_count() {
    for (step, failed) in [
        (
            "fsync(8</d/media/aa/bb>)          = 0",
            "fsync(8</d/media/aa/bb>)          = -1 EIO (Input/output error)",
        ),
        (
            "<... fsync resumed>)              = 0",
            "<... fsync resumed>)              = -1 EIO (Input/output error)",
        ),
        ("<... fdatasync resumed>)          = 0", "<... fdatasync resumed>)          = ?"),
    ] {
        assert!(GOOD.contains(step));
        assert!(said(&GOOD.replace(step, failed)).is_err(), "{step}");
    }
}

#[test]
fn a_step_out_of_turn_is_found() {
    let swapped = |early: &str, late: &str| {
        let mut lines: Vec<_> = GOOD.lines().collect();
        let find = |part: &str| lines.iter().position(|line| line.contains(part)).unwrap();
        let (early, late) = (find(early), find(late));
        lines.swap(early, late);
        said(&lines.join("\n"))
    };

    assert!(swapped("<... fsync resumed>", "renameat2").is_err(), "renamed before the sync had ended");
    assert!(swapped("write(9</d/media/tmp/f1>, \"\\377", "read(8<").is_err(), "written while it was synced");
    assert!(swapped("fsync(8<", "pwrite64").is_err(), "the row was first");
    assert!(
        swapped("<... fdatasync resumed>", "HTTP/1.1 201").is_err(),
        "answered before the commit had ended"
    );
    assert!(
        swapped("fsync(5</d/media>)", "HTTP/1.1 201").is_err(),
        "the new folder was settled after the answer"
    );
}
