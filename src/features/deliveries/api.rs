//! Deliveries over the HTTP API.

use actix_web::http::StatusCode;
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::model::{Attempt, DeliveryId, DeliveryState, HeldReason};
use super::steering::{self, SteeringError};
use super::store;
use super::store::listing::{self, Filter, Listed};
use crate::features::endpoints::EndpointId;
use crate::features::media::MediaId;
use crate::formats::kinds::Kind;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::form::Check;
use crate::platform::web::pagination::{self, List};
use crate::platform::web::{Answer, Call, Nothing, Reply, Segment};

/// As many attempts as anybody reads; the newest ones.
const MOST_ATTEMPTS: i64 = 100;

impl pagination::Filter for Filter {
    const NAMES: &'static [&'static str] = &["state", "endpoint", "media"];

    fn read(check: &mut Check<'_>) -> Self {
        Self {
            state: check.parsed("state", "Use a delivery state such as held"),
            endpoint: check.parsed("endpoint", "Use the id of an endpoint"),
            media: check.parsed("media", "Use the id of a media"),
        }
    }
}

/// A delivery as the HTTP API shows it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub(super) struct DeliveryView {
    id: DeliveryId,
    state: DeliveryState,
    held_reason: Option<HeldReason>,
    attempts: i64,
    media: MediaBrief,
    endpoint: EndpointBrief,
    #[schemars(with = "Option<Map<String, Value>>")]
    location: Option<Value>,
    last_error: Option<String>,
    next_attempt_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    delivered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_log: Option<Vec<Attempt>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MediaBrief {
    id: MediaId,
    kind: Kind,
    file_name: String,
    mime_type: String,
    size: i64,
    sha256: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct EndpointBrief {
    id: EndpointId,
    name: String,
}

impl From<Listed> for DeliveryView {
    fn from(listed: Listed) -> Self {
        let location = listed.delivery.location();
        let delivery = listed.delivery;
        Self {
            id: delivery.id,
            state: delivery.state,
            held_reason: delivery.held_reason,
            attempts: delivery.attempts,
            media: MediaBrief {
                id: delivery.media_id,
                kind: listed.kind,
                file_name: listed.file_name,
                mime_type: listed.mime_type,
                size: listed.size,
                sha256: listed.sha256,
            },
            endpoint: EndpointBrief { id: delivery.endpoint_id, name: listed.endpoint_name },
            location,
            last_error: delivery.last_error,
            next_attempt_at: delivery.next_attempt_at,
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
            delivered_at: delivery.delivered_at,
            attempt_log: None,
        }
    }
}

/// `GET /api/v1/deliveries?state=&endpoint=&media=&after=&limit=`, the newest first.
pub async fn index(call: Call, list: List<Filter, Uuid>) -> Reply {
    let page = call
        .read(move |tx| {
            async move {
                let rows = listing::list(tx, &list.filter, &list.behind(), list.wanted()).await?;
                DbResult::Ok(list.cut(rows, |row| row.delivery.id.uuid()))
            }
            .boxed()
        })
        .await?;
    call.json(StatusCode::OK, &page.items(DeliveryView::from))
}

/// `GET /api/v1/deliveries/{id}`, with its latest attempts.
pub async fn show(call: Call, id: Segment<DeliveryId>) -> Reply {
    let view = call.read(move |tx| async move { view(tx, id.0).await }.boxed()).await?;
    call.json(StatusCode::OK, &view)
}

async fn view(tx: &mut Tx, id: DeliveryId) -> DbResult<DeliveryView> {
    let listed = listing::show(tx, id).await?.ok_or(DbError::NotFound)?;
    let attempts = store::attempts(tx, id, MOST_ATTEMPTS).await?;
    Ok(DeliveryView { attempt_log: Some(attempts), ..listed.into() })
}

/// Lets a delivery be tried now.
pub async fn retry(call: Call, id: Segment<DeliveryId>, _: Nothing) -> Reply {
    let (id, actor, now) = (id.0, call.actor.clone(), call.now());
    let retrying = call.once(call.fingerprint(&""), move |tx| {
        async move {
            steering::retry(tx, &actor, now, id).await?;
            Ok::<_, SteeringError>(Answer::json(StatusCode::OK, &view(tx, id).await?)?)
        }
        .boxed()
    });
    retrying.await
}

/// Calls a delivery off.
pub async fn cancel(call: Call, id: Segment<DeliveryId>, _: Nothing) -> Reply {
    let (id, actor, now) = (id.0, call.actor.clone(), call.now());
    let cancelling = call.once(call.fingerprint(&""), move |tx| {
        async move {
            steering::cancel(tx, &actor, now, id).await?;
            Ok::<_, SteeringError>(Answer::json(StatusCode::OK, &view(tx, id).await?)?)
        }
        .boxed()
    });
    cancelling.await
}
