//! The multipart form of handing in a file: one part `file`, and text parts before or after it.

use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;

use super::body::{self, Body};
use super::model::MetaFields;
use crate::features::Services;
use crate::platform::blobs::Incoming;
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::web::Failure;

/// Parts of one request.
const MOST_PARTS: usize = 32;
/// Bytes of one text part.
const MOST_TEXT: usize = 8 * 1024;

/// What the parts contained.
pub(super) struct Parts {
    pub(super) fields: FormFields,
    pub(super) file_name: Option<String>,
    pub(super) declared_type: Option<String>,
    pub(super) incoming: Incoming,
}

/// Reads all parts to the closing boundary; the file goes straight into the store.
pub(super) async fn read(request: &HttpRequest, body: Body, services: &Services) -> Result<Parts, Failure> {
    let mut parts = Multipart::new(request.headers(), body);
    let mut fields = Vec::new();
    let mut file = None;
    let mut count = 0;
    while let Some(mut part) = body::next(&mut parts).await? {
        count += 1;
        if count > MOST_PARTS {
            return Err(Failure::malformed(format!("Send at most {MOST_PARTS} parts")));
        }
        let name = part.name().unwrap_or_default().to_owned();
        if name == "file" {
            if file.is_some() {
                return Err(Failure::Invalid(FieldErrors::one("file", "Send one file in each request")));
            }
            let file_name = part.content_disposition().and_then(|it| it.get_filename().map(str::to_owned));
            let declared = part.content_type().map(ToString::to_string);
            file = Some((file_name, declared, body::receive(&mut part, services).await?));
        } else {
            let text = read_text(&mut part, &name).await?;
            if MetaFields::NAMES.contains(&name.as_str()) {
                fields.push((name, text));
            }
        }
    }
    let missing = || Failure::Invalid(FieldErrors::one("file", "Send the file as a part named file"));
    let (file_name, declared_type, incoming) = file.ok_or_else(missing)?;
    Ok(Parts { fields: FormFields::new(fields), file_name, declared_type, incoming })
}

async fn read_text(part: &mut Field, name: &str) -> Result<String, Failure> {
    let mut text = Vec::new();
    while let Some(piece) = body::next(part).await? {
        if text.len() + piece.len() > MOST_TEXT {
            let message = format!("Use at most {MOST_TEXT} bytes");
            return Err(Failure::Invalid(FieldErrors::one(name, message)));
        }
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).map_err(|_| Failure::Invalid(FieldErrors::one(name, "Send text in UTF-8")))
}
