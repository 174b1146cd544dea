//! Bodies that are read into memory: how large they may be, how long they may take, how many large ones at once.
//!
//! What can be refused is refused by what the head says, before a byte is read. Nothing is ever unpacked: a few hundred
//! compressed bytes can stand for gigabytes.

use std::ops::Deref;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::failure::Failure;
use super::problem;

/// Nearly every form and document is smaller. Whoever is not signed in gets no further.
pub(super) const SMALL: usize = 64 * 1024;
/// How many bodies above [`SMALL`] are in memory at once: together 4 MiB, however many clients there are.
const LARGE_AT_ONCE: usize = 4;
/// How long a body may wait for the others to be read.
const LARGE_WAIT: Duration = Duration::from_secs(5);
/// As long as a file may stand still; at 20 kB each second the largest body is there in time.
const READ_LIMIT: Duration = Duration::from_mins(1);

static LARGE: Semaphore = Semaphore::const_new(LARGE_AT_ONCE);

/// A whole body. A large one keeps its place among the large ones until it is dropped: parse it and let it go.
pub(super) struct Whole {
    bytes: Bytes,
    _place: Option<SemaphorePermit<'static>>,
}

impl Whole {
    /// Gives the bytes; they do not count any more.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body of at most `most` bytes.
pub(super) async fn read<S>(headers: &HeaderMap, stream: S, most: usize) -> Result<Whole, Failure>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let length = admit(headers, most)?;
    timeout(READ_LIMIT, collect(stream, length, most)).await.unwrap_or_else(|_| {
        let sentence = "The body did not come to its end within a minute. Nothing was changed";
        Err(Failure::refused(&problem::BODY_TIMEOUT, sentence))
    })
}

/// Tells whether the head announces a body.
pub(super) fn is_announced(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING) || declared(headers).is_some_and(|length| length > 0)
}

/// Gives the length that the head declares.
pub(super) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Refuses by the head what is too large or packed, and gives the declared length.
pub(super) fn admit(headers: &HeaderMap, most: usize) -> Result<usize, Failure> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let sentence = "The body is compressed: send it as it is, without Content-Encoding";
        return Err(Failure::refused(&problem::UNSUPPORTED_ENCODING, sentence));
    }
    match declared(headers).map(usize::try_from) {
        None => Ok(0),
        Some(Ok(length)) if length <= most => Ok(length),
        Some(_) => Err(too_large(most)),
    }
}

async fn collect<S>(mut stream: S, length: usize, most: usize) -> Result<Whole, Failure>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut place = if length > SMALL { Some(large().await?) } else { None };
    let mut bytes = BytesMut::with_capacity(length);
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| incomplete())?;
        let size = bytes.len() + piece.len();
        if size > most {
            return Err(too_large(most));
        }
        if size > SMALL && place.is_none() {
            place = Some(large().await?);
            // at once: growing bit by bit leaves holes of every size behind
            bytes.reserve(most - bytes.len());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Whole { bytes: bytes.freeze(), _place: place })
}

/// Waits for a place among the large bodies.
async fn large() -> Result<SemaphorePermit<'static>, Failure> {
    match timeout(LARGE_WAIT, LARGE.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(Failure::Unavailable),
    }
}

fn incomplete() -> Failure {
    let sentence = "The body ended before it was complete. Nothing was changed";
    Failure::refused(&problem::INCOMPLETE_BODY, sentence)
}

pub(super) fn too_large(most: usize) -> Failure {
    let sentence =
        format!("The body is larger than {} KiB, which is the most that is read here", most / 1024);
    Failure::refused(&problem::TOO_LARGE, sentence)
}

/// Refuses a body of a type that is not read here.
pub(super) fn unsupported_type(sentence: &'static str) -> Failure {
    Failure::refused(&problem::UNSUPPORTED_MEDIA_TYPE, sentence)
}
