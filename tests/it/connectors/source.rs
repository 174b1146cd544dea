//! Bytes of any length that are made while they are read.

use std::io;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use mediaport::connectors::{About, Item, Notes, Source};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// No multiple of a piece's length, so that pieces in the wrong order are noticed.
const BLOCK: u64 = 1_000_003;
const READ: usize = 256 * 1024;

static RANDOM: LazyLock<Bytes> = LazyLock::new(|| {
    let mut bytes = vec![0_u8; index(BLOCK)];
    rand::fill(&mut bytes[..]);
    Bytes::from(bytes)
});

/// A file of `size` bytes whose reading may break.
#[derive(Debug, Clone)]
pub(super) struct Made {
    size: u64,
    breaks_at: Option<u64>,
    /// How many whole readings succeed before one breaks.
    good_readings: Arc<std::sync::atomic::AtomicI64>,
}

impl Source for Made {
    fn read(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        let made = self.clone();
        stream::iter((range.start..range.end.min(self.size)).step_by(READ))
            .map(move |at| made.piece(at, range.end.min(at + READ as u64)))
            .flat_map(stream::iter)
            .boxed()
    }
}

impl Made {
    fn piece(&self, from: u64, to: u64) -> Vec<io::Result<Bytes>> {
        if self.breaks_at.is_some_and(|at| (from..to).contains(&at)) && self.good_readings_are_over() {
            return vec![Err(io::Error::other("the disk broke"))];
        }
        let mut pieces = Vec::new();
        let mut at = from;
        while at < to {
            let start = at % BLOCK;
            let end = BLOCK.min(start + to - at);
            pieces.push(Ok(RANDOM.slice(index(start)..index(end))));
            at += end - start;
        }
        pieces
    }

    fn good_readings_are_over(&self) -> bool {
        self.good_readings.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) <= 0
    }
}

/// Makes an item of `size` bytes.
pub(super) fn item(path: &str, size: u64) -> Item {
    made(path, Made { size, breaks_at: None, good_readings: Arc::default() })
}

/// Makes an item whose reading breaks in the middle, after so many readings went well.
pub(super) fn breaking_item(path: &str, size: u64, good_readings: i64) -> Item {
    let good_readings = Arc::new(good_readings.into());
    made(path, Made { size, breaks_at: Some(size / 2), good_readings })
}

fn made(path: &str, source: Made) -> Item {
    let whole = Made { breaks_at: None, ..source.clone() };
    let mut sha256 = Sha256::new();
    for at in (0..source.size).step_by(READ) {
        for piece in whole.piece(at, source.size.min(at + READ as u64)) {
            sha256.update(piece.expect("no break"));
        }
    }
    Item {
        delivery: Uuid::now_v7(),
        path: path.to_owned(),
        mime_type: "image/jpeg".to_owned(),
        size: source.size,
        sha256: hex::encode(sha256.finalize()),
        source: Arc::new(source),
        reservation: None,
        about: About { file_name: path.rsplit('/').next().expect("a name").to_owned(), ..About::sample() },
        notes: Notes::default(),
    }
}

fn index(at: u64) -> usize {
    usize::try_from(at).expect("a block fits into memory")
}
