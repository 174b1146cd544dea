//! Deliveries, their states, and when to try again.

use std::time::Duration;

use serde::Serialize;

use crate::connectors::{DeliveryError, ItemProblem};
use crate::features::endpoints::EndpointId;
use crate::features::media::MediaId;
use crate::formats::kinds::Kind;
use crate::platform::clock::Timestamp;
use crate::platform::jobs::spread;
use crate::{text_enum, typed_id};

typed_id! {
    /// Names a delivery.
    DeliveryId
}

text_enum! {
    /// How far a delivery is.
    DeliveryState {
        /// Waits for its first attempt.
        Queued = "queued",
        /// Bytes travel.
        Sending = "sending",
        /// The destination's copy is being checked.
        Verifying = "verifying",
        /// The destination's copy was verified.
        Delivered = "delivered",
        /// An attempt failed; another will follow.
        Retrying = "retrying",
        /// Needs a person.
        Held = "held",
        /// A person decided that it is not wanted.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// Why a delivery needs a person.
    HeldReason {
        /// Something else has its name at the destination.
        Conflict = "conflict",
        /// The destination takes no file of this size.
        TooLarge = "too_large",
        /// The destination refuses it, or our own copy is damaged.
        Rejected = "rejected",
        /// It broke the program that delivers it.
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

/// A delivery as a media shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct DeliveryBrief {
    /// Names it.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// How far it is.
    pub state: DeliveryState,
}

/// A delivery with what people want to know about its file and its endpoint.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Delivery {
    pub(super) id: DeliveryId,
    pub(super) media_id: MediaId,
    pub(super) endpoint_id: EndpointId,
    pub(super) endpoint_name: String,
    pub(super) state: DeliveryState,
    pub(super) held_reason: Option<HeldReason>,
    pub(super) attempts: i64,
    pub(super) location: Option<String>,
    pub(super) last_error: Option<String>,
    pub(super) next_attempt_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) file_name: String,
    pub(super) extension: String,
    pub(super) kind: Kind,
    pub(super) mime_type: String,
    pub(super) size: i64,
    pub(super) sha256: String,
    pub(super) media_created_at: Timestamp,
    pub(super) use_case: Option<String>,
}

/// One attempt.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Attempt {
    pub(super) number: i64,
    pub(super) outcome: AttemptOutcome,
    pub(super) message: Option<String>,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Timestamp,
}

text_enum! {
    in pub(super),
    /// How an attempt ended.
    AttemptOutcome {
        /// Verified at the destination.
        Delivered = "delivered",
        /// Another attempt follows by itself.
        Transient = "transient",
        /// The file needs a person.
        Item = "item",
        /// The endpoint needs a person; attempts go on meanwhile.
        Endpoint = "endpoint",
        /// It broke the program.
        Poison = "poison",
    }
}

/// Waits double from here …
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// … or, when the endpoint itself must be mended, from here …
const FIRST_WAIT_ENDPOINT: Duration = Duration::from_secs(30);
/// … up to here, for as long as it takes: a delivery is never given up.
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// The longest pause that a destination may ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(24);

/// Says how long to wait after attempt `attempts` failed; `roll` (0 to 1,000) spreads waits by a fifth.
pub(super) fn wait_after(error: &DeliveryError, attempts: i64, roll: u32) -> Duration {
    let (first, asked) = match error {
        DeliveryError::Transient { retry_after, .. } => (FIRST_WAIT, *retry_after),
        DeliveryError::Endpoint { .. } => (FIRST_WAIT_ENDPOINT, None),
        DeliveryError::Item { .. } => (LONGEST_WAIT, None),
    };
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    let own = spread(first.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_WAIT), roll);
    asked.map_or(own, |asked| own.max(asked.min(LONGEST_ASKED)))
}

/// Gives the place of a media below an endpoint's directory or prefix: day of acceptance, identifier, harmless name.
/// The identifier keeps any two media apart, so nothing is ever in the way of anything.
pub(super) fn object_path(
    media: MediaId,
    file_name: &str,
    extension: &str,
    accepted_at: Timestamp,
) -> String {
    let (year, month, day) = accepted_at.date();
    let name = crate::formats::names::safe(file_name, &format!("media-{media}"), extension);
    format!("{year:04}/{month:02}/{day:02}/{media}-{name}")
}

/// Writes a size as people read it; 1 MB is 1,048,576 bytes.
pub(super) fn size_words(bytes: i64) -> String {
    const UNITS: [(&str, i64); 3] = [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)];
    for (unit, size) in UNITS {
        if bytes >= size {
            let tenths = bytes.saturating_mul(10) / size;
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_honour_the_destination() {
        let busy = DeliveryError::transient("busy");
        let middle = 500;
        let seconds =
            |error: &DeliveryError, attempts| wait_after(error, attempts, middle).as_secs_f64().round();
        assert!((seconds(&busy, 1) - 5.0).abs() <= 1.0);
        assert!((seconds(&busy, 4) - 40.0).abs() <= 1.0);
        assert!((seconds(&busy, 30) - 3600.0).abs() <= 1.0);
        assert!((seconds(&DeliveryError::endpoint("key"), 1) - 30.0).abs() <= 1.0);
        for roll in [0, middle, 1000] {
            let wait = wait_after(&busy, 3, roll);
            assert!(wait >= Duration::from_secs(16) && wait <= Duration::from_secs(24), "{wait:?}");
        }

        let asked = |wait| DeliveryError::Transient {
            retry_after: Some(Duration::from_secs(wait)),
            message: String::new(),
        };
        assert_eq!(wait_after(&asked(600), 1, middle), Duration::from_mins(10));
        assert_eq!(wait_after(&asked(999_999), 1, middle), LONGEST_ASKED);
    }

    #[test]
    fn paths_carry_day_and_identifier() {
        let media = MediaId::fresh();
        let at = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(object_path(media, "../roof.jpg", "jpg", at), format!("2023/11/14/{media}-roof.jpg"));
    }

    #[test]
    fn sizes_are_read_in_binary_units() {
        for (bytes, words) in
            [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KB"), (50_593_792, "48.2 MB")]
        {
            assert_eq!(size_words(bytes), words);
        }
    }
}
