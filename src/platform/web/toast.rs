//! Short notices in the corner, said by an answer that changes a part of a page or nothing of it.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

/// Events that htmx raises on the page when the answer comes.
const TRIGGER: HeaderName = HeaderName::from_static("hx-trigger");

/// A notice in the corner.
#[derive(Debug, Clone)]
pub struct Toast {
    events: Map<String, Value>,
}

impl Toast {
    /// Says that something was done.
    #[must_use]
    pub fn done(text: &str) -> Self {
        Self::new(json!({ "text": text }))
    }

    /// Says why something was not done.
    #[must_use]
    pub fn refused(text: &str) -> Self {
        Self::new(json!({ "text": text, "kind": "err" }))
    }

    fn new(toast: Value) -> Self {
        Self { events: Map::from_iter([("toast".to_owned(), toast)]) }
    }

    /// Gives its words.
    #[must_use]
    pub fn text(&self) -> &str {
        self.events["toast"]["text"].as_str().unwrap_or_default()
    }

    /// Offers a way back: an address to post to.
    #[must_use]
    pub fn with_undo(mut self, address: Option<&str>) -> Self {
        if let (Some(toast), Some(address)) = (self.events.get_mut("toast"), address) {
            toast["undo"] = address.into();
        }
        self
    }

    /// Raises another event beside it.
    #[must_use]
    pub fn with_event(mut self, name: &str) -> Self {
        self.events.insert(name.to_owned(), true.into());
        self
    }

    /// Gives the header that says it, for an answer that also brings something.
    #[must_use]
    pub fn header(&self) -> (HeaderName, HeaderValue) {
        let words = ascii(&Value::Object(self.events.clone()).to_string());
        // JSON in ASCII has no character that a header may not have.
        (TRIGGER, HeaderValue::from_str(&words).unwrap_or(HeaderValue::from_static("{}")))
    }

    /// Answers with it and nothing else.
    #[must_use]
    pub fn alone(&self) -> HttpResponse {
        HttpResponse::NoContent().insert_header(self.header()).finish()
    }
}

/// Escapes what is not ASCII in a JSON text, because browsers read headers as Latin-1.
fn ascii(json: &str) -> String {
    let mut units = [0; 2];
    json.chars().fold(String::with_capacity(json.len()), |mut text, letter| {
        if letter.is_ascii() && letter != '\u{7f}' {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut units) {
                // writing to a text cannot fail
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_any_script_arrives_as_it_was() {
        for words in ["Köln was removed.", "東京 \u{1f600} \"quoted\"\n\u{7f}", "plain"] {
            let toast = Toast::done(words).with_undo(Some("/endpoints/1/restore")).with_event("changed");
            let (_, value) = toast.header();
            let value: Value = serde_json::from_str(value.to_str().expect("ASCII")).expect("JSON");
            assert_eq!(value["toast"], json!({ "text": words, "undo": "/endpoints/1/restore" }));
            assert_eq!(value["changed"], true);
        }
    }
}
