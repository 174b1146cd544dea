//! What the templates of deliveries are filled with.

use super::super::model::{Attempt, AttemptOutcome, Delivery, DeliveryState, HeldReason, size_words};
use crate::formats::kinds::Kind;
use crate::platform::clock::Timestamp;

/// One row of a list.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    pub(crate) id: String,
    pub(crate) file_name: String,
    pub(crate) detail: String,
    pub(crate) state_kind: &'static str,
    pub(crate) state_label: &'static str,
    pub(crate) endpoint_id: String,
    pub(crate) endpoint_name: String,
    pub(crate) size: String,
    pub(crate) at: Timestamp,
}

impl From<&Delivery> for DeliveryRow {
    fn from(row: &Delivery) -> Self {
        let place = row.location.as_deref().map(location_words).unwrap_or_default();
        let detail = match row.state {
            DeliveryState::Delivered => place,
            DeliveryState::Retrying | DeliveryState::Held => row.last_error.clone().unwrap_or_default(),
            _ => row.use_case.clone().unwrap_or_default(),
        };
        Self {
            id: row.id.to_string(),
            file_name: row.file_name.clone(),
            detail,
            state_kind: state_kind(row.state),
            state_label: state_label(row.state, row.held_reason),
            endpoint_id: row.endpoint_id.to_string(),
            endpoint_name: row.endpoint_name.clone(),
            size: size_words(row.size),
            at: row.delivered_at.unwrap_or(row.updated_at),
        }
    }
}

/// One delivery, whole.
pub(super) struct DeliveryView {
    pub(super) file_name: String,
    pub(super) kind: &'static str,
    pub(super) mime_type: String,
    pub(super) size: String,
    pub(super) sha256: String,
    pub(super) state_kind: &'static str,
    pub(super) state_label: &'static str,
    pub(super) last_error: String,
    pub(super) location: String,
    pub(super) endpoint_id: String,
    pub(super) endpoint_name: String,
    pub(super) use_case: String,
    pub(super) created_at: Timestamp,
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) next_attempt_at: Option<Timestamp>,
}

impl From<&Delivery> for DeliveryView {
    fn from(row: &Delivery) -> Self {
        Self {
            file_name: row.file_name.clone(),
            kind: kind_label(row.kind),
            mime_type: row.mime_type.clone(),
            size: size_words(row.size),
            sha256: row.sha256.clone(),
            state_kind: state_kind(row.state),
            state_label: state_label(row.state, row.held_reason),
            last_error: row.last_error.clone().unwrap_or_default(),
            location: row.location.as_deref().map(location_words).unwrap_or_default(),
            endpoint_id: row.endpoint_id.to_string(),
            endpoint_name: row.endpoint_name.clone(),
            use_case: row.use_case.clone().unwrap_or_default(),
            created_at: row.created_at,
            delivered_at: row.delivered_at,
            next_attempt_at: row.next_attempt_at,
        }
    }
}

/// One attempt of the timeline.
pub(super) struct AttemptView {
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) message: String,
    pub(super) at: Timestamp,
    pub(super) took: String,
}

impl From<&Attempt> for AttemptView {
    fn from(row: &Attempt) -> Self {
        let (kind, word) = match row.outcome {
            AttemptOutcome::Delivered => ("ok", "delivered"),
            AttemptOutcome::Transient => ("warn", "failed for now"),
            AttemptOutcome::Item => ("err", "refused for this file"),
            AttemptOutcome::Endpoint => ("err", "the endpoint needs a repair"),
            AttemptOutcome::Poison => ("err", "broke the program"),
        };
        let took = row.ended_at.since(row.started_at).as_millis();
        Self {
            kind,
            title: format!("Attempt {}: {word}", row.number),
            message: row.message.clone().unwrap_or_default(),
            at: row.started_at,
            took: if took < 1000 {
                format!("{took} ms")
            } else {
                format!("{}.{} s", took / 1000, took % 1000 / 100)
            },
        }
    }
}

pub(super) fn state_kind(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Delivered => "ok",
        DeliveryState::Sending | DeliveryState::Verifying => "run",
        DeliveryState::Retrying => "warn",
        DeliveryState::Held => "err",
        DeliveryState::Queued | DeliveryState::Cancelled => "",
    }
}

fn state_label(state: DeliveryState, held: Option<HeldReason>) -> &'static str {
    match (state, held) {
        (DeliveryState::Queued, _) => "Queued",
        (DeliveryState::Sending, _) => "Sending",
        (DeliveryState::Verifying, _) => "Verifying",
        (DeliveryState::Delivered, _) => "Delivered",
        (DeliveryState::Retrying, _) => "Retrying",
        (DeliveryState::Cancelled, _) => "Cancelled",
        (DeliveryState::Held, Some(HeldReason::Conflict)) => "Held: name taken",
        (DeliveryState::Held, Some(HeldReason::TooLarge)) => "Held: too large",
        (DeliveryState::Held, Some(HeldReason::Rejected)) => "Held: rejected",
        (DeliveryState::Held, _) => "Held: needs a look",
    }
}

fn kind_label(kind: Kind) -> &'static str {
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

/// Reads a destination's own words in one line: `bucket/key`, or a path.
fn location_words(json: &str) -> String {
    let place: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let text = |name: &str| place.get(name).and_then(serde_json::Value::as_str);
    match (text("bucket"), text("key"), text("path")) {
        (Some(bucket), Some(key), _) => format!("{bucket}/{key}"),
        (_, _, Some(path)) => path.to_owned(),
        _ => json.to_owned(),
    }
}
