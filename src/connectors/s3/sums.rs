//! Checksums of an item and of the pieces in which it goes up, from one reading pass.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::Md5;
use sha2::{Digest, Sha256};

use super::super::item::inspect;
use super::super::{DeliveryError, Item};

/// Up to this size one request is cheaper and its checksum is the object's own.
pub(super) const ONE_PUT: u64 = 16 * 1024 * 1024;
/// The protocol's floor is 5 MiB; 8 MiB keep the number of requests low.
const PIECE: u64 = 8 * 1024 * 1024;
/// Below the protocol's limit of 10,000, so that rounding never reaches it.
const PIECES: u64 = 9_000;

/// How an item goes up, and the checksums of each piece; a small one is a single piece.
pub(super) struct Plan {
    /// The pieces in order.
    pub(super) pieces: Vec<Piece>,
}

/// A range of the item with its checksums.
pub(super) struct Piece {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) md5: [u8; 16],
    pub(super) sha256: [u8; 32],
    pub(super) crc32: u32,
}

impl Plan {
    /// Reads the item once. Fails when its bytes are not those that were accepted.
    pub(super) async fn of(item: &Item) -> Result<Self, DeliveryError> {
        let mut cutter = Cutter::new(piece_length(item.size));
        inspect(item, |bytes| cutter.push(bytes)).await?;
        Ok(Self { pieces: cutter.finish() })
    }

    /// Gives the `ETag` of stores that make it from MD5 sums, without quotes.
    pub(super) fn etag(&self) -> String {
        if let [piece] = self.pieces.as_slice() {
            return hex::encode(piece.md5);
        }
        let mut md5 = Md5::new();
        self.pieces.iter().for_each(|piece| md5.update(piece.md5));
        format!("{}-{}", hex::encode(md5.finalize()), self.pieces.len())
    }

    /// Gives the SHA-256 that the store keeps: of the object, or of its pieces' sums.
    pub(super) fn sha256(&self) -> String {
        if let [piece] = self.pieces.as_slice() {
            return BASE64.encode(piece.sha256);
        }
        let mut sha256 = Sha256::new();
        self.pieces.iter().for_each(|piece| sha256.update(piece.sha256));
        format!("{}-{}", BASE64.encode(sha256.finalize()), self.pieces.len())
    }
}

impl Piece {
    pub(super) fn md5_base64(&self) -> String {
        BASE64.encode(self.md5)
    }

    pub(super) fn sha256_base64(&self) -> String {
        BASE64.encode(self.sha256)
    }

    pub(super) fn crc32_base64(&self) -> String {
        BASE64.encode(self.crc32.to_be_bytes())
    }
}

fn piece_length(size: u64) -> u64 {
    if size <= ONE_PUT { ONE_PUT } else { PIECE.max(size.div_ceil(PIECES)) }
}

/// Cuts a stream of bytes into pieces of one length.
struct Cutter {
    length: u64,
    done: Vec<Piece>,
    open: Open,
}

#[derive(Default)]
struct Open {
    length: u64,
    md5: Md5,
    sha256: Sha256,
    crc32: crc32fast::Hasher,
}

impl Cutter {
    fn new(length: u64) -> Self {
        Self { length, done: Vec::new(), open: Open::default() }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.open.length == self.length {
                self.close();
            }
            let room = usize::try_from(self.length - self.open.length).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.open.length += now.len() as u64;
            self.open.md5.update(now);
            self.open.sha256.update(now);
            self.open.crc32.update(now);
            bytes = later;
        }
    }

    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.done.push(Piece {
            start: self.done.last().map_or(0, |piece| piece.start + piece.length),
            length: open.length,
            md5: open.md5.finalize().into(),
            sha256: open.sha256.finalize().into(),
            crc32: open.crc32.finalize(),
        });
    }

    /// The last piece counts even when it is empty: an empty item is one empty piece.
    fn finish(mut self) -> Vec<Piece> {
        self.close();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_item_without_an_empty_one() {
        for (size, expected) in [(0, vec![0]), (4, vec![4]), (8, vec![4, 4]), (9, vec![4, 4, 1])] {
            let mut cutter = Cutter::new(4);
            vec![7; size].chunks(3).for_each(|bytes| cutter.push(bytes));

            let pieces = cutter.finish();
            assert_eq!(pieces.iter().map(|piece| piece.length).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn no_item_needs_more_pieces_than_a_store_takes() {
        for size in [ONE_PUT + 1, 100 << 20, 20 << 30, 5 << 40] {
            assert!(size.div_ceil(piece_length(size)) <= 10_000, "{size}");
        }
    }

    #[test]
    fn sums_are_those_that_stores_compute() {
        let mut cutter = Cutter::new(4);
        cutter.push(b"hello");
        let plan = Plan { pieces: cutter.finish() };

        // md5(md5("hell") + md5("o")), as `openssl dgst` computes it
        assert_eq!(plan.etag(), "e384b52afde180811bdd3db13b925fa1-2");
    }
}
