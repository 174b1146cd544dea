//! The stable words by which programs tell refusals apart.

use actix_web::http::StatusCode;

/// A stable word for why a request was refused: the `code` of the problem document.
///
/// Words are part of the interface: they may be added, never renamed, and never change their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The word.
    pub name: &'static str,
    /// The status that it is answered with.
    pub status: StatusCode,
    /// What it means, as the documentation says it.
    pub means: &'static str,
}

impl Code {
    /// Declares a word. It has to stand in the list of its module too, so that the documentation has it.
    #[must_use]
    pub const fn new(status: StatusCode, name: &'static str, means: &'static str) -> Self {
        Self { name, status, means }
    }
}

/// Something could not be read at all.
pub const MALFORMED: Code =
    Code::new(StatusCode::BAD_REQUEST, "malformed", "body, query or a header could not be read");
/// A body broke off.
pub const INCOMPLETE_BODY: Code = Code::new(
    StatusCode::BAD_REQUEST,
    "incomplete_body",
    "the body ended early, or is not as long as it said; nothing was stored",
);
/// There is no principal.
pub const UNAUTHORIZED: Code = Code::new(
    StatusCode::UNAUTHORIZED,
    "unauthorized",
    "no key or token, or one that is wrong, revoked or too old",
);
/// The principal may not.
pub const FORBIDDEN: Code =
    Code::new(StatusCode::FORBIDDEN, "forbidden", "the key lacks the scope, the person lacks the role");
/// There is no such thing.
pub const NOT_FOUND: Code = Code::new(StatusCode::NOT_FOUND, "not_found", "absent, or not yours");
/// A body stopped flowing.
pub const BODY_TIMEOUT: Code = Code::new(
    StatusCode::REQUEST_TIMEOUT,
    "body_timeout",
    "the body stood still for a minute, or a document took longer; nothing was stored",
);
/// A body came where none is read.
pub const UNEXPECTED_BODY: Code = Code::new(
    StatusCode::BAD_REQUEST,
    "unexpected_body",
    "`GET` and `HEAD` take no body; the connection is closed",
);
/// An address is longer than any call needs.
pub const URI_TOO_LONG: Code =
    Code::new(StatusCode::URI_TOO_LONG, "uri_too_long", "path and query together are longer than 20 KiB");
/// A request with the same key is being worked on.
pub const IDEMPOTENCY_KEY_IN_USE: Code = Code::new(
    StatusCode::CONFLICT,
    "idempotency_key_in_use",
    "a request with this `Idempotency-Key` is still running; `Retry-After` says when to come again",
);
/// A key came with another request before.
pub const IDEMPOTENCY_KEY_REUSED: Code = Code::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "idempotency_key_reused",
    "this `Idempotency-Key` came with another request before",
);
/// A body is larger than allowed.
pub const TOO_LARGE: Code =
    Code::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "larger than allowed; the connection is closed");
/// A body is of a type that is not taken here.
pub const UNSUPPORTED_MEDIA_TYPE: Code = Code::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "unsupported_media_type",
    "the body is of a type that this call does not take",
);
/// A body is compressed.
pub const UNSUPPORTED_ENCODING: Code = Code::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "unsupported_encoding",
    "the body is compressed; send it as it is",
);
/// A name that is not ours.
pub const MISDIRECTED: Code = Code::new(
    StatusCode::MISDIRECTED_REQUEST,
    "misdirected",
    "`Host` is not a name of this installation; ask at its public address",
);
/// Fields are wrong.
pub const INVALID: Code =
    Code::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "fields are wrong, see `errors`");
/// Too much of something.
pub const TOO_MANY_REQUESTS: Code = Code::new(
    StatusCode::TOO_MANY_REQUESTS,
    "too_many_requests",
    "too often; `Retry-After` says how long to wait",
);
/// A fault of ours.
pub const INTERNAL: Code =
    Code::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "our fault; the log has it under `request_id`");
/// Busy, or the database is away.
pub const UNAVAILABLE: Code = Code::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "unavailable",
    "busy, or the database is away; `Retry-After` says when to come again",
);

/// The words of the web itself.
pub const CODES: &[Code] = &[
    MALFORMED,
    INCOMPLETE_BODY,
    UNEXPECTED_BODY,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    BODY_TIMEOUT,
    IDEMPOTENCY_KEY_IN_USE,
    IDEMPOTENCY_KEY_REUSED,
    TOO_LARGE,
    URI_TOO_LONG,
    UNSUPPORTED_MEDIA_TYPE,
    UNSUPPORTED_ENCODING,
    MISDIRECTED,
    INVALID,
    TOO_MANY_REQUESTS,
    INTERNAL,
    UNAVAILABLE,
];
