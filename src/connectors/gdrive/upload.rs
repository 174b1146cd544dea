//! The resumable protocol: a session is opened, and pieces go to its address until the service has all of them.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE,
};
use http::{Method, Request};
use serde_json::json;
use url::Url;

use super::super::{DeliveryError, Item};
use super::api::{self, Drive, FILE, File, Unsent};
use super::fault::{Fault, Trouble};
use super::folders::Parent;
use super::settings::is_id;
use crate::platform::outbound::OutboundError;

/// What goes out in one request. The protocol asks for a multiple of 256 KiB; this many are few requests, and little to
/// send again when one is lost.
const PIECE: u64 = 16 * 1024 * 1024;
/// How often the service is asked where it stands before the queue has to try again.
const PATIENCE: u32 = 3;
/// The first wait before it is asked; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Whoever asks for more time than this gets it from the queue.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Types that would make a document of a file.
const DOCUMENTS: &str = "application/vnd.google-apps";
const PLAIN: &str = "application/octet-stream";

const CONTENT_TYPE_OF_FILE: HeaderName = HeaderName::from_static("x-upload-content-type");
const LENGTH_OF_FILE: HeaderName = HeaderName::from_static("x-upload-content-length");

/// Stores an item, and gives what the service says it has.
pub(super) async fn run(
    drive: &Drive<'_>,
    item: &Item,
    parent: &Parent,
    name: &str,
    id: Option<&str>,
) -> Result<File, Trouble> {
    let address = open(drive, item, parent, name, id).await?;
    let session = Session { drive, item, address };
    let stored = session.send().await;
    if stored.is_err() {
        session.abort().await;
    }
    stored
}

/// Opens a session and gives its address. Whatever the service refuses about the file, it refuses here.
async fn open(
    drive: &Drive<'_>,
    item: &Item,
    parent: &Parent,
    name: &str,
    id: Option<&str>,
) -> Result<Url, Trouble> {
    let query = [("uploadType", "resumable"), ("supportsAllDrives", "true"), ("fields", FILE)];
    let url = drive.url("/upload/drive/v3/files", &query)?;
    let mime_type =
        HeaderValue::from_str(&item.mime_type).ok().filter(|_| !item.mime_type.starts_with(DOCUMENTS));
    let mime_type = mime_type.unwrap_or(HeaderValue::from_static(PLAIN));
    let mut file =
        json!({"name": name, "parents": [parent.id], "mimeType": mime_type.to_str().unwrap_or(PLAIN)});
    if let Some(id) = id {
        file["id"] = json!(id);
    }
    let request = Request::post(url.as_str())
        .header(CONTENT_TYPE, "application/json; charset=UTF-8")
        .header(CONTENT_TYPE_OF_FILE, mime_type)
        .header(LENGTH_OF_FILE, item.size)
        .body(reqwest::Body::from(file.to_string()))
        .map_err(|_| api::unreadable())?;
    let answer = drive.send(request).await.map_err(Unsent::delivery)?;
    let (head, body) = answer.into_parts();
    let said = api::read(body).await?;
    if !head.status.is_success() {
        return Err(Trouble::Answer(Fault::of(&head, &said)));
    }
    let address = head.headers.get(LOCATION).and_then(|address| address.to_str().ok()?.parse::<Url>().ok());
    // the file goes nowhere but to the service that was asked
    let same = address.filter(|address| address.origin() == url.origin());
    same.ok_or_else(|| {
        Trouble::Delivery(DeliveryError::endpoint(
            "Google's answer points to another server for the upload, which nobody tested. Have the operator check \
             google.api_url",
        ))
    })
}

struct Session<'a> {
    drive: &'a Drive<'a>,
    item: &'a Item,
    address: Url,
}

/// Where the service stands.
enum Standing {
    Stored(Box<File>),
    /// It has so many bytes.
    Kept(u64),
    /// It gave no answer, or said that it could not; it may have more than we know.
    Unknown {
        cause: DeliveryError,
        wait: Option<Duration>,
    },
}

