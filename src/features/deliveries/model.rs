//! What a delivery is, how it fails, and how long it waits.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::connectors::{DeliveryError, ItemProblem};
use crate::features::endpoints::EndpointId;
use crate::features::media::{Media, MediaId};
use crate::formats::names;
use crate::platform::clock::Timestamp;
use crate::platform::jobs::{JobId, spread};
use crate::{text_enum, typed_id};

/// The first wait after a failure that may pass by itself: long enough for a connection to come back.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The first wait after a failure that somebody has to repair.
const FIRST_ENDPOINT_WAIT: Duration = Duration::from_secs(30);
/// The longest wait, so that a repaired endpoint catches up within the hour.
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// The longest wait that a destination may ask for.
const LONGEST_ASKED_WAIT: Duration = Duration::from_hours(24);

typed_id! {
    /// Names a delivery; the same for every attempt.
    DeliveryId
}

text_enum! {
    /// How far a delivery is.
    DeliveryState {
        /// Nothing has been tried yet.
        Queued = "queued",
        /// Bytes travel.
        Sending = "sending",
        /// The destination is asked what it has.
        Verifying = "verifying",
        /// The destination has the file, and that is proven.
        Delivered = "delivered",
        /// It failed and comes again by itself.
        Retrying = "retrying",
        /// It needs a person.
        Held = "held",
        /// A person called it off.
        Cancelled = "cancelled",
    }
}

impl DeliveryState {
    /// Gives the colour of the mark: ok, run, warn, err or none.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Delivered => "ok",
            Self::Sending | Self::Verifying => "run",
            Self::Retrying => "warn",
            Self::Held => "err",
            Self::Queued | Self::Cancelled => "",
        }
    }

    /// Gives the words for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Sending => "Sending",
            Self::Verifying => "Verifying",
            Self::Delivered => "Delivered",
            Self::Retrying => "Waiting to retry",
            Self::Held => "Held",
            Self::Cancelled => "Cancelled",
        }
    }
}

text_enum! {
    /// Why a delivery needs a person.
    HeldReason {
        /// Another file has its name at the destination.
        Conflict = "conflict",
        /// The destination takes no file of this size.
        TooLarge = "too_large",
        /// The destination refuses it, or our own copy is damaged.
        Rejected = "rejected",
        /// Working on it broke the program again and again.
        Poison = "poison",
    }
}

impl From<ItemProblem> for HeldReason {
    fn from(problem: ItemProblem) -> Self {
        match problem {
            ItemProblem::Conflict => Self::Conflict,
            ItemProblem::TooLarge => Self::TooLarge,
            ItemProblem::Rejected => Self::Rejected,
        }
    }
}

text_enum! {
    /// How an attempt ended.
    AttemptOutcome {
        /// The destination has the file.
        Delivered = "delivered",
        /// It may succeed later.
        Transient = "transient",
        /// The file needs a person.
        Item = "item",
        /// The endpoint needs a person.
        Endpoint = "endpoint",
    }
}

impl From<&DeliveryError> for AttemptOutcome {
    fn from(error: &DeliveryError) -> Self {
        match error {
            DeliveryError::Transient { .. } => Self::Transient,
            DeliveryError::Item { .. } => Self::Item,
            DeliveryError::Endpoint { .. } => Self::Endpoint,
        }
    }
}

/// One media on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Delivery {
    /// Its identifier.
    pub id: DeliveryId,
    /// What travels.
    pub media_id: MediaId,
    /// Where to.
    pub endpoint_id: EndpointId,
    /// How far it is.
    pub state: DeliveryState,
    /// Why it needs a person.
    pub held_reason: Option<HeldReason>,
    /// How often it was tried.
    pub attempts: i64,
    /// Where it lies, as JSON in the destination's own terms.
    pub location: Option<String>,
    /// What went wrong last, until it succeeds.
    pub last_error: Option<String>,
    /// When it comes again.
    pub next_attempt_at: Option<Timestamp>,
    /// The one job that works on it; nothing on those planned by older versions.
    pub job_id: Option<JobId>,
    /// When the file was accepted.
    pub created_at: Timestamp,
    /// When something about it changed.
    pub updated_at: Timestamp,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
}

