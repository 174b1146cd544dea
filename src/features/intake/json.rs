//! A file inside a JSON object, or the address where it lies.
//!
//! The file is decoded while the body streams in. What is held of it at any time is one piece of the body, as much as
//! the server reads at once (about 128 KiB), twice as characters and once as the bytes that they stand for, beside the
//! store's own two buffers of 256 KiB. The other members take at most 64 KiB.

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use bytes::Bytes;
use futures_util::Stream;
use serde_json::{Map, Value};

use super::address::Address;
use super::body::Body;
use super::door::Door;
use super::model::{Details, Order, Upload};
use super::scanner::{MOST_BODY, MOST_ENCODED, MOST_REST, Scanner, Wrong};
use crate::platform::blobs::Incoming;
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::web::{Code, Failure, json, problem};

/// Everything that may stand in the object. What is misspelt must not be lost in silence.
pub(super) const MEMBERS: &[&str] = &[
    "kind",
    "file_name",
    "mime_type",
    "data_base64",
    "url",
    "captured_at",
    "latitude",
    "longitude",
    "origin",
    "note",
    "size",
    "sha256",
];
/// The file's text is no base64.
pub(super) const BAD_BASE64: Code = Code::new(
    StatusCode::BAD_REQUEST,
    "bad_base64",
    "`data_base64` is no base64 of the strict kind; nothing was stored",
);
/// The longest body that is read at all.
pub(super) const MOST: u64 = MOST_BODY;

/// What came.
pub(super) enum Handed {
    File(Upload),
    Order(Order),
}

/// Reads the whole body; nothing is kept unless all of it is right.
pub(super) async fn read<S>(body: &mut Body<S>, door: &Door<'_>) -> Result<Handed, Failure>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let (mut scanner, mut incoming) = (Scanner::default(), None);
    while let Some(piece) = body.piece().await? {
        let mut bytes = Vec::new();
        scanner.push(&piece, &mut bytes)?;
        if scanner.has_value() {
            let place = match &mut incoming {
                Some(place) => place,
                None => incoming.insert(door.open().await?),
            };
            door.pass(place, bytes.into()).await?;
        }
    }
    understand(&scanner.finish()?, incoming, door)
}

fn understand(rest: &[u8], incoming: Option<Incoming>, door: &Door<'_>) -> Result<Handed, Failure> {
    let object = json::object(rest)?;
    // The scanner leaves an empty text of a value that it has taken out.
    if incoming.is_none() && object.get("data_base64").is_some_and(|value| !value.is_null()) {
        return Err(Failure::malformed("data_base64 is no text"));
    }
    let fields = fields(&object).map_err(Failure::Invalid)?;
    let declared = Some(fields.value("mime_type").to_ascii_lowercase()).filter(|given| !given.is_empty());
    let address = address(&fields, incoming.is_some(), door);
    let (details, address) = match (Details::parse(&fields, ""), address) {
        (Ok(details), Ok(address)) => (details, address),
        (Err(mut errors), Err(more)) => {
            errors.extend(more);
            return Err(Failure::Invalid(errors));
        }
        (Err(errors), Ok(_)) | (Ok(_), Err(errors)) => return Err(Failure::Invalid(errors)),
    };
    Ok(match (incoming, address) {
        (Some(incoming), _) => Handed::File(Upload { incoming, declared, details }),
        (None, Some(address)) => Handed::Order(Order { address, declared, details }),
        (None, None) => return Err(Failure::Bug(anyhow::anyhow!("neither a file nor an address"))),
    })
}

/// Gives the address when there is no file, and refuses both and neither.
fn address(fields: &FormFields, has_file: bool, door: &Door<'_>) -> Result<Option<Address>, FieldErrors> {
    let problem = |text: String| FieldErrors::one("url", text);
    match (fields.value("url"), has_file) {
        ("", true) => Ok(None),
        ("", false) => Err(FieldErrors::one("data_base64", "Send the file in base64, or its address as url")),
        (_, true) => Err(problem("Send data_base64 or url, not both".to_owned())),
        (text, false) => door.address(text).map(Some).map_err(problem),
    }
}

/// The members that are numbers; the others are text.
const NUMBERS: &[&str] = &["latitude", "longitude", "size"];

fn fields(object: &Map<String, Value>) -> Result<FormFields, FieldErrors> {
    let mut errors = FieldErrors::default();
    for (name, value) in object {
        if !MEMBERS.contains(&name.as_str()) {
            errors.add(name, "There is no such member");
        } else if NUMBERS.contains(&name.as_str()) && !(value.is_number() || value.is_null()) {
            errors.add(name, "Give a number");
        } else if !NUMBERS.contains(&name.as_str()) && !(value.is_string() || value.is_null()) {
            errors.add(name, "Give text, in quotes");
        }
    }
    if errors.is_empty() { FormFields::from_json(object) } else { Err(errors) }
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::NotAnObject => Self::malformed("The body is not a JSON object"),
            Wrong::EscapedName => Self::malformed("Write the names of members without escapes"),
            Wrong::Twice => Self::malformed("data_base64 is there twice"),
            Wrong::Escape => Self::malformed("data_base64 holds an escape that JSON does not have"),
            Wrong::EndsEarly => Self::malformed("The body ends within data_base64"),
            Wrong::Base64(bad) => Self::refused(
                &BAD_BASE64,
                format!(
                    "Character {} of data_base64 is wrong: {}. Use the standard alphabet with padding, in one line. \
                     Nothing was stored",
                    bad.at, bad.what
                ),
            ),
            Wrong::TooLong => Self::refused(
                &problem::TOO_LARGE,
                format!(
                    "data_base64 may have {MOST_ENCODED} characters. Send larger files as multipart/form-data, or as \
                     the body. Nothing was stored"
                ),
            ),
            Wrong::RestTooLong => Self::refused(
                &problem::TOO_LARGE,
                format!(
                    "The members beside data_base64 may have {MOST_REST} bytes together. Nothing was stored"
                ),
            ),
        }
    }
}
