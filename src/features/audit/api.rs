//! `/api/v1/audit`: reading the log, and recomputing its chain.

use actix_web::http::StatusCode;
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::{AuditEntryId, AuditFilter, Entry};
use super::{chain, record_reading, store};
use crate::platform::clock::Timestamp;
use crate::platform::db::DbResult;
use crate::platform::web::pagination::{List, Moment};
use crate::platform::web::{Call, Failure, Params, Reply};

/// Rows that one request may recompute: some hundredths of a second.
pub(super) const MOST_VERIFIED: i64 = 10_000;

/// A row of the log.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub(super) struct EntryView {
    id: AuditEntryId,
    at: Timestamp,
    actor: ActorView,
    action: String,
    target: TargetView,
    detail: Value,
    address: Option<String>,
    request_id: Option<String>,
    number: Option<i64>,
    hash: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditActor")]
struct ActorView {
    kind: String,
    id: Option<String>,
    name: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditTarget")]
struct TargetView {
    kind: String,
    id: Option<String>,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        // Ours is always an object; what somebody made of it is shown as it stands.
        let detail = serde_json::from_str(&entry.detail).unwrap_or(Value::String(entry.detail));
        Self {
            id: entry.id,
            at: entry.at,
            actor: ActorView { kind: entry.actor_kind, id: entry.actor_id, name: entry.actor_name },
            action: entry.action,
            target: TargetView { kind: entry.target_kind, id: entry.target_id },
            detail,
            address: entry.address,
            request_id: entry.request_id,
            number: entry.number,
            hash: entry.hash,
        }
    }
}

/// `GET /api/v1/audit?actor=&action=&target=&from=&to=&after=&limit=`, the newest first.
pub async fn index(call: Call, list: List<AuditFilter, Moment>) -> Reply {
    record_reading(&call.site.db, &call.actor, call.now()).await?;
    let page = call
        .read(move |tx| {
            async move {
                let rows = store::list(tx, &list.filter, list.after, list.wanted()).await?;
                DbResult::Ok(list.cut(rows, |row| Moment { at: row.at, id: row.id.uuid() }))
            }
            .boxed()
        })
        .await?;
    call.json(StatusCode::OK, &page.items(EntryView::from))
}

/// Which piece of the chain to recompute.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationParams {
    from_number: Option<i64>,
    count: Option<i64>,
}

/// What a piece of the chain looks like.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditVerification")]
pub(super) struct VerificationView {
    good: i64,
    broken_at: Option<i64>,
    hash: Option<String>,
    unchained: i64,
    next: Option<i64>,
}

/// `GET /api/v1/audit/verification?from_number=&count=`.
pub async fn verification(call: Call, params: Params<VerificationParams>) -> Reply {
    let (from, count) = (params.0.from_number.unwrap_or(1), params.0.count.unwrap_or(MOST_VERIFIED));
    if from < 1 || !(1..=MOST_VERIFIED).contains(&count) {
        return Err(Failure::malformed("from_number is 1 or more, count is from 1 to 10000"));
    }
    let db = &call.site.db;
    let stretch = chain::verify_stretch(db, from, count).await?;
    let goes_on = stretch.broken_at.is_none() && !stretch.is_end;
    let view = VerificationView {
        good: stretch.good,
        broken_at: stretch.broken_at,
        hash: stretch.hash,
        unchained: chain::count_unchained(db).await?,
        next: goes_on.then_some(from.saturating_add(stretch.good)),
    };
    call.json(StatusCode::OK, &view)
}