impl Session<'_> {
    async fn send(&self) -> Result<File, Trouble> {
        let (mut at, mut tried) = (0, 0);
        let mut standing = self.piece(at).await?;
        loop {
            standing = match standing {
                Standing::Stored(file) => return Ok(*file),
                Standing::Kept(kept) if kept > at => {
                    (at, tried) = (kept, 0);
                    self.piece(at).await?
                }
                // it takes nothing, or has lost some; once more from there, but not for ever
                Standing::Kept(kept) => {
                    tried += 1;
                    if tried > PATIENCE {
                        return Err(stuck().into());
                    }
                    at = kept;
                    self.piece(at).await?
                }
                Standing::Unknown { cause, wait } => {
                    tried += 1;
                    let pause = wait.unwrap_or(FIRST_WAIT * 2_u32.pow(tried - 1));
                    if tried > PATIENCE || pause > LONGEST_WAIT {
                        return Err(cause.into());
                    }
                    tokio::time::sleep(pause).await;
                    self.ask().await?
                }
            }
        }
    }

    /// Sends the next piece.
    async fn piece(&self, at: u64) -> Result<Standing, Trouble> {
        let end = self.item.size.min(at.saturating_add(PIECE));
        let is_broken = Arc::new(AtomicBool::new(false));
        let (range, body) = if at == end {
            // an empty file is one empty piece; of any other, this asks for the end that is due
            ((self.item.size > 0).then(|| format!("bytes */{}", self.item.size)), reqwest::Body::default())
        } else {
            let bytes = exactly(self.item, at..end, is_broken.clone());
            (Some(format!("bytes {at}-{}/{}", end - 1, self.item.size)), reqwest::Body::wrap_stream(bytes))
        };
        let standing = self.request(range, end - at, body).await;
        // a request that we broke off says nothing about the service
        if is_broken.load(Ordering::Relaxed) { Err(DeliveryError::unreadable().into()) } else { standing }
    }

    /// Asks how much the service has.
    async fn ask(&self) -> Result<Standing, Trouble> {
        self.request(Some(format!("bytes */{}", self.item.size)), 0, reqwest::Body::default()).await
    }

    async fn request(
        &self,
        range: Option<String>,
        length: u64,
        body: reqwest::Body,
    ) -> Result<Standing, Trouble> {
        let mut request = Request::put(self.address.as_str()).header(CONTENT_LENGTH, length);
        if let Some(range) = range {
            request = request.header(CONTENT_RANGE, range);
        }
        let request = request.body(body).map_err(|_| api::unreadable())?;
        let answer = match self.drive.send(request).await {
            Ok(answer) => answer,
            Err(Unsent::Outbound(cause @ (OutboundError::Refused(_) | OutboundError::Tls(_)))) => {
                return Err(DeliveryError::unreached(&cause).into());
            }
            Err(Unsent::Outbound(cause)) => {
                return Ok(Standing::Unknown { cause: DeliveryError::unreached(&cause), wait: None });
            }
            Err(Unsent::Delivery(error)) => return Err(error.into()),
        };
        let (head, body) = answer.into_parts();
        let said = match api::read(body).await {
            Ok(said) => said,
            Err(cause) => return Ok(Standing::Unknown { cause, wait: None }),
        };
        match head.status.as_u16() {
            200 | 201 => stored(&said),
            308 => Ok(Standing::Kept(kept(&head.headers, self.item.size)?)),
            // the session has gone; what it had has gone with it, or is the file
            404 | 410 => Err(DeliveryError::transient(
                "Google Drive has forgotten the upload in the middle; it is tried again",
            )
            .into()),
            _ => {
                let fault = Fault::of(&head, &said);
                if !fault.may_pass() {
                    return Err(Trouble::Answer(fault));
                }
                let wait = fault.retry_after;
                let cause = Trouble::Answer(fault).delivery(self.drive, super::put::ADD);
                Ok(Standing::Unknown { cause, wait })
            }
        }
    }

    /// Gives the session up, so that nothing half waits at the service. It would end by itself within a week.
    async fn abort(&self) {
        let request = Request::builder().method(Method::DELETE).uri(self.address.as_str());
        let Ok(request) = request.header(CONTENT_LENGTH, 0).body(reqwest::Body::default()) else { return };
        match self.drive.send(request).await {
            Ok(answer) => tracing::debug!(status = answer.status().as_u16(), "an upload was given up"),
            Err(unsent) => tracing::debug!(error = %unsent.delivery(), "an upload could not be given up"),
        }
    }
}

