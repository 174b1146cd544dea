//! What every file goes through, whichever way it came: its bytes become durable, then one transaction says so.

use super::model::{Details, Expected, IntakeError};
use crate::features::conversations::Conversation;
use crate::features::deliveries::{self, DeliveryBrief};
use crate::features::events::EventType;
use crate::features::media::{self, Media, MediaId, MediaState};
use crate::features::{audit, events, use_cases};
use crate::formats::kinds::Kind;
use crate::formats::sniff::{Sniffed, sniff};
use crate::platform::blobs::{Incoming, Received};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::web::Actor;

/// The one version of the fact that a media was received.
const RECEIVED: u64 = 0;
const UNKNOWN_TYPE: &str = "application/octet-stream";
/// The extension of a type that is not known, or not yet.
const UNKNOWN_EXTENSION: &str = "bin";
/// The longest type that is worth keeping; registered ones have at most 127 characters.
const MOST_TYPE: usize = 127;

/// Describes a media whose bytes are not here.
pub(super) fn draft(
    conversation: &Conversation,
    details: Details,
    declared: Option<&str>,
    now: Timestamp,
) -> Media {
    Media {
        id: MediaId::fresh(),
        app_id: conversation.app_id,
        conversation_id: conversation.id,
        kind: details.kind,
        file_name: details.file_name,
        mime_type: type_of(declared),
        extension: UNKNOWN_EXTENSION.to_owned(),
        size: 0,
        sha256: String::new(),
        state: MediaState::Fetching,
        failed_reason: None,
        captured_at: details.captured_at,
        latitude: details.place.map(|(latitude, _)| latitude),
        longitude: details.place.map(|(_, longitude)| longitude),
        origin: details.origin,
        note: details.note,
        is_damaged: false,
        created_at: now,
        expires_at: None,
        deleted_at: None,
    }
}

/// Gives the type that a declaration may stand for until the content has been seen.
pub(super) fn type_of(declared: Option<&str>) -> String {
    declared.and_then(harmless).unwrap_or_else(|| UNKNOWN_TYPE.to_owned())
}

/// Brings the bytes to the disk, unless they are others than `expected`.
pub(super) async fn receive(incoming: Incoming, expected: &Expected) -> Result<Received, IntakeError> {
    let received = incoming.finish().await?;
    expected.check(&received)?;
    Ok(received)
}

/// Puts the bytes of a described media in their place, unless they are no picture where one was promised, and completes
/// the description.
pub(super) async fn settle(draft: Media, received: Received) -> Result<Media, IntakeError> {
    let sniffed = sniff(&received.head);
    if draft.kind == Kind::Picture && !sniffed.is_image() {
        return Err(IntakeError::NotAPicture);
    }
    let media = Media {
        file_name: named(draft.file_name, draft.kind, sniffed),
        // What the content does not say, the sender may.
        mime_type: if sniffed.mime == UNKNOWN_TYPE { draft.mime_type } else { sniffed.mime.to_owned() },
        extension: sniffed.extension.to_owned(),
        size: i64::try_from(received.size).map_err(|error| IntakeError::Broken(error.into()))?,
        sha256: received.sha256.clone(),
        state: MediaState::Stored,
        ..draft
    };
    received.keep(media.id.uuid()).await?;
    Ok(media)
}

fn named(file_name: String, kind: Kind, sniffed: Sniffed) -> String {
    if file_name.is_empty() { format!("{kind}.{}", sniffed.extension) } else { file_name }
}

/// Whether the row of a media is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    New,
    /// It was ordered.
    Waiting,
}

/// A file whose bytes are in their place.
#[derive(Debug, Clone)]
pub(super) struct Acceptance {
    pub(super) actor: Actor,
    pub(super) conversation: Conversation,
    pub(super) media: Media,
    pub(super) row: Row,
    pub(super) now: Timestamp,
}

/// Writes down that a file was accepted: the media, a delivery for each endpoint that the use case names at this moment,
/// the event, the audit row.
pub(super) async fn record(tx: &mut Tx, accepted: &Acceptance) -> DbResult<Vec<DeliveryBrief>> {
    let Acceptance { actor, conversation, media, row, now } = accepted;
    match row {
        Row::New => media::insert(tx, media).await?,
        Row::Waiting => media::save_fetched(tx, media).await?,
    }
    let endpoints = match conversation.use_case_id {
        Some(use_case) => use_cases::endpoints_for(tx, use_case, media.kind.list()).await?,
        None => Vec::new(),
    };
    let planned = deliveries::plan(tx, media.id, &endpoints, *now).await?;
    let data = deliveries::context(tx, media).await?;
    events::record(tx, EventType::MediaReceived, media.id.uuid(), RECEIVED, &data, *now).await?;
    let act = audit::Act::on("media.received", "media", media.id)
        .with("conversation", conversation.id.to_string())
        .with("kind", media.kind.as_str())
        .with("size", media.size)
        .with("sha256", media.sha256.as_str());
    audit::record(tx, actor, *now, act).await?;
    Ok(planned)
}

/// Gives a declared type that may stand for content that we do not know: sound, film and pictures that only a player or
/// viewer opens, and plain text. Anything else could claim to be a document of ours.
fn harmless(declared: &str) -> Option<String> {
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (family, name) = essence.split_once('/')?;
    let plain = |character: char| character.is_ascii_alphanumeric() || ".+-_".contains(character);
    let is_plain = !name.is_empty() && name.chars().all(plain) && essence.len() <= MOST_TYPE;
    let is_harmless = match family {
        "audio" | "video" => true,
        "image" => !name.contains("svg") && !name.contains("xml"),
        "text" => matches!(name, "plain" | "csv"),
        _ => false,
    };
    (is_plain && is_harmless).then_some(essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_player_opens_is_believed() {
        for (declared, kept) in [
            ("Audio/X-Speex; rate=8000", Some("audio/x-speex")),
            ("video/quicktime", Some("video/quicktime")),
            ("image/x-raw", Some("image/x-raw")),
            ("text/csv; charset=utf-8", Some("text/csv")),
            ("image/svg+xml", None),
            ("text/html", None),
            ("application/xhtml+xml", None),
            ("application/javascript", None),
            ("audio/", None),
            ("audio/x y", None),
            ("audio", None),
            ("", None),
        ] {
            assert_eq!(harmless(declared).as_deref(), kept, "{declared:?}");
        }
        assert_eq!(harmless(&format!("audio/{}", "x".repeat(200))), None);
    }
}
