//! JSON as it may come: one object, in UTF-8, of bounded depth and number, in which every name stands once.
//!
//! `serde_json` takes the last of two members with the same name and as many members as there are. What another program
//! between the client and us may have read differently is refused, and so is what is small to send and large to hold.

use std::cell::Cell;
use std::fmt;

use actix_web::http::header;
use actix_web::{HttpRequest, dev};
use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::body;
use super::failure::Failure;

/// The largest document; files go another way.
pub(super) const MOST_BYTES: usize = 1024 * 1024;
/// Ours have three levels, and attributes belong to others; nobody nests so deep by hand.
const MOST_DEPTH: usize = 32;
/// As many elements as 16 KiB of attributes can hold, and a thousand for everything else.
const MOST_MEMBERS: usize = 8 * 1024 + 1000;
/// How much of a client's own name is quoted back.
const MOST_QUOTED: usize = 40;

/// Reads a document from memory; the rules are the same as for a body.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let place = error.valid_up_to() + 1;
        Failure::malformed(format!("The JSON is not UTF-8 from byte {place} on: encode it as UTF-8"))
    })?;
    if text.starts_with('\u{feff}') {
        return Err(Failure::malformed("The JSON begins with a byte order mark: leave it away"));
    }
    if text.trim_ascii().is_empty() {
        return Err(empty());
    }
    match document(text).map_err(|error| unreadable(&error))? {
        Value::Object(object) => Ok(object),
        _ => Err(Failure::malformed("The body has to be a JSON object, in braces")),
    }
}

/// Reads the body of a request that has to be an object.
pub(super) async fn read(
    request: &HttpRequest,
    payload: dev::Payload,
) -> Result<Map<String, Value>, Failure> {
    if !body::is_announced(request.headers()) {
        return Err(empty());
    }
    check_type(request)?;
    let whole = body::read(request.headers(), payload, MOST_BYTES).await?;
    object(&whole)
}

/// Reads the body of a request that needs none: nothing, or an object that is looked at and forgotten.
pub(super) async fn read_nothing(request: &HttpRequest, payload: dev::Payload) -> Result<(), Failure> {
    if !body::is_announced(request.headers()) {
        return Ok(());
    }
    let whole = body::read(request.headers(), payload, MOST_BYTES).await?;
    if whole.is_empty() {
        return Ok(());
    }
    check_type(request)?;
    object(&whole).map(drop)
}

fn empty() -> Failure {
    Failure::malformed("The body is empty: send a JSON object")
}

/// Takes `application/json` and what is built on it, in UTF-8 as RFC 8259 wants it.
fn check_type(request: &HttpRequest) -> Result<(), Failure> {
    let text = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let declared: Option<mime::Mime> = text.and_then(|text| text.parse().ok());
    let is_json = declared.as_ref().is_some_and(|declared| {
        let is_built_on = declared.suffix() == Some(mime::JSON) && declared.type_() == mime::APPLICATION;
        is_built_on || declared.essence_str() == mime::APPLICATION_JSON.essence_str()
    });
    if !is_json {
        return Err(body::unsupported_type("Send JSON with the header Content-Type: application/json"));
    }
    match declared.as_ref().and_then(|declared| declared.get_param(mime::CHARSET)) {
        Some(charset) if charset != mime::UTF_8 => {
            Err(body::unsupported_type("Send the JSON in UTF-8, and leave the charset away"))
        }
        _ => Ok(()),
    }
}

fn document(text: &str) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let left = Cell::new(MOST_MEMBERS);
    let value = Place { depth: 0, left: &left }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Says what is wrong and where. Our own objections are whole sentences; the parser's are facts.
fn unreadable(error: &serde_json::Error) -> Failure {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let place = format!("line {}, column {}", error.line(), error.column());
    Failure::malformed(if error.is_data() {
        format!("{what} ({place})")
    } else if error.is_eof() {
        format!("The JSON ends too early ({place}): send the whole document")
    } else {
        format!("The JSON cannot be read: {what} ({place})")
    })
}

/// A place in the document where a value stands.
#[derive(Clone, Copy)]
struct Place<'c> {
    depth: usize,
    left: &'c Cell<usize>,
}

