//! Deliveries over the HTTP API.

use actix_web::http::StatusCode;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};

use super::model::{Delivery, DeliveryId, DeliveryState, HeldReason};
use super::store::{self, Scope};
use crate::features::endpoints::EndpointId;
use crate::features::media::MediaId;
use crate::platform::clock::Timestamp;
use crate::platform::web::pagination::{After, Page};
use crate::platform::web::{Call, Failure, Params, Reply, Segment};

const DEFAULT_LIMIT: i64 = 50;
const MOST: i64 = 200;

/// What `GET /api/v1/deliveries` may ask for.
#[derive(Debug, Deserialize)]
pub struct Filter {
    state: Option<String>,
    endpoint: Option<String>,
    media: Option<String>,
    after: Option<String>,
    limit: Option<i64>,
}

impl Filter {
    fn scope(&self) -> Result<Scope, Failure> {
        let wrong = |name: &str| Failure::malformed(format!("The filter {name} is not understood"));
        let state = self.state.as_deref().map(str::parse::<DeliveryState>).transpose();
        let endpoint = self.endpoint.as_deref().map(str::parse::<EndpointId>).transpose();
        let media = self.media.as_deref().map(str::parse::<MediaId>).transpose();
        Ok(Scope {
            state: state.map_err(|_| wrong("state"))?,
            endpoint: endpoint.map_err(|_| wrong("endpoint"))?,
            media: media.map_err(|_| wrong("media"))?,
        })
    }
}

#[derive(Serialize)]
struct DeliveryView {
    id: DeliveryId,
    media_id: MediaId,
    endpoint_id: EndpointId,
    state: DeliveryState,
    held_reason: Option<HeldReason>,
    attempts: i64,
    location: Option<serde_json::Value>,
    last_error: Option<String>,
    next_attempt_at: Option<Timestamp>,
    created_at: Timestamp,
    delivered_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(row: Delivery) -> Self {
        Self {
            id: row.id,
            media_id: row.media_id,
            endpoint_id: row.endpoint_id,
            state: row.state,
            held_reason: row.held_reason,
            attempts: row.attempts,
            location: row.location.and_then(|text| serde_json::from_str(&text).ok()),
            last_error: row.last_error,
            next_attempt_at: row.next_attempt_at,
            created_at: row.created_at,
            delivered_at: row.delivered_at,
        }
    }
}

#[derive(Serialize)]
struct List {
    items: Vec<DeliveryView>,
    next: Option<String>,
}

/// Lists deliveries, newest first.
pub async fn index(call: Call, filter: Params<Filter>) -> Reply {
    let scope = filter.0.scope()?;
    let behind = After { after: filter.0.after.clone() }.behind()?;
    let limit = filter.0.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MOST).contains(&limit) {
        return Err(Failure::malformed("Give a limit from 1 to 200"));
    }
    let rows = call.read(move |tx| {
        async move { store::list(tx, scope, &behind, limit + 1).await }.boxed()
    });
    let page = Page::cut(rows.await?, limit, |row: &Delivery| row.id.to_string());
    let items = page.rows.into_iter().map(DeliveryView::from).collect();
    call.json(StatusCode::OK, &List { items, next: page.next })
}

/// Shows one delivery.
pub async fn show(call: Call, id: Segment<DeliveryId>) -> Reply {
    let found =
        call.read(move |tx| async move { store::find(tx, id.0).await }.boxed()).await?;
    call.json(StatusCode::OK, &DeliveryView::from(found.ok_or(Failure::NotFound)?))
}
