//! A file that comes as `multipart/form-data`, with its fields before or after it.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::{self, ContentDisposition, HeaderMap};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};

use super::body::Body;
use super::door::Door;
use super::model::{Details, Upload};
use crate::platform::blobs::Incoming;
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::web::Failure;

/// What fields, headers and boundaries may add to the file.
pub(super) const OVERHEAD: u64 = 1024 * 1024;
/// There are nine fields; some clients send more of their own.
const MOST_PARTS: usize = 32;
/// The longest field is a note of 1,024 characters with up to four bytes each.
const MOST_FIELD_BYTES: usize = 8 * 1024;

/// As RFC 2046, 5.1.1, limits it.
const MOST_BOUNDARY_BYTES: usize = 70;

/// What has come so far.
#[derive(Default)]
struct Parts {
    fields: Vec<(String, String)>,
    file: Option<File>,
}

struct File {
    incoming: Incoming,
    name: String,
    declared: Option<String>,
}

/// Reads the whole body; nothing is kept unless all of it is right.
pub(super) async fn read<S>(headers: &HeaderMap, body: Body<S>, door: &Door<'_>) -> Result<Upload, Failure>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
{
    check_boundary(headers)?;
    let mut rest = body.clone();
    let broken = |error: MultipartError| {
        body.failure_or(|| Failure::malformed(format!("The multipart body could not be read: {error}")))
    };
    let mut multipart = Multipart::new(headers, body.clone());
    let (mut parts, mut count) = (Parts::default(), 0);
    while let Some(field) = multipart.try_next().await.map_err(broken)? {
        count += 1;
        if count > MOST_PARTS {
            return Err(Failure::malformed(format!("Send at most {MOST_PARTS} parts")));
        }
        parts.take(field, door, &broken).await?;
    }
    rest.drain().await?;
    parts.upload()
}

/// The parser takes any; longer ones are made to keep it busy with looking for them.
fn check_boundary(headers: &HeaderMap) -> Result<(), Failure> {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let declared: Option<mime::Mime> = declared.and_then(|text| text.parse().ok());
    let length =
        declared.as_ref().and_then(|kind| kind.get_param(mime::BOUNDARY)).map(|name| name.as_str().len());
    match length {
        Some(1..=MOST_BOUNDARY_BYTES) => Ok(()),
        Some(_) => {
            Err(Failure::malformed(format!("Use a boundary of 1 to {MOST_BOUNDARY_BYTES} characters")))
        }
        None => {
            Err(Failure::malformed("The header Content-Type names no boundary: let the HTTP client write it"))
        }
    }
}

impl Parts {
    async fn take(
        &mut self,
        mut field: Field,
        door: &Door<'_>,
        broken: &impl Fn(MultipartError) -> Failure,
    ) -> Result<(), Failure> {
        let name = field.name().unwrap_or_default().to_owned();
        if name != "file" {
            let text = text(&name, &mut field, broken).await?;
            self.fields.push((name, text));
            return if self.fields.last().is_some_and(|(name, _)| name == "kind") {
                Details::parse_kind(&FormFields::new(self.fields.clone())).map_err(Failure::Invalid)
            } else {
                Ok(())
            };
        }
        if self.file.is_some() {
            return Err(Failure::malformed("Send one file"));
        }
        let (name, declared) = (file_name(&field), field.content_type().map(ToString::to_string));
        let mut incoming = door.open().await?;
        while let Some(piece) = field.try_next().await.map_err(broken)? {
            door.pass(&mut incoming, piece).await?;
        }
        self.file = Some(File { incoming, name, declared });
        Ok(())
    }

    fn upload(self) -> Result<Upload, Failure> {
        let fields = FormFields::new(self.fields);
        let Some(file) = self.file else {
            return Err(Failure::Invalid(FieldErrors::one("file", "Send the file in a part named file")));
        };
        let details = Details::parse(&fields, &file.name).map_err(Failure::Invalid)?;
        Ok(Upload { incoming: file.incoming, declared: file.declared, details })
    }
}

async fn text(
    name: &str,
    field: &mut Field,
    broken: &impl Fn(MultipartError) -> Failure,
) -> Result<String, Failure> {
    let wrong = |problem: &str| Failure::Invalid(FieldErrors::one(name, problem));
    let mut bytes = Vec::new();
    while let Some(piece) = field.try_next().await.map_err(broken)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MOST_FIELD_BYTES {
            return Err(wrong("This is too long"));
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong("Send text in UTF-8"))
}

fn file_name(field: &Field) -> String {
    field.content_disposition().map(name_in).unwrap_or_default()
}

/// Gives the file name in a disposition; empty when it has none. The extended form is the one that can say every name.
pub(super) fn name_in(disposition: &ContentDisposition) -> String {
    let extended = disposition.get_filename_ext().and_then(|name| String::from_utf8(name.value.clone()).ok());
    extended.or_else(|| disposition.get_filename().map(str::to_owned)).unwrap_or_default()
}
