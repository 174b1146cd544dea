//! Why a request could not be answered, and how each kind of client is told.
//!
//! `ResponseError` never sees the request, so it cannot know whether a page, a fragment or a problem document is wanted.
//! [`Failure`] therefore only knows its status, and the middleware [`draw_failures`] draws it.

use std::borrow::Cow;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use serde_json::{Map, Value};

use super::problem::{self, Code};
use super::routes::is_for_programs;
use super::shell::{Shell, Theme};
use super::trace::RequestId;
use super::visit::{FRAGMENT, theme_of};
use crate::platform::db::DbError;
use crate::platform::form::FieldErrors;

/// Why a request could not be answered. The only `ResponseError` of the program.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Missing, or not the asker's to know about: the two look the same.
    #[error("Not found")]
    NotFound,
    /// A session or key is needed.
    #[error("Sign in to continue")]
    SignedOut,
    /// The principal is known and may not.
    #[error("You may not do that")]
    Forbidden,
    /// The request is understood and refused, for a reason that the asker can act on.
    #[error("{}", .0.detail)]
    Refused(Box<Refusal>),
    /// Some fields are wrong.
    #[error("Some fields need attention")]
    Invalid(FieldErrors),
    /// Too much of something; the same request may succeed after so many seconds.
    #[error("Too many attempts. Try again in {0} seconds")]
    TooMany(u64),
    /// The same request may succeed shortly.
    #[error("The service is busy, try again shortly")]
    Unavailable,
    /// A fault of ours; the visitor learns the request id only.
    #[error("Something went wrong on our side")]
    Bug(#[source] anyhow::Error),
}

/// What is said about a refusal.
#[derive(Debug)]
pub struct Refusal {
    code: Code,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
    retry_after: Option<u64>,
}

impl Failure {
    /// Refuses with a stable word and a sentence.
    pub fn refused(code: &Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused_with(code, detail, Map::new())
    }

    /// Refuses with more than a sentence: `members` stand beside the usual ones of the problem document.
    pub fn refused_with(
        code: &Code,
        detail: impl Into<Cow<'static, str>>,
        members: Map<String, Value>,
    ) -> Self {
        Self::Refused(Box::new(Refusal { code: *code, detail: detail.into(), members, retry_after: None }))
    }

    /// Tells with a refusal after how many seconds the same request may succeed.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.retry_after = Some(seconds);
        }
        self
    }

    /// Refuses what cannot be read at all.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(&problem::MALFORMED, detail)
    }

    /// Gives the stable word of the problem document, and with it the status.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound => problem::NOT_FOUND,
            Self::SignedOut => problem::UNAUTHORIZED,
            Self::Forbidden => problem::FORBIDDEN,
            Self::Refused(refusal) => refusal.code,
            Self::Invalid(_) => problem::INVALID,
            Self::TooMany(_) => problem::TOO_MANY_REQUESTS,
            Self::Unavailable => problem::UNAVAILABLE,
            Self::Bug(_) => problem::INTERNAL,
        }
    }

    fn seconds_to_wait(&self) -> Option<u64> {
        match self {
            Self::Unavailable => Some(2),
            Self::TooMany(seconds) => Some(*seconds),
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    fn log(&self, request_id: &str) {
        match self {
            Self::Bug(cause) => tracing::error!(request_id, error = format!("{cause:#}"), "request failed"),
            Self::Unavailable => tracing::warn!(request_id, "request refused: busy"),
            other => tracing::debug!(request_id, code = other.code().name, "request refused"),
        }
    }

    /// Gives the problem document (RFC 9457).
    fn problem(&self, request_id: &str) -> serde_json::Value {
        let mut document = serde_json::json!({
            "type": "about:blank",
            "title": self.status_code().canonical_reason().unwrap_or("Error"),
            "status": self.status_code().as_u16(),
            "code": self.code().name,
            "detail": self.to_string(),
            "request_id": request_id,
        });
        match self {
            Self::Invalid(errors) => document["errors"] = serde_json::json!(errors),
            Self::Refused(refusal) => {
                for (name, value) in &refusal.members {
                    document[name] = value.clone();
                }
            }
            _ => {}
        }
        document
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.code().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        match error {
            DbError::NotFound => Self::NotFound,
            DbError::Busy | DbError::Unknown(_) => Self::Unavailable,
            DbError::Duplicate(_) | DbError::Broken(_) => Self::Bug(error.into()),
        }
    }
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        Self::Bug(error.into())
    }
}

/// How the client wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Page,
    Fragment,
    Json,
}

impl Format {
    pub(super) fn of(request: &HttpRequest) -> Self {
        if is_for_programs(request.path()) {
            Self::Json
        } else if request.headers().contains_key(FRAGMENT) {
            Self::Fragment
        } else {
            Self::Page
        }
    }
}

#[derive(Template)]
#[template(path = "failures/page.html")]
struct FailurePage {
    shell: Shell,
    status: u16,
    message: String,
    request_id: String,
}

