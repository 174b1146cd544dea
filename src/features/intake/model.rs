//! What a client says about the file that it hands in.

use crate::formats::kinds::Kind;
use crate::formats::names;
use crate::formats::sniff::Sniffed;
use crate::platform::clock::Timestamp;
use crate::platform::form::{FieldErrors, FormFields};

/// What a stored file name may have at most, in characters.
const MOST_NAME: usize = 255;
/// What a remark may have at most, in characters.
const MOST_NOTE: usize = 1024;

/// The names of the fields that describe a file; others are ignored.
pub struct MetaFields;

impl MetaFields {
    /// Every name, as multipart parts and as query parameters.
    pub const NAMES: &[&str] =
        &["kind", "file_name", "captured_at", "latitude", "longitude", "origin", "note"];
}

/// A checked description.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMedia {
    /// What it is to people.
    pub kind: Kind,
    /// Its name; empty when none was given.
    pub file_name: String,
    /// When it was taken or recorded.
    pub captured_at: Option<Timestamp>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// What made it.
    pub origin: Option<String>,
    /// A remark.
    pub note: Option<String>,
}

impl NewMedia {
    /// Checks a description. `part_name` is the name that came with the file itself, used when no field gives one.
    pub fn parse(fields: &FormFields, part_name: Option<&str>) -> Result<Self, FieldErrors> {
        let mut check = fields.check();
        let kind = check.parsed("kind", &format!("Give one of {}", kind_words()));
        if kind.is_none() && fields.value("kind").trim().is_empty() {
            check.refuse("kind", format!("Give one of {}", kind_words()));
        }
        let name =
            Some(fields.value("file_name")).filter(|name| !name.is_empty()).or(part_name).unwrap_or_default();
        if name.chars().count() > MOST_NAME {
            check.refuse("file_name", format!("Use at most {MOST_NAME} characters"));
        }
        let captured_at = instant(fields.value("captured_at"));
        if captured_at.is_err() {
            check.refuse("captured_at", "Give an instant such as 2026-01-31T09:30:00Z");
        }
        let latitude = degrees(fields.value("latitude"), 90.0);
        let longitude = degrees(fields.value("longitude"), 180.0);
        if latitude.is_err() {
            check.refuse("latitude", "Give degrees north from -90 to 90");
        }
        if longitude.is_err() {
            check.refuse("longitude", "Give degrees east from -180 to 180");
        }
        if latitude.is_ok_and(|it| it.is_some()) != longitude.is_ok_and(|it| it.is_some()) {
            check.refuse("latitude", "Give latitude and longitude together");
        }
        let new = Self {
            kind: kind.unwrap_or(Kind::Attachment),
            file_name: names::display(name),
            captured_at: captured_at.unwrap_or_default(),
            latitude: latitude.unwrap_or_default(),
            longitude: longitude.unwrap_or_default(),
            origin: some(check.text("origin", MOST_NAME)),
            note: some(check.text("note", MOST_NOTE)),
        };
        check.finish(new)
    }

    /// Checks what can only be told from the content.
    pub(super) fn fits(&self, content: &Sniffed) -> Result<(), FieldErrors> {
        if self.kind == Kind::Picture && !content.is_image() {
            return Err(FieldErrors::one(
                "kind",
                "The file is no picture. Hand it in as another kind, such as attachment",
            ));
        }
        Ok(())
    }
}

fn kind_words() -> String {
    Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

fn some(text: String) -> Option<String> {
    if text.is_empty() { None } else { Some(text) }
}

/// Says that a text is not what its field takes.
#[derive(Debug, Clone, Copy)]
struct Wrong;

fn instant(text: &str) -> Result<Option<Timestamp>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let quoted = serde_json::Value::String(text.to_owned());
    serde_json::from_value(quoted).map(Some).map_err(|_| Wrong)
}

fn degrees(text: &str, most: f64) -> Result<Option<f64>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let value: f64 = text.trim().parse().map_err(|_| Wrong)?;
    if value.abs() <= most { Ok(Some(value)) } else { Err(Wrong) }
}

/// Chooses the type under which a file is kept: what its content shows, else what the client declared when that is an
/// ordinary type, else bytes.
pub(super) fn kept_type(content: &Sniffed, declared: Option<&str>) -> String {
    const UNKNOWN: &str = "application/octet-stream";
    if content.mime != UNKNOWN {
        return content.mime.to_owned();
    }
    let declared = declared.and_then(|text| text.parse::<mime::Mime>().ok());
    let ordinary = declared.filter(|mime| {
        // What a browser would run is never kept on a client's word.
        !matches!(
            mime.essence_str(),
            "text/html" | "image/svg+xml" | "application/xhtml+xml" | "text/javascript"
        ) && mime.type_() != mime::MULTIPART
            && mime.essence_str().len() <= 100
    });
    ordinary.map_or(UNKNOWN.to_owned(), |mime| mime.essence_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<NewMedia, FieldErrors> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        NewMedia::parse(&FormFields::new(pairs), Some("part.jpg"))
    }

    #[test]
    fn a_description_is_checked_as_a_whole() {
        let problems =
            parse(&[("kind", "film"), ("captured_at", "yesterday"), ("latitude", "91"), ("longitude", "3")])
                .expect_err("three problems");
        for field in ["kind", "captured_at", "latitude"] {
            assert!(problems.first(field).is_some(), "{field}");
        }
        assert!(parse(&[("kind", "picture"), ("latitude", "50")]).is_err(), "half a place");
        assert!(parse(&[("kind", "picture"), ("latitude", "NaN"), ("longitude", "1")]).is_err());
        assert!(parse(&[]).expect_err("no kind").first("kind").is_some());
    }

    #[test]
    fn a_field_names_the_file_before_its_part_does() {
        assert_eq!(parse(&[("kind", "fax")]).expect("good").file_name, "part.jpg");
        assert_eq!(parse(&[("kind", "fax"), ("file_name", "a.tif")]).expect("good").file_name, "a.tif");
        assert!(parse(&[("kind", "fax"), ("file_name", &"x".repeat(256))]).is_err());
    }

    #[test]
    fn content_decides_the_type_before_any_word_of_the_client() {
        let unknown = Sniffed { mime: "application/octet-stream", extension: "bin" };
        let picture = Sniffed { mime: "image/jpeg", extension: "jpg" };
        assert_eq!(kept_type(&picture, Some("text/html")), "image/jpeg");
        assert_eq!(kept_type(&unknown, Some("text/html; charset=utf-8")), "application/octet-stream");
        assert_eq!(kept_type(&unknown, Some("application/x-thing")), "application/x-thing");
        assert_eq!(kept_type(&unknown, Some("nonsense")), "application/octet-stream");
    }
}
