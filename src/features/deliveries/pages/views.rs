//! Deliveries in the words of the screen.

use std::time::Duration;

use crate::connectors;
use crate::features::deliveries::model::{Attempt, AttemptOutcome, Delivery, DeliveryState, HeldReason};
use crate::features::deliveries::store::{self, Filter, Listed};
use crate::features::endpoints::{EndpointId, EndpointState};
use crate::formats::kinds::Kind;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::web::Failure;
use crate::platform::web::pagination::{After, LATEST, Page};

/// A row of the table of deliveries, as `deliveries/_rows.html` shows it.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    /// Names the row.
    pub id: String,
    /// The file's name.
    pub file_name: String,
    /// What one wants to know next: where it lies, what went wrong, when it comes again.
    pub detail: String,
    /// The colour of the mark.
    pub state_kind: &'static str,
    /// The word in the mark.
    pub state_label: &'static str,
    /// Leads to the endpoint.
    pub endpoint_id: String,
    /// The endpoint's name.
    pub endpoint_name: String,
    /// The file's size in words.
    pub size: String,
    /// When something last happened.
    pub at: Timestamp,
}

impl DeliveryRow {
    pub(super) fn new(listed: Listed, now: Timestamp) -> Self {
        let detail = detail(&listed, now);
        let delivery = listed.delivery;
        Self {
            id: delivery.id.to_string(),
            file_name: listed.file_name,
            detail,
            state_kind: delivery.state.kind(),
            state_label: state_label(&delivery),
            endpoint_id: delivery.endpoint_id.to_string(),
            endpoint_name: listed.endpoint_name,
            size: size(listed.size),
            at: delivery.updated_at,
        }
    }
}

fn detail(listed: &Listed, now: Timestamp) -> String {
    let delivery = &listed.delivery;
    let error = delivery.last_error.as_deref().unwrap_or_default();
    match delivery.state {
        DeliveryState::Delivered => location(delivery),
        DeliveryState::Held => error.to_owned(),
        DeliveryState::Queued | DeliveryState::Retrying if listed.endpoint_state == EndpointState::Paused => {
            "Waiting: the endpoint is paused".to_owned()
        }
        DeliveryState::Retrying => match delivery.next_attempt_at {
            Some(at) => format!("Next try {}. {error}", ahead(at.since(now))),
            None => error.to_owned(),
        },
        DeliveryState::Queued
        | DeliveryState::Sending
        | DeliveryState::Verifying
        | DeliveryState::Cancelled => listed.use_case_name.clone().unwrap_or_default(),
    }
}

/// Says where a file lies in the destination's own terms; empty until it is delivered.
pub(super) fn location(delivery: &Delivery) -> String {
    delivery.location().as_ref().map(connectors::place).unwrap_or_default()
}

/// Says how long something lies ahead, in the largest unit that fits.
fn ahead(wait: Duration) -> String {
    match wait.as_secs() {
        0 => "now".to_owned(),
        seconds @ 1..60 => format!("in {seconds} s"),
        seconds @ 60..3600 => format!("in {} min", seconds / 60),
        seconds => format!("in {} h", seconds / 3600),
    }
}

/// Says how long an attempt took.
pub(super) fn took(attempt: &Attempt) -> String {
    let millis = attempt.ended_at.since(attempt.started_at).as_millis();
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
pub(super) fn kind(kind: Kind) -> &'static str {
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

/// Gives one page of an endpoint's deliveries, the newest first, for the endpoint's own page.
pub async fn rows_for_endpoint(
    tx: &mut Tx,
    endpoint: EndpointId,
    (after, limit): (&After, i64),
    now: Timestamp,
) -> Result<Page<DeliveryRow>, Failure> {
    let filter = Filter { endpoint: Some(endpoint), ..Filter::default() };
    let rows = store::list(tx, &filter, &after.behind()?, limit + 1).await?;
    let page = Page::cut(rows, limit, |row| row.delivery.id.to_string());
    let rows = page.rows.into_iter().map(|listed| DeliveryRow::new(listed, now)).collect();
    Ok(Page { rows, next: page.next })
}

/// Gives the latest deliveries, for the dashboard.
pub async fn latest(tx: &mut Tx, limit: i64, now: Timestamp) -> DbResult<Vec<DeliveryRow>> {
    let rows = store::list(tx, &Filter::default(), LATEST, limit).await?;
    Ok(rows.into_iter().map(|listed| DeliveryRow::new(listed, now)).collect())
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
        for (seconds, text) in [(0, "now"), (59, "in 59 s"), (199, "in 3 min"), (7200, "in 2 h")] {
            assert_eq!(ahead(Duration::from_secs(seconds)), text);
        }
    }
}
