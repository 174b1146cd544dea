//! What an endpoint is.

use std::fmt;

use serde_json::{Map, Value};

use crate::connectors::{self, AnyConnector, Configuration, Takes};
use crate::platform::clock::Timestamp;
use crate::platform::form::{FieldErrors, FormFields};
use crate::{text_enum, typed_id};

/// As the screen shows it in one line.
pub(super) const NAME_LENGTH: usize = 100;

typed_id! {
    /// Names an endpoint.
    EndpointId
}

text_enum! {
    /// Whether files are sent as they are, or packed.
    Archive {
        /// Each file as it is.
        None = "none",
        /// Packed, not compressed.
        Tar = "tar",
        /// Packed and compressed with gzip.
        TarGz = "tar.gz",
        /// Packed and compressed with Zstandard.
        TarZst = "tar.zst",
    }
}

text_enum! {
    /// Whether deliveries run.
    EndpointState {
        /// They run.
        Active = "active",
        /// They wait until somebody resumes the endpoint.
        Paused = "paused",
    }
}

/// An endpoint in a list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EndpointSummary {
    /// Names it.
    pub id: EndpointId,
    /// How people call it.
    pub name: String,
    /// The key of its type.
    #[sqlx(rename = "type")]
    pub type_key: String,
    /// What may be shown of its configuration.
    #[sqlx(try_from = "String")]
    pub settings: Settings,
    /// Whether deliveries run.
    pub state: EndpointState,
    /// Why the last delivery failed, until one succeeds.
    pub last_error: Option<String>,
    /// Since when deliveries fail.
    pub failing_since: Option<Timestamp>,
    /// When the last file arrived.
    pub delivered_at: Option<Timestamp>,
}

/// A whole endpoint, without its secrets.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Endpoint {
    /// What lists show of it.
    #[sqlx(flatten)]
    pub summary: EndpointSummary,
    /// Whether files are packed.
    pub archive: Archive,
    /// When its test passed.
    pub checked_at: Timestamp,
    /// When it was added.
    pub created_at: Timestamp,
    /// When something about it changed.
    pub updated_at: Timestamp,
}

/// How an endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Tested, and nothing has failed since.
    Healthy,
    /// The last delivery failed.
    Failing,
    /// Somebody paused it.
    Paused,
}

impl Health {
    /// Gives the kind of mark that stands for it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Healthy => "ok",
            Self::Failing => "err",
            Self::Paused => "",
        }
    }

    /// Gives the word for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Failing => "Failing",
            Self::Paused => "Paused",
        }
    }
}

impl EndpointSummary {
    /// Finds the connector; nothing when an older version of the program runs that does not know the type.
    #[must_use]
    pub fn connector(&self) -> Option<&'static dyn AnyConnector> {
        connectors::find(&self.type_key)
    }

    /// Gives the type as people call it.
    #[must_use]
    pub fn type_label(&self) -> &str {
        match self.connector() {
            Some(connector) => connector.label(),
            None => &self.type_key,
        }
    }

    /// Says in one line where files go.
    #[must_use]
    pub fn address(&self) -> String {
        self.connector().map(|connector| connector.address(self.settings.value())).unwrap_or_default()
    }

    /// Tells whether the type takes pictures only. The database has the last word on it.
    #[must_use]
    pub fn takes_pictures_only(&self) -> bool {
        self.connector().is_some_and(|connector| connector.takes() == Takes::PicturesOnly)
    }

    /// Tells how it does.
    #[must_use]
    pub fn health(&self) -> Health {
        match (self.state, &self.last_error) {
            (EndpointState::Paused, _) => Health::Paused,
            (EndpointState::Active, Some(_)) => Health::Failing,
            (EndpointState::Active, None) => Health::Healthy,
        }
    }
}

/// The showable part of a configuration, a JSON object under the names of the form's fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings(Value);

impl Settings {
    /// Gives the JSON.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Gives the fields.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        self.0.as_object().cloned().unwrap_or_default()
    }
}

impl TryFrom<String> for Settings {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        serde_json::from_str(&text).map(Self)
    }
}

impl From<Settings> for Value {
    fn from(settings: Settings) -> Self {
        settings.0
    }
}

/// An endpoint that has been described and not been saved yet.
#[derive(Clone)]
pub struct NewEndpoint {
    /// How people call it.
    pub name: String,
    /// Its type.
    pub connector: &'static dyn AnyConnector,
    /// Its settings and secrets.
    pub configuration: Configuration,
    /// Whether files are packed.
    pub archive: Archive,
}

