//! The bytes of a media as an HTTP answer: conditions, ranges and the headers that keep user bytes harmless.

use std::ops::Range;

use actix_web::body::SizedStream;
use actix_web::http::header::{self, EntityTag, Header, IfMatch, IfNoneMatch, IfRange};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::{Stream, stream};

use super::model::Media;
use super::range::{self, Wanted};
use crate::formats::names::{Disposition, content_disposition};
use crate::formats::sniff;
use crate::platform::web::Failure;

/// Uses of a response that run or embed it, which user bytes must never be. Browsers name them; others send nothing.
const REFUSED_USES: &[&str] = &[
    "script",
    "style",
    "worker",
    "sharedworker",
    "serviceworker",
    "audioworklet",
    "paintworklet",
    "xslt",
    "embed",
    "object",
];

/// What a request for bytes comes down to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// Bytes leave: all of them, or a part.
    Send(Option<Range<u64>>),
    /// The headers of all bytes leave.
    Head,
    /// The client has these bytes already.
    NotModified,
    /// The client wanted other bytes than these.
    Mismatch,
    /// The client wanted a part that is not there.
    OutOfRange,
}

/// Judges method, conditions and range, in the order of RFC 9110, section 13.2.2.
pub(super) fn plan(request: &HttpRequest, media: &Media) -> Plan {
    let tag = tag(media);
    let has = |name| request.headers().contains_key(name);
    if has(header::IF_MATCH) && !matches(IfMatch::parse(request).ok(), &tag) {
        return Plan::Mismatch;
    }
    if has(header::IF_NONE_MATCH) && none_match_fails(IfNoneMatch::parse(request).ok(), &tag) {
        return Plan::NotModified;
    }
    if request.method() == Method::HEAD {
        return Plan::Head;
    }
    let is_current = !has(header::IF_RANGE) || is_same(IfRange::parse(request).ok(), &tag);
    let ranges = request.headers().get(header::RANGE).filter(|_| is_current);
    match range::wanted(ranges.and_then(|value| value.to_str().ok()), media.bytes()) {
        Wanted::Whole => Plan::Send(None),
        Wanted::Part(part) => Plan::Send(Some(part)),
        Wanted::Nothing => Plan::OutOfRange,
    }
}

/// Bytes never change under an identifier, so the hash of what was accepted names them.
fn tag(media: &Media) -> EntityTag {
    EntityTag::new_strong(media.sha256.clone())
}

fn matches(condition: Option<IfMatch>, tag: &EntityTag) -> bool {
    match condition {
        Some(IfMatch::Any) => true,
        Some(IfMatch::Items(items)) => items.iter().any(|item| item.strong_eq(tag)),
        None => false,
    }
}

fn none_match_fails(condition: Option<IfNoneMatch>, tag: &EntityTag) -> bool {
    match condition {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(items)) => items.iter().any(|item| item.weak_eq(tag)),
        None => false,
    }
}

/// We give out no dates, so a date never matches.
fn is_same(condition: Option<IfRange>, tag: &EntityTag) -> bool {
    matches!(condition, Some(IfRange::EntityTag(item)) if item.strong_eq(tag))
}

/// Refuses a browser that would run or embed the bytes.
pub(super) fn refuse_use(request: &HttpRequest) -> Result<(), Failure> {
    let purpose = request.headers().get("sec-fetch-dest").and_then(|value| value.to_str().ok());
    if purpose.is_some_and(|purpose| REFUSED_USES.contains(&purpose)) {
        Err(Failure::Forbidden)
    } else {
        Ok(())
    }
}

/// How the bytes may be shown.
pub(super) struct Dress {
    media: Media,
    attach: bool,
    portal: String,
}

impl Dress {
    /// `attach` forces a download; `portal` is the origin that may frame what is shown in place.
    pub(super) fn new(media: Media, attach: bool, portal: String) -> Self {
        Self { media, attach, portal }
    }

    /// Answers without bytes.
    pub(super) fn empty(&self, plan: &Plan) -> HttpResponse {
        let size = self.media.bytes();
        match plan {
            Plan::NotModified => self.start(StatusCode::NOT_MODIFIED).finish(),
            Plan::Mismatch => self.start(StatusCode::PRECONDITION_FAILED).finish(),
            Plan::OutOfRange => self
                .start(StatusCode::RANGE_NOT_SATISFIABLE)
                .insert_header((header::CONTENT_RANGE, format!("bytes */{size}")))
                .finish(),
            // The length is that of the bytes which a GET would send.
            Plan::Head | Plan::Send(_) => {
                let nothing = stream::empty::<std::io::Result<Bytes>>();
                self.represent(StatusCode::OK).body(SizedStream::new(size, nothing))
            }
        }
    }

    /// Answers with bytes; `part` says which of them `bytes` gives.
    pub(super) fn with_bytes(
        &self,
        part: Option<Range<u64>>,
        bytes: impl Stream<Item = std::io::Result<Bytes>> + 'static,
    ) -> HttpResponse {
        let size = self.media.bytes();
        let Some(part) = part else {
            return self.represent(StatusCode::OK).body(SizedStream::new(size, bytes));
        };
        self.represent(StatusCode::PARTIAL_CONTENT)
            .insert_header((header::CONTENT_RANGE, format!("bytes {}-{}/{size}", part.start, part.end - 1)))
            .body(SizedStream::new(part.end - part.start, bytes))
    }

    /// Headers of every answer about the bytes.
    fn start(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut builder = HttpResponse::build(status);
        builder
            .insert_header(header::ETag(tag(&self.media)))
            .insert_header((header::ACCEPT_RANGES, "bytes"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .insert_header(("Cross-Origin-Opener-Policy", "same-origin"));
        builder
    }

    /// Headers of answers that carry the bytes, or would.
    fn represent(&self, status: StatusCode) -> HttpResponseBuilder {
        let served = sniff::served(&self.media.mime_type, None);
        let policy = match served.disposition {
            Disposition::Inline => format!(
                "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox; \
                 frame-ancestors {}",
                self.portal
            ),
            Disposition::Attachment => "default-src 'none'; sandbox; frame-ancestors 'none'".to_owned(),
        };
        let disposition = if self.attach { Disposition::Attachment } else { served.disposition };
        let mut builder = self.start(status);
        builder
            .content_type(served.content_type)
            .insert_header((
                header::CONTENT_DISPOSITION,
                content_disposition(disposition, &self.media.file_name),
            ))
            .insert_header((header::CONTENT_SECURITY_POLICY, policy))
            // Keeps compression away: a range is one of the stored bytes.
            .insert_header((header::CONTENT_ENCODING, "identity"));
        builder
    }
}
