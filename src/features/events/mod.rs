//! Facts that others react to, written in the transaction that makes them true.
//!
//! An event's identifier is derived from what it is about, so a retry, a crash or a restore announces the same fact under
//! the same name, and a fact is never announced twice.

use serde_json::Value;
use uuid::Uuid;

use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::{text_enum, typed_id};

typed_id! {
    /// Names an event.
    EventId
}

text_enum! {
    /// What can happen.
    EventType {
        /// A file was accepted and is durable.
        MediaReceived = "media.received",
        /// A file is verified at an endpoint.
        MediaStored = "media.stored",
        /// A delivery needs a person.
        DeliveryHeld = "delivery.held",
        /// Deliveries to an endpoint wait.
        EndpointPaused = "endpoint.paused",
        /// Deliveries to an endpoint run again.
        EndpointResumed = "endpoint.resumed",
        /// A conversation has ended.
        ConversationEnded = "conversation.ended",
    }
}

/// The namespace of event identifiers; made once, never changed.
const NAMESPACE: Uuid = Uuid::from_u128(0x5d0c_6a3e_8f41_4b7a_9a51_2e0f_7c3b_91d4);

const INSERT: &str =
    "INSERT INTO events (id, type, subject_id, data, occurred_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (id) DO NOTHING";

/// Writes down that something happened to `subject`. `version` tells apart facts of one type about one subject.
pub async fn record(
    tx: &mut Tx,
    kind: EventType,
    subject: Uuid,
    version: u64,
    data: &Value,
    now: Timestamp,
) -> DbResult<EventId> {
    let id = EventId::from_uuid(Uuid::new_v5(&NAMESPACE, format!("{subject}|{kind}|{version}").as_bytes()));
    on!(tx, conn => sqlx::query(INSERT)
        .bind(id)
        .bind(kind)
        .bind(subject.to_string())
        .bind(data.to_string())
        .bind(now)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(id)
}
