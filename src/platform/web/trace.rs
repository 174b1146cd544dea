//! A request id for every request, one log line when it is answered, and the id on the answer.

use std::fmt;
use std::time::Instant;

use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use uuid::Uuid;

/// Names a request in log, audit and failure pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl fmt::Display for RequestId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.simple(), out)
    }
}

/// Names the request, times it and writes its line. Neither query nor headers are logged: both may carry secrets.
pub async fn trace<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let id = RequestId(Uuid::now_v7());
    request.extensions_mut().insert(id);
    let method = request.method().clone();
    let route = request.match_pattern().unwrap_or_else(|| "(none)".to_owned());
    let started = Instant::now();
    let answered = |status: StatusCode, headers: &mut HeaderMap| {
        let (status, ms) = (status.as_u16(), started.elapsed().as_millis());
        tracing::info!(target: "mediaport::request", request_id = %id, %method, %route, status, ms, "answered");
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            headers.insert(HeaderName::from_static("x-request-id"), value);
        }
    };
    match next.call(request).await {
        Ok(mut response) => {
            answered(response.status(), response.headers_mut());
            Ok(response)
        }
        // A layer broke and its answer travels inside the error.
        Err(error) => {
            let mut response = error.error_response();
            answered(response.status(), response.headers_mut());
            Err(InternalError::from_response(error, response).into())
        }
    }
}