impl Place<'_> {
    /// Steps into an object or a list.
    fn inside<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MOST_DEPTH {
            return Err(E::custom(format_args!("Nest the JSON at most {MOST_DEPTH} levels deep")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    /// Counts a member or an element.
    fn count<E: de::Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| {
            E::custom(format_args!("Send at most {MOST_MEMBERS} members and elements in one document"))
        })?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("Send finite numbers only"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let (inside, mut list) = (self.inside()?, Vec::new());
        while let Some(element) = elements.next_element_seed(inside)? {
            inside.count()?;
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let (inside, mut object) = (self.inside()?, Map::new());
        while let Some(name) = members.next_key::<String>()? {
            inside.count()?;
            if object.contains_key(&name) {
                let quoted: String = name.chars().take(MOST_QUOTED).flat_map(char::escape_debug).collect();
                return Err(de::Error::custom(format_args!(
                    "One object has two members called \"{quoted}\": give each name once"
                )));
            }
            object.insert(name, members.next_value_seed(inside)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::super::problem;
    use super::*;

    fn refusal(text: impl AsRef<[u8]>) -> String {
        let failure = object(text.as_ref()).expect_err("it is refused");
        assert_eq!(failure.code(), problem::MALFORMED);
        failure.to_string()
    }

    #[test]
    fn an_object_comes_through_as_it_is() {
        let text = r#"{"a": [1, -2, 2.5, true, null, "\ud83d\ude00 \u0000"], "b": {"a": {}}, "c": 18446744073709551615}"#;

        let read = object(text.as_bytes()).expect("all good");

        assert_eq!(Value::Object(read), serde_json::from_str::<Value>(text).expect("all good"));
    }

    #[test]
    fn every_refusal_says_what_and_where() {
        for (text, sentence) in [
            ("", "The body is empty: send a JSON object"),
            (" \n\t", "The body is empty: send a JSON object"),
            ("[{}]", "The body has to be a JSON object, in braces"),
            ("\"text\"", "The body has to be a JSON object, in braces"),
            ("\u{feff}{}", "The JSON begins with a byte order mark: leave it away"),
            ("{\"a\": 1", "The JSON ends too early (line 1, column 7): send the whole document"),
            ("{\"a\":\n  NaN}", "The JSON cannot be read: expected value (line 2, column 3)"),
            ("{\"a\": Infinity}", "The JSON cannot be read: expected value (line 1, column 7)"),
            ("{\"a\": 1e400}", "The JSON cannot be read: number out of range (line 1, column 11)"),
            ("{} {}", "The JSON cannot be read: trailing characters (line 1, column 4)"),
            ("{\"a\": 1,}", "The JSON cannot be read: trailing comma (line 1, column 9)"),
            (
                "{\"a\": 1, \"b\": {\"a\": 2, \"a\": 3}}",
                "One object has two members called \"a\": give each name once (line 1, column 26)",
            ),
        ] {
            assert_eq!(refusal(text), sentence, "{text}");
        }
        assert_eq!(refusal(b"{\"a\": \"\xff\"}"), "The JSON is not UTF-8 from byte 8 on: encode it as UTF-8");
        for surrogate in [r"\ud800", r"\udc00", r"\ud800\ud800", r"\ud800x", r"\udc00\ud800"] {
            let sentence = refusal(format!("{{\"a\": \"{surrogate}\"}}"));
            assert!(sentence.starts_with("The JSON cannot be read: "), "{surrogate}: {sentence}");
        }
        let long = format!("{{\"{0}\": 1, \"{0}\": 2}}", "\\n".repeat(1000));
        assert!(refusal(long).len() < 200, "little is quoted");
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let nested =
            |depth: usize| format!("{}{}{}", "{\"a\":".repeat(depth - 1), "{}", "}".repeat(depth - 1));
        assert!(object(nested(MOST_DEPTH).as_bytes()).is_ok());
        assert_eq!(
            refusal(nested(MOST_DEPTH + 1)),
            "Nest the JSON at most 32 levels deep (line 1, column 162)"
        );
        for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
            assert!(refusal(deep).starts_with("Nest the JSON at most 32 levels deep"));
        }

        let list = |number: usize| format!("{{\"a\": [{}1]}}", "1,".repeat(number - 2));
        assert!(object(list(MOST_MEMBERS).as_bytes()).is_ok());
        assert!(refusal(list(MOST_MEMBERS + 1)).starts_with("Send at most 9192 members and elements"));
        let keys: Vec<String> = (0..100_000).map(|number| format!("\"{number}\":1")).collect();
        assert!(refusal(format!("{{{}}}", keys.join(","))).starts_with("Send at most 9192 members"));
    }
}