fn stored(said: &[u8]) -> Result<Standing, Trouble> {
    let file: File = serde_json::from_slice(said).map_err(|_| api::unreadable())?;
    if !is_id(&file.id) {
        return Err(api::unreadable().into());
    }
    Ok(Standing::Stored(Box::new(file)))
}

/// Reads `bytes=0-N`; without it nothing was kept.
fn kept(headers: &HeaderMap, size: u64) -> Result<u64, DeliveryError> {
    let Some(range) = headers.get(RANGE) else { return Ok(0) };
    let last = range.to_str().ok().and_then(|range| range.strip_prefix("bytes=0-")?.parse::<u64>().ok());
    let kept = last.and_then(|last| last.checked_add(1)).filter(|kept| *kept <= size);
    kept.ok_or_else(api::unreadable)
}

fn stuck() -> DeliveryError {
    DeliveryError::transient("Google Drive takes the bytes and keeps none of them; it is tried again")
}

/// Streams exactly this range, or ends with an error and leaves a mark: a source that gives less or more is broken.
fn exactly(
    item: &Item,
    range: Range<u64>,
    is_broken: Arc<AtomicBool>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    struct Reading {
        pieces: BoxStream<'static, io::Result<Bytes>>,
        left: u64,
        is_broken: Arc<AtomicBool>,
    }
    let left = range.end - range.start;
    let reading = Reading { pieces: item.source.read(range), left, is_broken };
    stream::unfold(Some(reading), async |reading| {
        let mut reading = reading?;
        let piece = match reading.pieces.next().await {
            Some(Ok(piece)) if piece.len() as u64 <= reading.left => piece,
            None if reading.left == 0 => return None,
            other => {
                let cause = other.and_then(Result::err);
                tracing::debug!(?cause, "reading an item failed");
                reading.is_broken.store(true, Ordering::Relaxed);
                return Some((Err(io::Error::other("the file here is not what it should be")), None));
            }
        };
        reading.left -= piece.len() as u64;
        Some((Ok(piece), Some(reading)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_within_the_file() {
        let said = |range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_str(range).unwrap());
            kept(&headers, 100)
        };
        assert_eq!(kept(&HeaderMap::new(), 100), Ok(0));
        assert_eq!(said("bytes=0-0"), Ok(1));
        assert_eq!(said("bytes=0-99"), Ok(100));
        for range in ["bytes=0-100", "bytes=1-9", "bytes=0-18446744073709551615", "0-9", "bytes=0-"] {
            assert!(said(range).is_err(), "{range}");
        }
    }

    #[tokio::test]
    async fn a_source_that_gives_less_is_broken() {
        let item = Item { size: 500, source: Arc::new(Bytes::from_static(b"abc")), ..Item::probe() };
        for (range, good) in [(0..3, true), (1..2, true), (0..4, false)] {
            let mark = Arc::new(AtomicBool::new(false));
            let pieces: Vec<_> = exactly(&item, range.clone(), mark.clone()).collect().await;
            assert_eq!(
                (pieces.iter().all(Result::is_ok), !mark.load(Ordering::Relaxed)),
                (good, good),
                "{range:?}"
            );
        }
    }
}
