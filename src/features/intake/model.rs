//! What comes with a file, and why a file is not taken.

use std::ops::RangeInclusive;

use actix_web::http::StatusCode;

use super::address::Address;
use crate::features::conversations::ConversationId;
use crate::features::media::Sha256;
use crate::formats::kinds::Kind;
use crate::formats::names;
use crate::platform::blobs::{BlobError, Incoming, Received};
use crate::platform::clock::Timestamp;
use crate::platform::db::DbError;
use crate::platform::form::{Check, FieldErrors, FormFields};
use crate::platform::idempotency::Fingerprint;
use crate::platform::web::{Code, Failure, problem};

/// The longest file name, in characters.
pub(super) const MOST_FILE_NAME: usize = 255;
/// The longest remark, in characters.
pub(super) const MOST_NOTE: usize = 1024;
/// Words such as `camera` or `mobile app 4.2`.
pub(super) const MOST_ORIGIN: usize = 64;

/// What a client says about a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Details {
    /// What it is to people.
    pub kind: Kind,
    /// Its name, without invisible characters; empty when it has none.
    pub file_name: String,
    /// When it was taken or recorded.
    pub captured_at: Option<Timestamp>,
    /// Where, in degrees north and east.
    pub place: Option<(f64, f64)>,
    /// What made it.
    pub origin: Option<String>,
    /// A remark.
    pub note: Option<String>,
    /// What the bytes must be.
    pub expected: Expected,
}

/// What a client knows about the bytes, so that others are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Their number.
    pub size: Option<u64>,
    /// Their SHA-256 in lower-case hexadecimal.
    pub sha256: Option<String>,
}

impl Expected {
    fn parse(check: &mut Check<'_>) -> Self {
        let sha256 = check.parsed("sha256", "Give the SHA-256 as 64 hexadecimal digits");
        Self {
            size: check.parsed("size", "Give the number of bytes"),
            sha256: sha256.map(|Sha256(digest)| digest),
        }
    }

    /// Refuses bytes that are others than these.
    pub(super) fn check(&self, received: &Received) -> Result<(), IntakeError> {
        if self.size.is_some_and(|size| size != received.size) {
            return Err(IntakeError::Mismatch("size"));
        }
        if self.sha256.as_ref().is_some_and(|sha256| *sha256 != received.sha256) {
            return Err(IntakeError::Mismatch("SHA-256"));
        }
        Ok(())
    }
}

impl Details {
    /// Tells whether another request hands in the same: what is said about the file, and its SHA-256 or the address where
    /// it lies. Encoding and wrapping do not matter.
    pub(super) fn print(
        &self,
        conversation: ConversationId,
        declared: Option<&str>,
        what: &str,
    ) -> Fingerprint {
        let said = serde_json::json!([
            conversation,
            self.kind,
            self.file_name,
            self.captured_at,
            self.place,
            self.origin,
            self.note,
            declared,
            what,
        ]);
        Fingerprint::of(&[said.to_string().as_bytes()])
    }

    /// Checks the fields that came with a file; `part_name` is the name that the file's own part gave, which a field
    /// `file_name` overrules.
    pub fn parse(fields: &FormFields, part_name: &str) -> Result<Self, FieldErrors> {
        let mut check = fields.check();
        let kind = kind(&mut check, fields);
        let file_name = match fields.value("file_name") {
            "" => part_name,
            named => named,
        };
        if file_name.chars().count() > MOST_FILE_NAME {
            check.refuse("file_name", format!("Use at most {MOST_FILE_NAME} characters"));
        }
        let note = fields.value("note").trim();
        if note.chars().count() > MOST_NOTE {
            check.refuse("note", format!("Use at most {MOST_NOTE} characters"));
        }
        if note.chars().any(|character| character.is_control() && !"\r\n\t".contains(character)) {
            check.refuse("note", "Remove control characters");
        }
        let details = Self {
            kind,
            file_name: names::display(file_name).trim().to_owned(),
            captured_at: captured_at(&mut check, fields),
            place: place(&mut check, fields),
            origin: Some(check.text("origin", MOST_ORIGIN)).filter(|origin| !origin.is_empty()),
            note: Some(note.to_owned()).filter(|note| !note.is_empty()),
            expected: Expected::parse(&mut check),
        };
        check.finish(details)
    }

