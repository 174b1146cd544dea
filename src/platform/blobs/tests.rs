use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tempfile::TempDir;

use super::*;

fn store() -> (TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&folder.path().join("media"), Clock::system()).unwrap();
    (folder, blobs)
}

async fn receive(blobs: &Blobs, bytes: &[u8]) -> Received {
    let mut incoming = blobs.receive().await.unwrap();
    for piece in bytes.chunks(100_000) {
        incoming.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    incoming.finish().await.unwrap()
}

async fn read(blobs: &Blobs, id: Uuid, range: Option<Range<u64>>) -> Vec<u8> {
    let reader = blobs.read(id, range).await.unwrap();
    let length = reader.len();
    let bytes: Vec<Bytes> = reader.try_collect().await.unwrap();
    let bytes = bytes.concat();
    assert_eq!(bytes.len() as u64, length);
    bytes
}

fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
}

fn temporary_count(folder: &TempDir) -> usize {
    std::fs::read_dir(folder.path().join("media/tmp")).unwrap().count()
}

async fn until_no_temporary_is_left(folder: &TempDir) {
    for _ in 0..200 {
        if temporary_count(folder) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a temporary file stayed");
}

#[tokio::test]
async fn what_was_kept_is_read_back() {
    let (folder, blobs) = store();
    let bytes = sample(1_000_000);
    let id = Uuid::parse_str("018f2a6b-0000-7000-8000-0000000012ab").unwrap();

    let received = receive(&blobs, &bytes).await;
    assert_eq!(received.size, 1_000_000);
    assert_eq!(received.head, bytes[..8192]);
    assert_eq!(received.sha256, hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes)));
    received.keep(id).await.unwrap();

    let path = folder.path().join("media/ab/12").join(id.to_string());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let shard = folder.path().join("media/ab").metadata().unwrap();
    assert_eq!(shard.permissions().mode() & 0o777, 0o700);
    assert_eq!(temporary_count(&folder), 0);
    assert_eq!(read(&blobs, id, None).await, bytes);
    assert_eq!(blobs.size(id).await.unwrap(), 1_000_000);
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    let (_folder, blobs) = store();
    let id = Uuid::now_v7();
    let received = receive(&blobs, b"").await;
    assert_eq!((received.size, received.head.len()), (0, 0));
    received.keep(id).await.unwrap();
    assert!(blobs.read(id, None).await.unwrap().is_empty());
    assert!(read(&blobs, id, Some(0..10)).await.is_empty());
}

#[tokio::test]
async fn a_range_equals_the_slice() {
    let (_folder, blobs) = store();
    let bytes = sample(700_001);
    let id = Uuid::now_v7();
    receive(&blobs, &bytes).await.keep(id).await.unwrap();

    for (start, end) in [(0, 1), (0, 700_001), (262_143, 262_145), (1, 600_000), (700_000, 700_001), (5, 5)] {
        let range = Some(start as u64..end as u64);
        assert_eq!(read(&blobs, id, range).await, bytes[start..end], "{start}..{end}");
    }
    assert_eq!(read(&blobs, id, Some(700_000..u64::MAX)).await, bytes[700_000..], "an end past the end");
    assert!(read(&blobs, id, Some(800_000..900_000)).await.is_empty());
}

#[tokio::test]
async fn nothing_is_left_of_what_was_not_kept() {
    let (folder, blobs) = store();
    let mut incoming = blobs.receive().await.unwrap();
    incoming.write(Bytes::from(sample(600_000))).await.unwrap();
    drop(incoming);
    drop(receive(&blobs, b"finished, not kept").await);
    until_no_temporary_is_left(&folder).await;
}

#[tokio::test]
async fn a_stored_blob_is_never_replaced() {
    let (folder, blobs) = store();
    let id = Uuid::now_v7();
    receive(&blobs, b"first").await.keep(id).await.unwrap();

    let second = receive(&blobs, b"second").await.keep(id).await;

    assert!(matches!(second, Err(BlobError::Exists)), "{second:?}");
    assert_eq!(read(&blobs, id, None).await, b"first");
    until_no_temporary_is_left(&folder).await;
}

#[tokio::test]
async fn what_is_missing_is_told_apart_and_removing_it_is_fine() {
    let (_folder, blobs) = store();
    let id = Uuid::now_v7();
    assert!(matches!(blobs.read(id, None).await, Err(BlobError::NotFound)));
    assert!(matches!(blobs.size(id).await, Err(BlobError::NotFound)));
    blobs.remove(id).await.unwrap();

    receive(&blobs, b"x").await.keep(id).await.unwrap();
    blobs.remove(id).await.unwrap();
    assert!(matches!(blobs.size(id).await, Err(BlobError::NotFound)));
}

