//! Answers that arrive piece by piece: a page sends a form and sees each step as it ends.

use actix_web::HttpResponse;
use actix_web::http::header;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

/// Answers with a stream of events. Each item is one message of HTML; when the browser leaves, the stream is dropped
/// and with it whatever work it drives.
pub fn event_stream(messages: impl Stream<Item = Message> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream; charset=utf-8")
        // Compression would hold messages back.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(messages.map(|message| Ok::<_, actix_web::Error>(message.encode())))
}

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// HTML that htmx puts where its `<hx-partial>` elements say.
    Html(String),
    /// HTML as above, and the place in the stream where a browser that lost it goes on.
    Marked {
        /// Comes back as `Last-Event-ID`.
        id: String,
        /// The HTML.
        html: String,
    },
    /// A named event with data for the page's script.
    Named(&'static str, String),
    /// Nothing to see: it keeps the connection open, and finds out whether anybody is there.
    Heartbeat,
}

impl Message {
    /// Encodes as the event-stream format wants it: a line break inside data starts a new `data:` line.
    fn encode(&self) -> Bytes {
        let (mut text, data) = match self {
            Self::Html(html) => (String::new(), html),
            Self::Marked { id, html } => (format!("id: {id}\n"), html),
            Self::Named(name, data) => (format!("event: {name}\n"), data),
            Self::Heartbeat => return Bytes::from_static(b":\n\n"),
        };
        // Without data the message would be none.
        if data.is_empty() {
            text.push_str("data:\n");
        }
        for line in data.lines() {
            text.push_str("data: ");
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_data() {
        let message = Message::Html("<p>\n</p>".to_owned());
        assert_eq!(message.encode(), "data: <p>\ndata: </p>\n\n");
        assert_eq!(Message::Named("saved", "/x".into()).encode(), "event: saved\ndata: /x\n\n");
        assert_eq!(Message::Named("crowded", String::new()).encode(), "event: crowded\ndata:\n\n");
        let marked = Message::Marked { id: "7".to_owned(), html: "<p>".to_owned() };
        assert_eq!(marked.encode(), "id: 7\ndata: <p>\n\n");
        assert_eq!(Message::Heartbeat.encode(), ":\n\n");
    }
}
