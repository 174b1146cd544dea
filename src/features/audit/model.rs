//! What an entry says.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::platform::clock::Timestamp;
use crate::platform::form::Check;
use crate::platform::web::Actor;
use crate::platform::web::pagination::{Filter, Moment};
use crate::typed_id;

typed_id! {
    /// Names an entry.
    AuditEntryId
}

/// Something that was done or seen: a dotted action, its target, and details that are no secrets.
#[derive(Debug, Clone)]
pub struct Act {
    action: &'static str,
    target_kind: &'static str,
    target_id: Option<String>,
    detail: Map<String, Value>,
}

impl Act {
    /// An act on a thing.
    pub fn on(action: &'static str, target_kind: &'static str, target_id: impl Into<String>) -> Self {
        Self { action, target_kind, target_id: Some(target_id.into()), detail: Map::new() }
    }

    /// An act without a thing, such as a refused sign-in.
    #[must_use]
    pub fn of(action: &'static str, target_kind: &'static str) -> Self {
        Self { action, target_kind, target_id: None, detail: Map::new() }
    }

    /// Adds a detail. Never pass a secret or what a customer said.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }
}

/// A row before it has its place in the chain.
#[derive(Debug)]
pub(super) struct NewEntry {
    pub(super) id: AuditEntryId,
    pub(super) at: Timestamp,
    pub(super) actor_kind: &'static str,
    pub(super) actor_id: Option<String>,
    pub(super) actor_name: String,
    pub(super) action: &'static str,
    pub(super) target_kind: &'static str,
    pub(super) target_id: Option<String>,
    pub(super) detail: String,
    pub(super) address: Option<String>,
    pub(super) request_id: Option<String>,
}

impl NewEntry {
    pub(super) fn new(actor: &Actor, at: Timestamp, act: Act) -> Self {
        let (actor_kind, actor_id, actor_name) = actor.signature();
        Self {
            id: AuditEntryId::fresh(),
            at,
            actor_kind,
            actor_id,
            actor_name: actor_name.to_owned(),
            action: act.action,
            target_kind: act.target_kind,
            target_id: act.target_id,
            detail: Value::Object(act.detail).to_string(),
            address: actor.address.map(|address| address.to_string()),
            request_id: actor.request_id.clone(),
        }
    }

    /// Gives the row an identifier derived from what must not be written twice.
    pub(super) fn once(mut self, what: &str) -> Self {
        self.id = AuditEntryId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, what.as_bytes()));
        self
    }
}

/// A stored row, as the chain covers it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Entry {
    pub(super) id: AuditEntryId,
    pub(super) at: Timestamp,
    pub(super) actor_kind: String,
    pub(super) actor_id: Option<String>,
    pub(super) actor_name: String,
    pub(super) action: String,
    pub(super) target_kind: String,
    pub(super) target_id: Option<String>,
    pub(super) detail: String,
    pub(super) address: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) number: Option<i64>,
    pub(super) previous_hash: Option<String>,
    pub(super) hash: Option<String>,
}

impl Entry {
    /// Gives the hash of the row at its place: SHA-256 over a JSON list of the place, the hash before, and every field.
    /// A JSON list keeps the fields apart, so no two different rows read the same.
    pub(super) fn hash_at(&self, number: i64, previous: &str) -> String {
        let fields = serde_json::json!([
            number,
            previous,
            self.id,
            self.at.millis(),
            self.actor_kind,
            self.actor_id,
            self.actor_name,
            self.action,
            self.target_kind,
            self.target_id,
            self.detail,
            self.address,
            self.request_id,
        ]);
        hex::encode(Sha256::digest(fields.to_string()))
    }
}

/// Which rows are asked for.
#[derive(Debug, Clone)]
pub struct AuditFilter {
    pub(super) actor: Option<String>,
    pub(super) action: Option<String>,
    pub(super) target: Option<String>,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

/// The longest identifier and the longest action are far shorter.
const MOST: usize = 100;
const TIME: &str = "Write the time as RFC 3339, such as 2026-03-01T12:30:00Z";

impl Filter for AuditFilter {
    const NAMES: &'static [&'static str] = &["actor", "action", "target", "from", "to"];

    fn read(check: &mut Check<'_>) -> Self {
        let mut text = |name| Some(check.text(name, MOST)).filter(|text| !text.is_empty());
        let (actor, action, target) = (text("actor"), text("action"), text("target"));
        Self { actor, action, target, from: check.parsed("from", TIME), to: check.parsed("to", TIME) }
    }
}

impl AuditFilter {
    /// Gives instant and identifier behind which the page begins: the place of the page before, or the end of the
    /// range, whichever comes first. Before every identifier stands the empty text.
    pub(super) fn behind(&self, after: Option<Moment>) -> (Timestamp, String) {
        let to = self.to.unwrap_or(Timestamp::from_millis(i64::MAX));
        match after {
            Some(place) if place.at < to => (place.at, place.id.hyphenated().to_string()),
            _ => (to, String::new()),
        }
    }
}