#[tokio::test]
async fn no_link_is_followed() {
    let (folder, blobs) = store();
    std::fs::write(folder.path().join("secret"), "outside").unwrap();
    let id = Uuid::parse_str("018f2a6b-0000-7000-8000-000000000102").unwrap();
    let shard = folder.path().join("media/02/01");
    std::fs::create_dir_all(&shard).unwrap();
    symlink(folder.path().join("secret"), shard.join(id.to_string())).unwrap();
    assert!(matches!(blobs.read(id, None).await, Err(BlobError::Io(_))));

    let outside = tempfile::tempdir().unwrap();
    let id = Uuid::parse_str("018f2a6b-0000-7000-8000-0000000003ff").unwrap();
    symlink(outside.path(), folder.path().join("media/ff")).unwrap();
    assert!(receive(&blobs, b"x").await.keep(id).await.is_err());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    let found: Vec<_> = blobs.identifiers().collect().await;
    assert!(found.iter().all(Result::is_err), "the walk gives no link: {found:?}");
}

#[tokio::test]
async fn only_abandoned_temporary_files_are_swept() {
    let (folder, blobs) = store();
    let mut open = blobs.receive().await.unwrap();
    open.write(Bytes::from_static(b"still coming")).await.unwrap();
    let leftover = folder.path().join("media/tmp/leftover");
    std::fs::write(&leftover, "x").unwrap();
    std::fs::File::open(&leftover).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    std::fs::write(folder.path().join("media/tmp/young"), "x").unwrap();

    assert_eq!(blobs.sweep_temporary(Duration::from_hours(1)).await.unwrap(), 1);
    assert!(!leftover.exists());
    assert_eq!(temporary_count(&folder), 2);

    let later = Clock::manual(Clock::system().now().plus(Duration::from_hours(2)));
    let another_process = Blobs::open(&folder.path().join("media"), later).unwrap();
    assert_eq!(
        another_process.sweep_temporary(Duration::from_hours(1)).await.unwrap(),
        1,
        "not the open one"
    );
    open.finish().await.unwrap().keep(Uuid::now_v7()).await.unwrap();
}

#[tokio::test]
async fn the_walk_finds_every_blob_and_nothing_else() {
    let (folder, blobs) = store();
    let mut ids = Vec::new();
    for size in 0..40_usize {
        let id = Uuid::now_v7();
        receive(&blobs, &sample(size)).await.keep(id).await.unwrap();
        ids.push((id, size as u64));
    }
    let shard = folder.path().join("media").join("00").join("00");
    std::fs::create_dir_all(&shard).unwrap();
    std::fs::write(shard.join("notes.txt"), "x").unwrap();
    std::fs::write(shard.join("018f2a6b-0000-7000-8000-0000000012ab"), "in the wrong shard").unwrap();

    let found: Vec<Stored> = blobs.identifiers().try_collect().await.unwrap();
    let mut found: Vec<_> = found.into_iter().map(|stored| (stored.id, stored.size)).collect();

    found.sort_unstable();
    ids.sort_unstable();
    assert_eq!(found, ids);
}

#[tokio::test]
async fn a_full_volume_is_told_apart() {
    let full = BlobError::from(io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error()));
    assert!(matches!(full, BlobError::Full(_)));
    let quota = BlobError::from(io::Error::from_raw_os_error(rustix::io::Errno::DQUOT.raw_os_error()));
    assert!(matches!(quota, BlobError::Full(_)));
}

#[tokio::test]
async fn room_is_that_of_the_volume() {
    let (_folder, blobs) = store();
    let room = blobs.room().await.unwrap();
    assert!(room.free > 0 && room.free <= room.total);
    assert!(!blobs.has_room_for(u64::MAX, Watermark::default()).await.unwrap());
    assert!(blobs.healthy());
}

/// Prints figures: `cargo test --release --lib speed -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement, not a check"]
async fn speed_of_one_large_and_many_small_blobs() {
    let (_folder, blobs) = store();
    let piece = Bytes::from(sample(64 * 1024));
    let mut incoming = blobs.receive().await.unwrap();
    let start = Instant::now();
    for _ in 0..1024 {
        incoming.write(piece.clone()).await.unwrap();
    }
    println!("64 MiB written at {:.0} MB/s", 67.1 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    let received = incoming.finish().await.unwrap();
    println!("and synced in {:?}", start.elapsed());

    let id = Uuid::now_v7();
    received.keep(id).await.unwrap();
    let start = Instant::now();
    assert_eq!(read(&blobs, id, None).await.len(), 64 * 1024 * 1024);
    println!("64 MiB read at {:.0} MB/s", 67.1 / start.elapsed().as_secs_f64());

    let start = Instant::now();
    for _ in 0..200 {
        receive(&blobs, &piece).await.keep(Uuid::now_v7()).await.unwrap();
    }
    println!("64 KiB accepted in {:?} each", start.elapsed() / 200);
}
