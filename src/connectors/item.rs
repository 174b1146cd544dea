//! What is delivered, where it went, and what proves that it arrived.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{About, DeliveryError, Notes};
use crate::text_enum;

/// One file on its way to one endpoint.
#[derive(Clone)]
pub struct Item {
    /// The delivery, the same for every attempt; names temporary files.
    pub delivery: Uuid,
    /// Where it goes below the endpoint's own directory or prefix: relative, `/` between parts, safe everywhere.
    pub path: String,
    /// The type to declare where the destination keeps one.
    pub mime_type: String,
    /// Exactly how many bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// The bytes.
    pub source: Arc<dyn Source>,
    /// What [`super::Connector::reserve`] asked to have stored for this delivery, at this attempt or an earlier one.
    pub reservation: Option<serde_json::Value>,
    /// What it is to people, for destinations that write to them.
    pub about: About,
    /// What an earlier attempt left for this one.
    pub notes: Notes,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Item")
            .field("delivery", &self.delivery)
            .field("path", &self.path)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Bytes that can be read again and again: for hashing, in pieces, for another attempt.
pub trait Source: Send + Sync {
    /// Streams these bytes; opens whatever lies behind only when the stream is polled.
    fn read(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>>;
}

/// Bytes in memory, for probes and tests.
impl Source for Bytes {
    fn read(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
        let (from, to) = (bound(range.start), bound(range.end));
        stream::iter([Ok(self.slice(from.min(to)..to))]).boxed()
    }
}

impl Item {
    /// Makes the small file that the endpoint test writes: like any delivery, but with a name that explains itself.
    #[must_use]
    pub fn probe() -> Self {
        let delivery = Uuid::now_v7();
        let bytes = Bytes::from(format!("Mediaport endpoint test {delivery}. This file may be deleted.\n"));
        Self {
            delivery,
            path: format!("mediaport-test-{delivery}.txt"),
            mime_type: "text/plain".to_owned(),
            size: bytes.len() as u64,
            sha256: hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes)),
            source: Arc::new(bytes),
            reservation: None,
            about: About::sample(),
            notes: Notes::default(),
        }
    }

    /// Streams all bytes.
    #[must_use]
    pub fn read(&self) -> BoxStream<'static, io::Result<Bytes>> {
        self.source.read(0..self.size)
    }
}

/// What [`super::Connector::put`] leaves behind: stored with the delivery, needed to verify it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where the file is, in the destination's own terms: `{"bucket": …, "key": …}`, `{"path": …}`. Shown and sent out.
    pub location: serde_json::Value,
    /// What the connector alone understands, for verification.
    #[serde(default)]
    pub proof: serde_json::Value,
}

/// Says where a file lies, in one line: `s3://claims/a/b.jpg`, or a path.
#[must_use]
pub fn place(location: &serde_json::Value) -> String {
    let part = |name| location.get(name).and_then(serde_json::Value::as_str);
    if let Some(people) = part("to") {
        return format!("mailto:{people}");
    }
    match (part("bucket"), part("key"), part("host"), part("path").or(part("url"))) {
        (Some(bucket), Some(key), _, _) => format!("s3://{bucket}/{key}"),
        (_, _, Some(host), Some(path)) => format!("sftp://{host}/{}", path.trim_start_matches('/')),
        (_, _, _, Some(path)) => path.to_owned(),
        _ if location.is_null() => String::new(),
        _ => location.to_string(),
    }
}

text_enum! {
    /// What a verification rests on, strongest first.
    VerifiedBy {
        /// The stored bytes were read back and hashed here.
        ReadBack = "read_back",
        /// The destination's SHA-256 of what it stored.
        Sha256 = "sha256",
        /// The destination's MD5 of what it stored, or of its pieces.
        Md5 = "md5",
        /// The destination's length of what it stored; every byte was acknowledged on a connection that protects them.
        Length = "length",
        /// The destination acknowledged a checksum that was sent along, and lets nobody look.
        Acknowledged = "acknowledged",
    }
}

/// Reads a whole item once and hands every piece to `each`; fails when length or SHA-256 are not what they should be.
///
/// Connectors that need other checksums before sending compute them in this pass.
pub(super) async fn inspect(item: &Item, mut each: impl FnMut(&Bytes)) -> Result<(), DeliveryError> {
    let mut sha256 = <sha2::Sha256 as sha2::Digest>::new();
    let mut length = 0;
    let mut pieces = item.read();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|cause| {
            tracing::debug!(%cause, "reading an item failed");
            DeliveryError::unreadable()
        })?;
        sha2::Digest::update(&mut sha256, &piece);
        length += piece.len() as u64;
        each(&piece);
    }
    let intact = length == item.size && hex::encode(sha2::Digest::finalize(sha256)) == item.sha256;
    if intact { Ok(()) } else { Err(DeliveryError::damaged()) }
}

/// What most file systems allow for one name, in bytes.
const NAME_MAX: usize = 255;

/// Tells whether a path stays below where it starts: relative, no empty, `.` or `..` names, no name too long.
pub(super) fn is_relative(path: &str) -> bool {
    let fits = |name: &str| !matches!(name, "" | "." | "..") && name.len() <= NAME_MAX;
    path.split('/').all(fits) && !path.contains(['\\', '\0'])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_fits_one_line() {
        assert_eq!(place(&json!({"bucket": "claims", "key": "a/b.jpg"})), "s3://claims/a/b.jpg");
        assert_eq!(place(&json!({"path": "claims/b.jpg"})), "claims/b.jpg");
        assert_eq!(place(&json!({"url": "https://hub.example.com/in"})), "https://hub.example.com/in");
        let file = "https://drive.google.com/file/d/1a/view";
        assert_eq!(place(&json!({"file_id": "1a", "drive_id": "0A", "url": file})), file);
        for path in ["in/b.jpg", "/in/b.jpg"] {
            let location = json!({"host": "sftp.example.com", "port": 22, "path": path});
            assert_eq!(place(&location), "sftp://sftp.example.com/in/b.jpg");
        }
        assert_eq!(
            place(&json!({"to": "a@example.com,b@example.com"})),
            "mailto:a@example.com,b@example.com"
        );
        assert_eq!(place(&json!({"folder": 7})), r#"{"folder":7}"#);
        assert_eq!(place(&serde_json::Value::Null), "");
    }

    #[test]
    fn only_paths_that_stay_inside_are_relative() {
        for good in ["a", "exports/crm", "Übersicht 2026/ü", ".hidden"] {
            assert!(is_relative(good), "{good}");
        }
        for bad in ["", "/etc", "a//b", "..", "a/../b", "./a", "a/.", "a\\b", "a/"] {
            assert!(!is_relative(bad), "{bad}");
        }
    }
}
