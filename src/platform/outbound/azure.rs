//! Our way out as the HTTP client of the Azure SDK, which has none of its own here: give an [`Outbound`] to
//! `azure_core::http::Transport::new`.
//!
//! An error's source is the [`OutboundError`]. Bodies are bytes in memory; the SDK's own streams are not used.

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind, Result};
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, StatusCode};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::BodyExt;

use super::{Outbound, OutboundError};

#[async_trait]
impl HttpClient for Outbound {
    async fn execute_request(&self, request: &Request) -> Result<AsyncRawResponse> {
        let answer = self.send(ours(request)?).await.map_err(failure)?;
        let (head, body) = answer.into_parts();
        let mut headers = Headers::new();
        for (name, value) in &head.headers {
            // what is no text is nothing that the SDK could read
            let Ok(value) = value.to_str() else { continue };
            headers.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
        }
        let pieces = body.into_data_stream().map(|piece| piece.map_err(|error| broken(error.into())));
        Ok(AsyncRawResponse::new(StatusCode::from(head.status.as_u16()), headers, pieces.boxed()))
    }
}

fn ours(request: &Request) -> Result<http::Request<reqwest::Body>> {
    let Body::Bytes(body) = request.body() else {
        return Err(Error::with_message(ErrorKind::Other, "bodies are bytes here"));
    };
    let unsendable = |error: http::Error| Error::new(ErrorKind::Other, error);
    let mut ours = http::Request::builder().method(request.method().as_ref()).uri(request.url().as_str());
    for (name, value) in request.headers().iter() {
        ours = ours.header(name.as_str(), value.as_str());
    }
    ours.body(reqwest::Body::from(Bytes::clone(body))).map_err(unsendable)
}

/// Keeps the cause, which says in whose words people are told.
fn failure(error: OutboundError) -> Error {
    Error::new(ErrorKind::Io, error)
}

fn broken(error: super::BoxError) -> Error {
    failure(OutboundError::Other(error))
}
