//! Deliveries in the words of the screen.

use std::time::Duration;

use crate::connectors;
use crate::features::deliveries::model::{Attempt, AttemptOutcome, Delivery, HeldReason};
use crate::features::deliveries::store::listing::Listed;
use crate::formats::kinds::Kind;

/// Says where a file lies in the destination's own terms; empty until it is delivered.
pub(super) fn location(delivery: &Delivery) -> String {
    delivery.location().as_ref().map(connectors::place).unwrap_or_default()
}

/// Says how long an attempt took.
pub(super) fn took(attempt: &Attempt) -> String {
    lasted(attempt.ended_at.since(attempt.started_at))
}

/// Says how long the last attempt took; nothing while one runs, or before the first.
pub(super) fn last_took(listed: &Listed) -> String {
    let ends = listed.tried_from.zip(listed.tried_to);
    ends.map(|(from, to)| lasted(to.since(from))).unwrap_or_default()
}

fn lasted(time: Duration) -> String {
    let millis = time.as_millis();
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1000),
    }
}

/// Says a number of bytes as people do: 1 MB is 1,048,576 bytes.
#[must_use]
pub fn size(bytes: i64) -> String {
    let bytes = u64::try_from(bytes).unwrap_or_default();
    let tenths = |unit: u64| {
        let tenths = u128::from(bytes) * 10 / u128::from(unit);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KB", tenths(1024)),
        1_048_576..1_073_741_824 => format!("{} MB", tenths(1_048_576)),
        _ => format!("{} GB", tenths(1_073_741_824)),
    }
}

/// Names what a file is.
#[must_use]
pub(in crate::features) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Picture => "Picture",
        Kind::Recording => "Recording",
        Kind::Transcript => "Transcript",
        Kind::Voicemail => "Voicemail",
        Kind::Fax => "Fax",
        Kind::Attachment => "Attachment",
        Kind::Greeting => "Greeting",
    }
}

/// Names the state, and what a held delivery waits for.
pub(super) fn state_label(delivery: &Delivery) -> &'static str {
    match delivery.held_reason {
        None => delivery.state.label(),
        Some(HeldReason::Conflict) => "Held: name taken",
        Some(HeldReason::TooLarge) => "Held: too large",
        Some(HeldReason::Rejected) => "Held: rejected",
        Some(HeldReason::Poison) => "Held: put aside",
    }
}

/// Colours and names the end of an attempt.
pub(super) fn outcome(attempt: &Attempt) -> (&'static str, String) {
    let (kind, word) = match attempt.outcome {
        AttemptOutcome::Delivered => ("ok", "delivered"),
        AttemptOutcome::Transient => ("err", "failed, to be tried again"),
        AttemptOutcome::Item => ("err", "refused"),
        AttemptOutcome::Endpoint => ("err", "the endpoint needs attention"),
    };
    (kind, format!("Attempt {}: {word}", attempt.number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_said_as_people_say_them() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KB"),
            (50_593_792, "48.2 MB"),
            (i64::MAX, "8589934591.9 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (millis, text) in [(0, "0 ms"), (999, "999 ms"), (1_949, "1.9 s"), (61_000, "1 min 1 s")] {
            assert_eq!(lasted(Duration::from_millis(millis)), text);
        }
    }
}
