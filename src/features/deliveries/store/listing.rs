//! SQL of lists of deliveries. They join what they show from the features below; nothing else is read across.

use crate::features::deliveries::model::{Delivery, DeliveryId, DeliveryState};
use crate::features::endpoints::{EndpointId, EndpointState};
use crate::features::media::MediaId;
use crate::formats::kinds::Kind;
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};

/// Which deliveries a list shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    pub(in crate::features::deliveries) state: Option<DeliveryState>,
    pub(in crate::features::deliveries) endpoint: Option<EndpointId>,
    pub(in crate::features::deliveries) media: Option<MediaId>,
}

/// A delivery with what lists and pages say about its file, its endpoint and its last attempt.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(in crate::features::deliveries) struct Listed {
    #[sqlx(flatten)]
    pub(in crate::features::deliveries) delivery: Delivery,
    pub(in crate::features::deliveries) file_name: String,
    pub(in crate::features::deliveries) kind: Kind,
    pub(in crate::features::deliveries) mime_type: String,
    pub(in crate::features::deliveries) size: i64,
    pub(in crate::features::deliveries) sha256: String,
    pub(in crate::features::deliveries) endpoint_name: String,
    pub(in crate::features::deliveries) endpoint_state: EndpointState,
    pub(in crate::features::deliveries) use_case_name: Option<String>,
    pub(in crate::features::deliveries) external_id: Option<String>,
    /// The attempt that ended last, unless another one runs.
    pub(in crate::features::deliveries) tried_from: Option<Timestamp>,
    pub(in crate::features::deliveries) tried_to: Option<Timestamp>,
}

/// What a search looks at in one delivery.
#[derive(Debug, sqlx::FromRow)]
pub(in crate::features::deliveries) struct Texts {
    pub(in crate::features::deliveries) id: DeliveryId,
    pub(in crate::features::deliveries) file_name: String,
    pub(in crate::features::deliveries) external_id: Option<String>,
    pub(in crate::features::deliveries) last_error: Option<String>,
}

/// One statement for each filter, so that every one of them walks an index.
macro_rules! listed {
    ($condition:literal) => {
        listed!("", "deliveries d", $condition)
    };
    ($before:literal, $from:literal, $condition:literal) => {
        concat!(
            $before,
            "SELECT d.id, d.media_id, d.endpoint_id, d.state, d.held_reason, d.attempts, d.location, d.last_error,
                    d.next_attempt_at, d.job_id, d.created_at, d.updated_at, d.delivered_at, m.file_name, m.kind,
                    m.mime_type, m.size, m.sha256, e.name AS endpoint_name, e.state AS endpoint_state,
                    u.name AS use_case_name, c.external_id, t.started_at AS tried_from, t.ended_at AS tried_to
             FROM ",
            $from,
            " JOIN media m ON m.id = d.media_id
             JOIN endpoints e ON e.id = d.endpoint_id
             JOIN conversations c ON c.id = m.conversation_id
             LEFT JOIN use_cases u ON u.id = c.use_case_id
             LEFT JOIN delivery_attempts t ON t.delivery_id = d.id AND t.number = d.attempts
             WHERE ",
            $condition
        )
    };
}

const LIST: &str = listed!("d.id < $1 ORDER BY d.id DESC LIMIT $2");
const LIST_STATE: &str = listed!("d.state = $3 AND d.id < $1 ORDER BY d.id DESC LIMIT $2");
const LIST_ENDPOINT: &str = listed!("d.endpoint_id = $3 AND d.id < $1 ORDER BY d.id DESC LIMIT $2");
const LIST_BOTH: &str =
    listed!("d.endpoint_id = $3 AND d.state = $4 AND d.id < $1 ORDER BY d.id DESC LIMIT $2");
/// A media has few deliveries; they are found by it and then filtered.
const LIST_MEDIA: &str = listed!(
    "d.media_id = $3 AND d.id < $1
       AND (CAST($4 AS TEXT) IS NULL OR d.endpoint_id = $4) AND (CAST($5 AS TEXT) IS NULL OR d.state = $5)
     ORDER BY d.id DESC LIMIT $2"
);

/// Lists deliveries behind an identifier, the newest first.
pub(in crate::features::deliveries) async fn list(
    tx: &mut Tx,
    filter: &Filter,
    behind: &str,
    limit: i64,
) -> DbResult<Vec<Listed>> {
    let rows = match filter {
        Filter { media: Some(media), endpoint, state } => on!(tx, conn => sqlx::query_as(LIST_MEDIA)
            .bind(behind).bind(limit).bind(media).bind(endpoint).bind(state).fetch_all(conn).await),
        Filter { endpoint: Some(endpoint), state: Some(state), .. } => {
            on!(tx, conn => sqlx::query_as(LIST_BOTH)
            .bind(behind).bind(limit).bind(endpoint).bind(state).fetch_all(conn).await)
        }
        Filter { endpoint: Some(endpoint), .. } => on!(tx, conn => sqlx::query_as(LIST_ENDPOINT)
            .bind(behind).bind(limit).bind(endpoint).fetch_all(conn).await),
        Filter { state: Some(state), .. } => on!(tx, conn => sqlx::query_as(LIST_STATE)
            .bind(behind).bind(limit).bind(state).fetch_all(conn).await),
        Filter { .. } => on!(tx, conn => sqlx::query_as(LIST).bind(behind).bind(limit).fetch_all(conn).await),
    };
    Ok(rows?)
}

