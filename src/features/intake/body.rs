//! Reading bytes from a client into the store: counted, hashed, limited, and never waiting for ever.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::features::Services;
use crate::platform::blobs::{BlobError, Incoming, Watermark};
use crate::platform::web::Failure;

/// A client that sends nothing for so long has gone.
const SILENCE: Duration = Duration::from_mins(1);

/// Refuses before the body is read: what is too large, what is packed, what there is no room for.
pub(super) async fn admit(request: &HttpRequest, services: &Services) -> Result<Option<u64>, Failure> {
    let length = declared_length(request)?;
    if length.is_some_and(|length| length > services.max_upload) {
        return Err(too_large(services.max_upload));
    }
    let packed = request.headers().get(header::CONTENT_ENCODING).is_some_and(|value| value != "identity");
    if packed {
        let detail = "Send the file as it is, without Content-Encoding";
        return Err(Failure::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", detail));
    }
    if !services.blobs.healthy() {
        return Err(Failure::Unavailable);
    }
    let watermark = Watermark { stop_percent: services.keep_free_percent, ..Watermark::default() };
    match services.blobs.has_room_for(length.unwrap_or(0), watermark).await {
        Ok(true) => Ok(length),
        Ok(false) => Err(no_room()),
        Err(error) => Err(store_failure(error)),
    }
}

fn declared_length(request: &HttpRequest) -> Result<Option<u64>, Failure> {
    let Some(value) = request.headers().get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| Failure::malformed("Content-Length is no number"))
}

/// Writes a stream of pieces into a new blob.
pub(super) async fn receive<S, E>(pieces: &mut S, services: &Services) -> Result<Incoming, Failure>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    let mut incoming = services.blobs.receive().await.map_err(store_failure)?;
    while let Some(piece) = next(pieces).await? {
        if incoming.size() + piece.len() as u64 > services.max_upload {
            return Err(too_large(services.max_upload));
        }
        incoming.write(piece).await.map_err(store_failure)?;
    }
    Ok(incoming)
}

/// Gives the next piece of a body. An early end is an error of the stream, never a shorter file.
pub(super) async fn next<S, T, E>(pieces: &mut S) -> Result<Option<T>, Failure>
where
    S: Stream<Item = Result<T, E>> + Unpin,
    E: std::fmt::Display,
{
    match tokio::time::timeout(SILENCE, pieces.next()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(Some(Err(error))) => Err(Failure::refused(
            StatusCode::BAD_REQUEST,
            "incomplete_body",
            format!("The body ended early or is malformed ({error}). Nothing was stored"),
        )),
        Err(_) => Err(Failure::refused(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "No byte of the body arrived for a minute. Nothing was stored",
        )),
    }
}

/// Checks that a raw body was as long as it said.
pub(super) fn check_length(declared: Option<u64>, received: u64) -> Result<(), Failure> {
    if declared.is_some_and(|declared| declared != received) {
        let detail = "The body is not as long as Content-Length says. Nothing was stored";
        return Err(Failure::refused(StatusCode::BAD_REQUEST, "incomplete_body", detail));
    }
    Ok(())
}

fn too_large(most: u64) -> Failure {
    let detail = format!("A file may have at most {most} bytes here");
    Failure::refused(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

fn no_room() -> Failure {
    let detail =
        "There is no room for this file on the media disk. Nothing was stored; the operator has to make room";
    Failure::refused(StatusCode::INSUFFICIENT_STORAGE, "no_room", detail)
}

/// Says to a client what the media store said to us.
pub(super) fn store_failure(error: BlobError) -> Failure {
    match error {
        BlobError::Full(_) => no_room(),
        other => {
            tracing::error!(error = %other, "the media store failed");
            Failure::Unavailable
        }
    }
}

/// The body of a request, for readers that go piece by piece.
pub(super) type Body = web::Payload;
