//! The HTTP API as it is described: for machines as an OpenAPI document, for people as pages where calls can be tried.

mod book;
mod fields;
pub mod openapi;
pub mod pages;
mod prose;
mod samples;

use std::sync::OnceLock;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::Value;

use self::book::Book;
use super::routes;
use crate::platform::web::{Call, Failure, Reply, Site};

/// Makes the document for an installation that is reached at `server`, such as `https://media.example.com`.
#[must_use]
pub fn document(server: &str) -> Value {
    openapi::document(&routes::table(), server)
}

/// The document and what the pages say, made when they are first asked for.
#[derive(Default)]
pub struct Reference {
    document: OnceLock<String>,
    book: OnceLock<Book>,
}

impl Reference {
    fn document(&self, site: &Site) -> Result<String, Failure> {
        if let Some(text) = self.document.get() {
            return Ok(text.clone());
        }
        let made = serde_json::to_string_pretty(&document(&site.public.join("")))
            .map_err(|error| Failure::Bug(error.into()))?;
        Ok(self.document.get_or_init(|| made).clone())
    }

    fn book(&self, site: &Site) -> &Book {
        self.book.get_or_init(|| Book::new(&routes::table(), site.public.join("")))
    }
}

/// `GET /api/v1/openapi.json`. It says nothing about the installation but its address, so anybody may read it.
pub async fn show(call: Call, reference: Data<Reference>) -> Reply {
    let text = reference.document(&call.site)?;
    Ok(HttpResponse::Ok().content_type(mime::APPLICATION_JSON).body(text))
}
