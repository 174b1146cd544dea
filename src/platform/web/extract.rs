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
use crate::platform::form::FormFields;

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