    /// Checks the one field that decides about everything else, before the body is read.
    pub fn parse_kind(fields: &FormFields) -> Result<(), FieldErrors> {
        let mut check = fields.check();
        kind(&mut check, fields);
        check.finish(())
    }
}

fn kind(check: &mut Check<'_>, fields: &FormFields) -> Kind {
    let known = || Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
    if fields.value("kind").trim().is_empty() {
        check.refuse("kind", format!("Say what the file is: {}", known()));
    }
    check.parsed("kind", &format!("Use one of {}", known())).unwrap_or(Kind::Attachment)
}

fn captured_at(check: &mut Check<'_>, fields: &FormFields) -> Option<Timestamp> {
    let text = fields.value("captured_at").trim();
    if text.is_empty() {
        return None;
    }
    let instant = text.parse::<jiff::Timestamp>().ok();
    if instant.is_none() {
        check.refuse("captured_at", "Write the time as RFC 3339, such as 2026-03-01T12:30:00Z");
    }
    instant.map(|instant| Timestamp::from_millis(instant.as_millisecond()))
}

fn place(check: &mut Check<'_>, fields: &FormFields) -> Option<(f64, f64)> {
    let latitude = degrees(check, "latitude", -90.0..=90.0);
    let longitude = degrees(check, "longitude", -180.0..=180.0);
    let given = |name: &str| !fields.value(name).trim().is_empty();
    if given("latitude") && !given("longitude") {
        check.refuse("longitude", "Give latitude and longitude, or neither");
    }
    if given("longitude") && !given("latitude") {
        check.refuse("latitude", "Give latitude and longitude, or neither");
    }
    latitude.zip(longitude)
}

fn degrees(check: &mut Check<'_>, name: &str, within: RangeInclusive<f64>) -> Option<f64> {
    let problem = format!("Give degrees from {} to {}", within.start(), within.end());
    let degrees: f64 = check.parsed(name, &problem)?;
    // Also catches what is no number, although it parses.
    if !within.contains(&degrees) {
        check.refuse(name, problem);
    }
    Some(degrees)
}

/// A file whose bytes have all arrived, but are not yet durable.
#[derive(Debug)]
pub struct Upload {
    /// The bytes.
    pub incoming: Incoming,
    /// The type that the client declared.
    pub declared: Option<String>,
    /// What the client says about it.
    pub details: Details,
}

/// A file that is to be fetched.
#[derive(Debug)]
pub struct Order {
    /// Where it lies.
    pub address: Address,
    /// The type that the client declared.
    pub declared: Option<String>,
    /// What the client says about it.
    pub details: Details,
}

/// The media disk is nearly full.
pub(super) const NO_ROOM: Code = Code::new(
    StatusCode::INSUFFICIENT_STORAGE,
    "no_room",
    "the media disk is nearly full; the connection is closed",
);
/// The bytes are others than the client said.
pub(super) const MISMATCH: Code = Code::new(
    StatusCode::BAD_REQUEST,
    "mismatch",
    "the file has another size or SHA-256 than came with it; nothing was stored",
);

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// It is larger than the operator allows.
    #[error("too large")]
    TooLarge,
    /// It was called a picture and is none.
    #[error("not a picture")]
    NotAPicture,
    /// Its size or its hash is another than the client said.
    #[error("another {0} than was said")]
    Mismatch(&'static str),
    /// The volume is nearly full.
    #[error("no room")]
    NoRoom,
    /// The volume cannot be trusted at the moment.
    #[error("the volume is unhealthy")]
    Unhealthy,
    /// The media store failed.
    #[error(transparent)]
    Store(BlobError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The task that had to do it broke.
    #[error("accepting a file broke")]
    Broken(#[source] anyhow::Error),
}

impl From<BlobError> for IntakeError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full(_) => Self::NoRoom,
            other => Self::Store(other),
        }
    }
}