const SHOW: &str = listed!("d.id = $1");

/// Gives one delivery as lists show it.
pub(in crate::features::deliveries) async fn show(tx: &mut Tx, id: DeliveryId) -> DbResult<Option<Listed>> {
    Ok(on!(tx, conn => sqlx::query_as(SHOW).bind(id).fetch_optional(conn).await)?)
}

/// $1 is identifiers without anything between them. No form of a list is understood by both engines, and text is.
const THESE: &str = listed!(
    "WITH RECURSIVE page (id, others) AS (
         SELECT SUBSTR($1, 1, 36), SUBSTR($1, 37)
         UNION ALL
         SELECT SUBSTR(others, 1, 36), SUBSTR(others, 37) FROM page WHERE others <> ''
     ) ",
    "page JOIN deliveries d ON d.id = page.id",
    "TRUE ORDER BY d.id DESC"
);

/// Gives these deliveries, the newest first; any that is gone is missing.
pub(in crate::features::deliveries) async fn these(tx: &mut Tx, ids: &[DeliveryId]) -> DbResult<Vec<Listed>> {
    let ids: String = ids.iter().map(ToString::to_string).collect();
    Ok(on!(tx, conn => sqlx::query_as(THESE).bind(&ids).fetch_all(conn).await)?)
}

/// Apps are few, and each has one conversation of this name at most.
const OF_CONTACT: &str = listed!(
    "",
    "apps a JOIN conversations x ON x.app_id = a.id AND x.external_id = $3
     JOIN media y ON y.conversation_id = x.id JOIN deliveries d ON d.media_id = y.id",
    "d.id < $1 ORDER BY d.id DESC LIMIT $2"
);

/// Lists the deliveries of the conversations that apps know by this name, the newest first.
pub(in crate::features::deliveries) async fn list_of_contact(
    tx: &mut Tx,
    external_id: &str,
    behind: &str,
    limit: i64,
) -> DbResult<Vec<Listed>> {
    Ok(on!(tx, conn => sqlx::query_as(OF_CONTACT)
        .bind(behind).bind(limit).bind(external_id).fetch_all(conn).await)?)
}

/// As [`listed`], with as little as a search needs of a row: it looks at many.
macro_rules! texts {
    ($condition:literal) => {
        concat!(
            "SELECT d.id, m.file_name, c.external_id, d.last_error
             FROM deliveries d
             JOIN media m ON m.id = d.media_id
             JOIN conversations c ON c.id = m.conversation_id
             WHERE ",
            $condition
        )
    };
}

const TEXTS: &str = texts!("d.id < $1 ORDER BY d.id DESC LIMIT $2");
const TEXTS_STATE: &str = texts!("d.state = $3 AND d.id < $1 ORDER BY d.id DESC LIMIT $2");
const TEXTS_ENDPOINT: &str = texts!("d.endpoint_id = $3 AND d.id < $1 ORDER BY d.id DESC LIMIT $2");
const TEXTS_BOTH: &str =
    texts!("d.endpoint_id = $3 AND d.state = $4 AND d.id < $1 ORDER BY d.id DESC LIMIT $2");

/// Reads what a search looks at, in the order of [`list`]; a filter by media is none here.
pub(in crate::features::deliveries) async fn texts(
    tx: &mut Tx,
    filter: &Filter,
    behind: &str,
    limit: i64,
) -> DbResult<Vec<Texts>> {
    let rows = match (filter.endpoint, filter.state) {
        (Some(endpoint), Some(state)) => on!(tx, conn => sqlx::query_as(TEXTS_BOTH)
            .bind(behind).bind(limit).bind(endpoint).bind(state).fetch_all(conn).await),
        (Some(endpoint), None) => on!(tx, conn => sqlx::query_as(TEXTS_ENDPOINT)
            .bind(behind).bind(limit).bind(endpoint).fetch_all(conn).await),
        (None, Some(state)) => on!(tx, conn => sqlx::query_as(TEXTS_STATE)
            .bind(behind).bind(limit).bind(state).fetch_all(conn).await),
        (None, None) => {
            on!(tx, conn => sqlx::query_as(TEXTS).bind(behind).bind(limit).fetch_all(conn).await)
        }
    };
    Ok(rows?)
}

const CHANGED: &str = listed!("d.updated_at > $1 ORDER BY d.updated_at DESC, d.id DESC LIMIT $2");

/// Gives what changed after an instant, the latest change first.
pub(in crate::features::deliveries) async fn changed(
    tx: &mut Tx,
    since: Timestamp,
    limit: i64,
) -> DbResult<Vec<Listed>> {
    Ok(on!(tx, conn => sqlx::query_as(CHANGED).bind(since).bind(limit).fetch_all(conn).await)?)
}