#[derive(Template)]
#[template(path = "failures/fragment.html")]
struct FailureFragment {
    message: String,
    request_id: String,
}

/// Draws a failed response as a page, an htmx fragment or a problem document; the outermost of the inner layers.
pub async fn draw_failures(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let asked = Asked::of(request.request());
    match next.call(request).await {
        Ok(response) => {
            let Some(drawn) = response.response().error().map(|error| asked.answer(error)) else {
                return Ok(response.map_into_boxed_body());
            };
            Ok(response.into_response(drawn?))
        }
        // A layer broke before there was a response; the request is gone, what was asked is known.
        Err(error) => {
            let drawn = asked.answer(&error)?;
            Err(InternalError::from_response(error, drawn).into())
        }
    }
}

/// What drawing needs to know of a request; taken before the request is handed on, because it may not come back.
struct Asked {
    format: Format,
    is_write: bool,
    theme: Theme,
    sign_in: String,
    request_id: String,
}

impl Asked {
    fn of(request: &HttpRequest) -> Self {
        Self {
            format: Format::of(request),
            is_write: !request.method().is_safe(),
            theme: theme_of(request),
            sign_in: sign_in_address(request),
            request_id: request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default(),
        }
    }

    fn answer(&self, error: &actix_web::Error) -> Result<HttpResponse, Failure> {
        let known = error.as_error::<Failure>();
        let translated = if known.is_none() { Some(of_framework(error.as_response_error())) } else { None };
        match known.or(translated.as_ref()) {
            Some(failure) => {
                failure.log(&self.request_id);
                self.draw(failure)
            }
            None => Ok(error.error_response()),
        }
    }

    fn draw(&self, failure: &Failure) -> Result<HttpResponse, Failure> {
        let status = failure.status_code();
        let mut builder = HttpResponse::build(status);
        if let Some(seconds) = failure.seconds_to_wait() {
            builder.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if status == StatusCode::PAYLOAD_TOO_LARGE || status == StatusCode::INSUFFICIENT_STORAGE {
            // The body was not read, so nothing else can follow on this connection.
            builder.force_close();
        }
        Ok(match (self.format, failure) {
            (Format::Json, _) => {
                if matches!(failure, Failure::SignedOut) {
                    builder.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
                }
                builder
                    .content_type("application/problem+json")
                    .body(failure.problem(&self.request_id).to_string())
            }
            (Format::Page, Failure::SignedOut) => {
                HttpResponse::SeeOther().insert_header((header::LOCATION, self.sign_in.as_str())).finish()
            }
            // what was typed stays in the page, whose script says what to do
            (Format::Fragment, Failure::SignedOut) if self.is_write => builder.finish(),
            (Format::Fragment, Failure::SignedOut) => {
                builder.insert_header(("HX-Redirect", self.sign_in.as_str())).finish()
            }
            (Format::Fragment, _) => {
                let message = failure.to_string();
                let fragment = FailureFragment { message, request_id: self.request_id.clone() };
                builder
                    .insert_header(("HX-Retarget", "#flash"))
                    .insert_header(("HX-Reswap", "innerHTML"))
                    .content_type(mime::TEXT_HTML_UTF_8)
                    .body(fragment.render()?)
            }
            (Format::Page, _) => {
                let title = status.canonical_reason().unwrap_or("Error").to_owned();
                let page = FailurePage {
                    shell: Shell { title, theme: self.theme, ..Shell::default() },
                    status: status.as_u16(),
                    message: failure.to_string(),
                    request_id: self.request_id.clone(),
                };
                builder.content_type(mime::TEXT_HTML_UTF_8).body(page.render()?)
            }
        })
    }
}

/// Says in our terms what the framework refused by itself: unreadable paths, forms and bodies.
fn of_framework(error: &dyn ResponseError) -> Failure {
    match error.status_code() {
        StatusCode::NOT_FOUND => Failure::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => Failure::refused(&problem::TOO_LARGE, "The request is too large"),
        status if status.is_client_error() => Failure::malformed("The request could not be read"),
        // The session layer wraps what its store says, which only its debug form shows.
        _ => of_layer(&format!("{error:?}")),
    }
}

/// Tells a database that is away from a fault, by what a layer says of it.
fn of_layer(told: &str) -> Failure {
    let passing = [DbError::Busy.to_string(), DbError::Unknown(sqlx::Error::PoolClosed).to_string()];
    if passing.iter().any(|text| told.contains(text)) {
        Failure::Unavailable
    } else {
        Failure::Bug(anyhow::anyhow!("{told}"))
    }
}

/// Only the path of a page that was asked for by GET comes back after signing in, never an address from the query.
fn sign_in_address(request: &HttpRequest) -> String {
    if request.method() != actix_web::http::Method::GET || request.path() == "/" {
        return "/login".to_owned();
    }
    let next: String = url::form_urlencoded::byte_serialize(
        request.uri().path_and_query().map_or("/", |uri| uri.as_str()).as_bytes(),
    )
    .collect();
    format!("/login?next={next}")
}