impl From<IntakeError> for Failure {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::TooLarge => Self::refused(
                &problem::TOO_LARGE,
                "The file is larger than this installation accepts. Nothing was stored",
            ),
            IntakeError::NotAPicture => Self::Invalid(FieldErrors::one(
                "file",
                "This file is not a picture that we know. Send a JPEG, PNG, GIF, WebP, HEIC or the like, or use another kind",
            )),
            IntakeError::Mismatch(what) => Self::refused(
                &MISMATCH,
                format!("The {what} of the file is not the one given with it. Nothing was stored"),
            ),
            IntakeError::NoRoom => {
                Self::refused(&NO_ROOM, "There is no room for this file. Nothing was stored; try again later")
            }
            IntakeError::Store(BlobError::Io(error)) => {
                tracing::error!(%error, "the media store failed to take a file");
                Self::Unavailable
            }
            IntakeError::Store(error) => Self::Bug(error.into()),
            IntakeError::Db(error) => error.into(),
            IntakeError::Unhealthy => Self::Unavailable,
            IntakeError::Broken(error) => Self::Bug(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)], part_name: &str) -> Result<Details, FieldErrors> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Details::parse(&FormFields::new(pairs), part_name)
    }

    #[test]
    fn everything_but_the_kind_may_be_left_out() {
        let details = parse(&[("kind", "picture")], "a\r\nb.jpg").expect("enough");

        assert_eq!(details.file_name, "ab.jpg");
        assert_eq!((details.captured_at, details.place), (None, None));
        assert!(parse(&[], "a.jpg").expect_err("no kind").first("kind").is_some());
        assert!(parse(&[("kind", "Picture")], "a.jpg").is_err());
    }

    #[test]
    fn a_full_set_of_fields_is_read() {
        let details = parse(
            &[
                ("kind", "recording"),
                ("file_name", "call.mp3"),
                ("captured_at", "2026-03-01T13:30:00.5+01:00"),
                ("latitude", "-90"),
                ("longitude", "180.0"),
                ("origin", " ivr "),
                ("note", "two\nlines"),
            ],
            "part.bin",
        )
        .expect("all good");

        assert_eq!(details.file_name, "call.mp3");
        assert_eq!(details.captured_at.map(|at| at.to_string()).as_deref(), Some("2026-03-01T12:30:00.500Z"));
        assert_eq!(details.place, Some((-90.0, 180.0)));
        assert_eq!(details.origin.as_deref(), Some("ivr"));
        assert_eq!(details.note.as_deref(), Some("two\nlines"));
    }

    #[test]
    fn every_field_has_its_limits() {
        let long = "x".repeat(1025);
        for (name, value) in [
            ("file_name", &long[..256]),
            ("note", &long),
            ("note", "a\0b"),
            ("origin", &long[..65]),
            ("captured_at", "yesterday"),
            ("captured_at", "2026-03-01"),
            ("latitude", "90.0001"),
            ("latitude", "NaN"),
            ("latitude", "north"),
            ("longitude", "-180.5"),
            ("longitude", "inf"),
            ("size", "-1"),
            ("size", "5.0"),
            ("sha256", "abc"),
            ("sha256", &long[..64]),
        ] {
            let errors = parse(&[("kind", "fax"), (name, value)], "a.pdf").expect_err(name);
            assert!(errors.first(name).is_some(), "{name}={value}");
        }
        let errors = parse(&[("kind", "fax"), ("latitude", "1")], "").expect_err("half a place");
        assert!(errors.first("longitude").is_some());
        assert!(parse(&[("kind", "fax"), ("note", &long[..1024])], &"ü".repeat(255)).is_ok());
    }
}