impl NewEndpoint {
    /// Checks what was typed: the fields of every endpoint, and those of its type.
    pub fn parse(form: &FormFields) -> Result<Self, FieldErrors> {
        let mut check = form.check();
        let name = check.required("name", "a name", NAME_LENGTH);
        let archive = check.parsed("archive", UNKNOWN_ARCHIVE).unwrap_or(Archive::None);
        if archive != Archive::None {
            check.refuse("archive", "Archives are not yet available");
        }
        let connector = connectors::find(form.value("type"));
        if connector.is_none() {
            check.refuse("type", "Choose a type");
        }
        let configuration = connector.map(|connector| connector.parse(form, None)).transpose();
        match (check.finish((name, archive)), connector, configuration) {
            (Ok((name, archive)), Some(connector), Ok(Some(configuration))) => {
                Ok(Self { name, connector, configuration, archive })
            }
            (common, _, own) => {
                let mut errors = common.err().unwrap_or_default();
                errors.extend(own.err().unwrap_or_default());
                Err(errors)
            }
        }
    }
}

impl NewEndpoint {
    /// Tells whether its type takes pictures only.
    #[must_use]
    pub fn takes_pictures_only(&self) -> bool {
        self.connector.takes() == Takes::PicturesOnly
    }
}

impl fmt::Debug for NewEndpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NewEndpoint")
            .field("name", &self.name)
            .field("type", &self.connector.key())
            .finish_non_exhaustive()
    }
}

const UNKNOWN_ARCHIVE: &str = "Choose none, tar, tar.gz or tar.zst";

/// Everything that a delivery needs of an endpoint.
#[derive(Clone)]
pub struct Destination {
    /// Names it.
    pub id: EndpointId,
    /// How people call it.
    pub name: String,
    /// How to deliver there.
    pub connector: &'static dyn AnyConnector,
    /// With which settings and secrets.
    pub configuration: Configuration,
    /// Whether deliveries run.
    pub state: EndpointState,
}

impl fmt::Debug for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Destination")
            .field("id", &self.id)
            .field("type", &self.connector.key())
            .finish_non_exhaustive()
    }
}

/// Says for which place secrets are sealed, so that a record moved to another endpoint cannot be opened there.
pub(super) fn secrets_place(id: EndpointId) -> String {
    format!("endpoints|{id}|sealed_secrets")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(pairs: &[(&str, &str)]) -> FormFields {
        FormFields::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn problems_of_all_fields_are_told_together() {
        let errors = NewEndpoint::parse(&typed(&[("type", "folder"), ("archive", "tar.gz")])).unwrap_err();

        assert_eq!(errors.first("name"), Some("Enter a name"));
        assert_eq!(errors.first("archive"), Some("Archives are not yet available"));
        assert!(errors.first("directory").is_some());
    }

    #[test]
    fn a_type_must_be_known() {
        for fields in [&[("name", "a")][..], &[("name", "a"), ("type", "floppy")]] {
            let errors = NewEndpoint::parse(&typed(fields)).unwrap_err();
            assert_eq!(errors.iter().collect::<Vec<_>>(), [("type", "Choose a type")]);
        }
    }

    #[test]
    fn a_described_endpoint_has_name_and_type() {
        let fields =
            [("name", " Archive "), ("type", "folder"), ("directory", "claims"), ("archive", "none")];
        let new = NewEndpoint::parse(&typed(&fields)).expect("nothing is wrong");

        assert_eq!((new.name.as_str(), new.connector.key()), ("Archive", "folder"));
        assert_eq!(new.archive, Archive::None);
    }

    #[test]
    fn a_pause_hides_a_failure() {
        let mut summary = EndpointSummary {
            id: EndpointId::fresh(),
            name: "Archive".into(),
            type_key: "folder".into(),
            settings: Settings(Value::Null),
            state: EndpointState::Active,
            last_error: None,
            failing_since: None,
            delivered_at: None,
        };
        assert_eq!(summary.health(), Health::Healthy);
        summary.last_error = Some("The disk is full".into());
        assert_eq!(summary.health(), Health::Failing);
        summary.state = EndpointState::Paused;
        assert_eq!(summary.health(), Health::Paused);
    }
}
