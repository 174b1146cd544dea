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
use crate::platform::form::FormFields;

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

/// The query, decoded into a type of the handler's.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Params<T> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = web::Query::<T>::from_query(request.query_string());
        ready(
            parsed
                .map(|query| Self(query.into_inner()))
                .map_err(|error| Failure::malformed(format!("The query could not be read: {error}"))),
        )
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
