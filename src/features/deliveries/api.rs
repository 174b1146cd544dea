//! Deliveries over the HTTP API.

use actix_web::http::StatusCode;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::{Attempt, DeliveryId, DeliveryState, HeldReason};
use super::store::{self, Filter, Listed};
use crate::features::endpoints::EndpointId;
use crate::features::media::MediaId;
use crate::formats::kinds::Kind;
use crate::platform::clock::Timestamp;
use crate::platform::db::DbResult;
use crate::platform::form::FieldErrors;
use crate::platform::web::pagination::{After, Page};
use crate::platform::web::{Call, Failure, Params, Reply, Segment};

/// Items of a list when the caller does not say.
const USUAL_LIMIT: i64 = 50;
/// The most items that one answer has.
const MOST_ITEMS: i64 = 200;
/// As many attempts as anybody reads; the newest ones.
const MOST_ATTEMPTS: i64 = 100;

/// What a caller asks for.
#[derive(Debug, Deserialize)]
pub struct ListParams {
    state: Option<String>,
    endpoint: Option<String>,
    media: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

impl ListParams {
    fn filter(&self) -> Result<Filter, FieldErrors> {
        let mut errors = FieldErrors::default();
        let filter = Filter {
            state: parsed(self.state.as_deref(), "state", "Use a delivery state such as held", &mut errors),
            endpoint: parsed(self.endpoint.as_deref(), "endpoint", "Use the id of an endpoint", &mut errors),
            media: parsed(self.media.as_deref(), "media", "Use the id of a media", &mut errors),
        };
        if errors.is_empty() { Ok(filter) } else { Err(errors) }
    }

    fn limit(&self) -> Result<i64, Failure> {
        match self.limit.as_deref() {
            None | Some("") => Ok(USUAL_LIMIT),
            Some(text) => match text.parse::<i64>() {
                Ok(limit) if limit >= 1 => Ok(limit.min(MOST_ITEMS)),
                _ => Err(Failure::malformed("limit is a number from 1 to 200")),
            },
        }
    }
}

fn parsed<T: std::str::FromStr>(
    text: Option<&str>,
    field: &str,
    problem: &str,
    errors: &mut FieldErrors,
) -> Option<T> {
    let text = text.filter(|text| !text.is_empty())?;
    let value = text.parse().ok();
    if value.is_none() {
        errors.add(field, problem);
    }
    value
}

/// A delivery as the HTTP API shows it.
#[derive(Debug, Serialize)]
struct DeliveryView {
    id: DeliveryId,
    state: DeliveryState,
    held_reason: Option<HeldReason>,
    attempts: i64,
    media: MediaBrief,
    endpoint: EndpointBrief,
    location: Option<Value>,
    last_error: Option<String>,
    next_attempt_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    delivered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_log: Option<Vec<Attempt>>,
}

#[derive(Debug, Serialize)]
struct MediaBrief {
    id: MediaId,
    kind: Kind,
    file_name: String,
    mime_type: String,
    size: i64,
    sha256: String,
}

#[derive(Debug, Serialize)]
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
pub async fn index(call: Call, params: Params<ListParams>) -> Reply {
    let (filter, limit) = (params.0.filter().map_err(Failure::Invalid)?, params.0.limit()?);
    let behind = After { after: params.0.after }.behind()?;
    let rows = call
        .read(move |tx| async move { store::list(tx, &filter, &behind, limit + 1).await }.boxed())
        .await?;
    let page = Page::cut(rows, limit, |row| row.delivery.id.to_string());
    let items: Vec<DeliveryView> = page.rows.into_iter().map(DeliveryView::from).collect();
    call.json(StatusCode::OK, &serde_json::json!({ "items": items, "next": page.next }))
}

/// `GET /api/v1/deliveries/{id}`, with its latest attempts.
pub async fn show(call: Call, id: Segment<DeliveryId>) -> Reply {
    let found: Option<DeliveryView> = call
        .read(move |tx| {
            async move {
                let Some(listed) = store::show(tx, id.0).await? else { return DbResult::Ok(None) };
                let attempts = store::attempts(tx, id.0, MOST_ATTEMPTS).await?;
                Ok(Some(DeliveryView { attempt_log: Some(attempts), ..listed.into() }))
            }
            .boxed()
        })
        .await?;
    call.json(StatusCode::OK, &found.ok_or(Failure::NotFound)?)
}
