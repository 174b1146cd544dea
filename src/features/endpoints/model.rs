//! What an endpoint is.

use std::fmt;

use serde_json::{Map, Value};

use crate::connectors::{self, AnyConnector, Configuration, Takes};
use crate::platform::clock::Timestamp;
use crate::{text_enum, typed_id};

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

text_enum! {
    /// Why deliveries wait.
    PausedReason {
        /// Somebody said so.
        Person = "person",
        /// Whoever answers there is not the one that was confirmed.
        Identity = "identity",
    }
}

text_enum! {
    /// What becomes of the open deliveries of an endpoint that goes.
    Leaving {
        /// It stays, without taking anything new, until they are through.
        Deliver = "deliver",
        /// Another endpoint gets them.
        Move = "move",
        /// They are called off.
        Cancel = "cancel",
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
    /// Why they do not.
    pub paused_reason: Option<PausedReason>,
    /// Since when they do not.
    pub paused_at: Option<Timestamp>,
    /// What becomes of its open deliveries while it goes.
    pub leaving: Option<Leaving>,
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
    /// Counts saved changes; the first state is 1.
    pub revision: i64,
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
    /// It was paused because somebody else seems to answer there.
    Distrusted,
    /// It takes nothing new and goes when what is under way is through.
    Leaving,
}

impl Health {
    /// Gives the kind of mark that stands for it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Healthy => "ok",
            Self::Failing | Self::Distrusted => "err",
            Self::Leaving => "run",
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
            Self::Distrusted => "Host key changed",
            Self::Leaving => "Being removed",
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
        match (self.state, self.paused_reason) {
            (EndpointState::Paused, Some(PausedReason::Identity)) => Health::Distrusted,
            (EndpointState::Paused, _) => Health::Paused,
            (EndpointState::Active, _) if self.last_error.is_some() => Health::Failing,
            (EndpointState::Active, _) if self.leaving.is_some() => Health::Leaving,
            (EndpointState::Active, _) => Health::Healthy,
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
    /// Whether files are packed.
    pub archive: Archive,
    /// Counts saved changes.
    pub revision: i64,
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

    #[test]
    fn a_pause_hides_a_failure() {
        let mut summary = EndpointSummary {
            id: EndpointId::fresh(),
            name: "Archive".into(),
            type_key: "folder".into(),
            settings: Settings(Value::Null),
            state: EndpointState::Active,
            paused_reason: None,
            paused_at: None,
            leaving: None,
            last_error: None,
            failing_since: None,
            delivered_at: None,
        };
        assert_eq!(summary.health(), Health::Healthy);
        summary.last_error = Some("The disk is full".into());
        assert_eq!(summary.health(), Health::Failing);
        summary.state = EndpointState::Paused;
        assert_eq!(summary.health(), Health::Paused);
        summary.paused_reason = Some(PausedReason::Identity);
        assert_eq!(summary.health(), Health::Distrusted);
    }
}
