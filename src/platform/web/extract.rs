//! Reading what was sent: path segments, queries, forms and JSON objects, with our own failures.

use std::fmt::{self, Display, Formatter};
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::de::DeserializeOwned;

use super::actor::{Actor, Who};
use super::failure::Failure;
use super::{body, json};
use crate::platform::form::{FieldErrors, FormFields};

/// The longest form of people: every box of some hundred use cases ticked, beside the longest credentials.
const MOST_FORM_BYTES: usize = 256 * 1024;
/// More fields than any page has; each takes more room in memory than in the body.
const MOST_FIELDS: usize = 2000;

/// How large a form may be: whoever is not signed in has little to say.
pub(super) fn most_form_bytes(who: Option<&Who>) -> usize {
    if matches!(who, Some(Who::Person(_))) { MOST_FORM_BYTES } else { body::SMALL }
}

/// A submitted form.
pub struct Form(pub FormFields);

impl FromRequest for Form {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move {
            let most = most_form_bytes(request.extensions().get::<Actor>().map(|actor| &actor.who));
            let whole = body::read(request.headers(), payload, most).await?;
            let pairs: Vec<_> = url::form_urlencoded::parse(&whole)
                .take(MOST_FIELDS + 1)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            if pairs.len() > MOST_FIELDS {
                return Err(Failure::malformed(format!("The form has more than {MOST_FIELDS} fields")));
            }
            Ok(Self(FormFields::new(pairs)))
        }
        .boxed_local()
    }
}

/// A JSON object, read as the fields of a form are; [`json`] says what is refused.
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
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move { json::read(&request, payload).await.map(Self) }.boxed_local()
    }
}

/// A call that needs no body: none, or a JSON object that means nothing.
pub struct Nothing;

impl FromRequest for Nothing {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move { json::read_nothing(&request, payload).await.map(|()| Self) }.boxed_local()
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
