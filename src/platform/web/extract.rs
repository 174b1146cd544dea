//! Reading what was sent: path segments, queries, forms and JSON objects, with our own failures.

use std::fmt::{self, Display, Formatter};
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::de::DeserializeOwned;

use super::failure::Failure;
use crate::platform::form::{FieldErrors, FormFields};

/// A submitted form.
pub struct Form(pub FormFields);

impl FromRequest for Form {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Bytes::from_request(request, payload);
        async move {
            let body = body.await?;
            let pairs = url::form_urlencoded::parse(&body)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            Ok(Self(FormFields::new(pairs)))
        }
        .boxed_local()
    }
}

/// A JSON object, read as the fields of a form are.
pub struct JsonObject(pub serde_json::Map<String, serde_json::Value>);

impl JsonObject {
    /// Gives the members as the fields of a form. Others than the known ones are refused: what is misspelt must not be
    /// lost in silence.
    pub fn fields(&self, known: &[&str]) -> Result<FormFields, Failure> {
        self.only(known).and_then(|()| FormFields::from_json(&self.0)).map_err(Failure::Invalid)
    }

    /// Refuses members that are not known.
    pub fn only(&self, known: &[&str]) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::default();
        for name in self.0.keys().filter(|name| !known.contains(&name.as_str())) {
            errors.add(name, "There is no such member");
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

impl Display for JsonObject {
    /// Writes it in one way, whatever the order and the spaces in which it came.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        serde_json::to_string(&self.0).map_err(|_| fmt::Error)?.fmt(formatter)
    }
}

impl FromRequest for JsonObject {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Bytes::from_request(request, payload);
        async move {
            let body = body.await?;
            // serde_json stops at 128 levels; ours have two.
            serde_json::from_slice(&body)
                .map(Self)
                .map_err(|error| Failure::malformed(format!("The body is not a JSON object: {error}")).into())
        }
        .boxed_local()
    }
}

/// More parameters than any address of ours has; a query with more is refused before it is decoded.
const MOST_PARAMETERS: usize = 32;

/// Decodes a query. One with very many parameters, or with one of them twice, cannot be meant.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, Failure> {
    if query.bytes().filter(|byte| *byte == b'&').count() >= MOST_PARAMETERS {
        return Err(Failure::malformed(format!("The query has more than {MOST_PARAMETERS} parameters")));
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(Failure::malformed("The query has a parameter twice; give each of them once"));
        }
        pairs.push((name.into_owned(), value.into_owned()));
    }
    Ok(pairs)
}

/// The query, decoded into a type of the handler's. Lists of the HTTP API have [`List`](super::pagination::List).
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = request.query_string();
        let unreadable = |error| Failure::malformed(format!("The query could not be read: {error}"));
        let parsed = pairs(query).and_then(|_| web::Query::<T>::from_query(query).map_err(unreadable));
        ready(parsed.map(|query| Self(query.into_inner())))
    }
}

/// One segment of the path; what does not parse is as absent as an unknown one.
pub struct Segment<T>(pub T);

impl<T: FromStr> FromRequest for Segment<T> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let first = request.match_info().iter().next().and_then(|(_, value)| value.parse().ok());
        ready(first.map(Self).ok_or(Failure::NotFound))
    }
}

/// Both segments of a path that has two.
pub struct Segments<A, B>(pub A, pub B);

impl<A: FromStr, B: FromStr> FromRequest for Segments<A, B> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.match_info().iter().map(|(_, value)| value);
        let first = values.next().and_then(|value| value.parse().ok());
        let second = values.next().and_then(|value| value.parse().ok());
        ready(first.zip(second).map(|(first, second)| Self(first, second)).ok_or(Failure::NotFound))
    }
}