impl Delivery {
    /// Gives where it lies as JSON.
    #[must_use]
    pub fn location(&self) -> Option<Value> {
        self.location.as_deref().and_then(|text| serde_json::from_str(text).ok())
    }
}

/// A delivery as it is shown with its media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
pub struct DeliveryBrief {
    /// Its identifier.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// How far it is.
    pub state: DeliveryState,
}

/// One attempt that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
pub struct Attempt {
    /// Counts from 1; one that a dying process left behind is missing.
    pub number: i64,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What happened, in a sentence.
    pub message: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Gives the wait after failed attempt number `attempts`, spread by `roll` (0 to 1,000); nothing for a failure that no
/// wait will mend.
#[must_use]
pub(super) fn wait_after(error: &DeliveryError, attempts: i64, roll: u32) -> Option<Duration> {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    let grown = |first: Duration| spread((first * 2_u32.pow(doublings)).min(LONGEST_WAIT), roll);
    match error {
        DeliveryError::Transient { retry_after, .. } => {
            let asked = retry_after.unwrap_or_default().min(LONGEST_ASKED_WAIT);
            Some(grown(FIRST_WAIT).max(asked))
        }
        DeliveryError::Endpoint { .. } => Some(grown(FIRST_ENDPOINT_WAIT)),
        DeliveryError::Item { .. } => None,
    }
}

/// Gives the path of a media below an endpoint's own directory: by day, unique by the identifier, readable by the name.
#[must_use]
pub(super) fn object_path(media: &Media) -> String {
    let (year, month, day) = media.created_at.date();
    let name = names::safe(&media.file_name, media.kind.as_str(), &media.extension);
    format!("{year:04}/{month:02}/{day:02}/{}-{name}", media.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::apps::AppId;
    use crate::features::conversations::ConversationId;
    use crate::features::media::MediaState;
    use crate::formats::kinds::Kind;

    #[test]
    fn waits_double_up_to_an_hour_and_requests_are_honoured_up_to_a_day() {
        let transient = |asked: Option<u64>| DeliveryError::Transient {
            retry_after: asked.map(Duration::from_secs),
            message: String::new(),
        };
        let (endpoint, item) = (DeliveryError::endpoint(""), DeliveryError::item(ItemProblem::Conflict, ""));
        for (error, attempts, roll, seconds) in [
            (transient(None), 1, 500, Some(5)),
            (transient(None), 2, 500, Some(10)),
            (transient(None), 5, 500, Some(80)),
            (transient(None), 5, 0, Some(64)),
            (transient(None), 5, 1000, Some(96)),
            (transient(None), 11, 500, Some(3600)),
            (transient(None), i64::MAX, 1000, Some(4320)),
            (transient(None), 0, 500, Some(5)),
            (transient(Some(7)), 1, 500, Some(7)),
            (transient(Some(1)), 1, 500, Some(5)),
            (transient(Some(1_000_000)), 1, 500, Some(86_400)),
            (endpoint.clone(), 1, 500, Some(30)),
            (endpoint, 9, 500, Some(3600)),
            (item, 1, 500, None),
        ] {
            let wait = wait_after(&error, attempts, roll);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{error:?} {attempts} {roll}");
        }
    }

    #[test]
    fn paths_are_by_day_unique_and_readable() {
        let id: MediaId = "01920000-0000-7000-8000-000000000001".parse().expect("an id");
        let media = |file_name: &str| Media {
            id,
            app_id: AppId::fresh(),
            conversation_id: ConversationId::fresh(),
            kind: Kind::Picture,
            file_name: file_name.to_owned(),
            mime_type: "image/jpeg".to_owned(),
            extension: "jpg".to_owned(),
            size: 1,
            sha256: String::new(),
            failed_reason: None,
            state: MediaState::Stored,
            captured_at: None,
            latitude: None,
            longitude: None,
            origin: None,
            note: None,
            is_damaged: false,
            created_at: Timestamp::from_millis(1_700_000_000_000),
            expires_at: None,
            deleted_at: None,
        };
        for (name, expected) in [("Dach 1.jpeg", "Dach 1.jpeg"), ("../../x", "x.jpg"), ("", "picture.jpg")] {
            assert_eq!(object_path(&media(name)), format!("2023/11/14/{id}-{expected}"));
        }
    }
}
