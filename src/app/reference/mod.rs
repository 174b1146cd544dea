//! The HTTP API as it is described: for machines as an OpenAPI document, for people as pages where calls can be tried.

pub mod openapi;

use std::sync::OnceLock;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::Value;

use super::routes;
use crate::platform::web::{Call, Failure, Reply};

/// Makes the document for an installation that is reached at `server`, such as `https://media.example.com`.
#[must_use]
pub fn document(server: &str) -> Value {
    openapi::document(&routes::table(), server)
}

/// The document as text, made when it is first asked for.
#[derive(Default)]
pub struct Reference(OnceLock<String>);

/// `GET /api/v1/openapi.json`. It says nothing about the installation but its address, so anybody may read it.
pub async fn show(call: Call, reference: Data<Reference>) -> Reply {
    let text = match reference.0.get() {
        Some(text) => text.clone(),
        None => {
            let made = serde_json::to_string_pretty(&document(&call.site.public.join("")))
                .map_err(|error| Failure::Bug(error.into()))?;
            reference.0.get_or_init(|| made).clone()
        }
    };
    Ok(HttpResponse::Ok().content_type(mime::APPLICATION_JSON).body(text))
}
