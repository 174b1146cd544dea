//! Sending bytes without waiting for each acknowledgement.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use russh_sftp::client::error::Error;
use sha2::{Digest, Sha256};

use super::super::{DeliveryError, Item};
use super::fault::{self, Doing};
use super::files::{Files, IN_FLIGHT, STALL, within};

/// A file that is being written.
pub(super) struct Upload<'a> {
    files: &'a Files,
    handle: &'a str,
    /// Where the next byte goes.
    at: u64,
    /// What is not sent yet, less than one request.
    rest: Vec<u8>,
    sha256: Sha256,
    waiting: FuturesUnordered<BoxFuture<'a, Result<(), Error>>>,
}

impl<'a> Upload<'a> {
    /// Prepares an open, empty file.
    pub(super) fn new(files: &'a Files, handle: &'a str) -> Self {
        let rest = Vec::with_capacity(files.write_chunk());
        Self { files, handle, at: 0, rest, sha256: Sha256::new(), waiting: FuturesUnordered::new() }
    }

    /// Sends all bytes of an item and waits until they are acknowledged. Fails when they are not those that were accepted.
    pub(super) async fn send(mut self, item: &Item) -> Result<(), DeliveryError> {
        let mut source = item.read();
        while let Some(piece) = source.next().await {
            let piece = piece.map_err(|cause| {
                tracing::debug!(%cause, "reading an item failed");
                DeliveryError::unreadable()
            })?;
            self.sha256.update(&piece);
            self.push(&piece).await.map_err(problem)?;
        }
        self.write().await.map_err(problem)?;
        while !self.waiting.is_empty() {
            self.acknowledged().await.map_err(problem)?;
        }
        let is_whole = self.at == item.size && hex::encode(self.sha256.finalize()) == item.sha256;
        if is_whole { Ok(()) } else { Err(DeliveryError::damaged()) }
    }

    async fn push(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let room = self.files.write_chunk() - self.rest.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.rest.extend_from_slice(now);
            bytes = later;
            if self.rest.len() == self.files.write_chunk() {
                self.write().await?;
            }
        }
        Ok(())
    }

    /// Sends one request, and waits first when enough of them are under way.
    async fn write(&mut self) -> Result<(), Error> {
        if self.rest.is_empty() {
            return Ok(());
        }
        while self.waiting.len() >= IN_FLIGHT {
            self.acknowledged().await?;
        }
        let bytes = std::mem::replace(&mut self.rest, Vec::with_capacity(self.files.write_chunk()));
        let length = bytes.len() as u64;
        self.waiting.push(self.files.write(self.handle, self.at, bytes).boxed());
        self.at += length;
        // a request leaves only when it is polled, and the source may take its time with the next piece
        match self.waiting.next().now_or_never().flatten() {
            Some(done) => done,
            None => Ok(()),
        }
    }

    async fn acknowledged(&mut self) -> Result<(), Error> {
        let next = self.waiting.next().map(|done| done.unwrap_or(Ok(())));
        within(STALL, next).await
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn problem(error: Error) -> DeliveryError {
    fault::delivery(&error, Doing::Writing)
}
