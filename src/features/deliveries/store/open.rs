//! SQL about what is open of an endpoint: neither delivered nor called off.

use crate::features::deliveries::model::{Delivery, DeliveryId, DeliveryState};
use crate::features::endpoints::EndpointId;
use crate::features::media::MediaId;
use crate::on;
use crate::platform::db::{DbResult, Tx};

const FIND_OF: &str = "SELECT id FROM deliveries WHERE media_id = $1 AND endpoint_id = $2";

/// Finds the delivery of a media to an endpoint.
pub(in crate::features::deliveries) async fn find_of(
    tx: &mut Tx,
    media: MediaId,
    endpoint: EndpointId,
) -> DbResult<Option<DeliveryId>> {
    Ok(on!(tx, conn => sqlx::query_scalar(FIND_OF).bind(media).bind(endpoint).fetch_optional(conn).await)?)
}

const COUNT_OPEN: &str = "
    SELECT COUNT(*) FROM deliveries
    WHERE endpoint_id = $1 AND state IN ('queued', 'sending', 'verifying', 'retrying', 'held')";

/// Counts what has neither reached an endpoint nor been called off.
pub(in crate::features::deliveries) async fn count_open(tx: &mut Tx, endpoint: EndpointId) -> DbResult<i64> {
    Ok(on!(tx, conn => sqlx::query_scalar(COUNT_OPEN).bind(endpoint).fetch_one(conn).await)?)
}

const IS_ANY_OPEN: &str = "
    SELECT COUNT(*) FROM (
        SELECT 1 FROM deliveries
        WHERE endpoint_id = $1 AND state IN ('queued', 'sending', 'verifying', 'retrying', 'held') LIMIT 1) q";

/// Tells whether anything has neither reached an endpoint nor been called off.
pub(in crate::features::deliveries) async fn is_any_open(
    tx: &mut Tx,
    endpoint: EndpointId,
) -> DbResult<bool> {
    let count: i64 = on!(tx, conn => sqlx::query_scalar(IS_ANY_OPEN).bind(endpoint).fetch_one(conn).await)?;
    Ok(count > 0)
}

const IS_ANY_OPEN_OTHER: &str = "
    SELECT COUNT(*) FROM (
        SELECT 1 FROM deliveries d JOIN media m ON m.id = d.media_id
        WHERE d.endpoint_id = $1 AND d.state IN ('queued', 'sending', 'verifying', 'retrying', 'held')
          AND m.kind <> 'picture' LIMIT 1) q";

/// Tells whether anything else than pictures is open.
pub(in crate::features::deliveries) async fn is_any_open_beside_pictures(
    tx: &mut Tx,
    endpoint: EndpointId,
) -> DbResult<bool> {
    let count: i64 =
        on!(tx, conn => sqlx::query_scalar(IS_ANY_OPEN_OTHER).bind(endpoint).fetch_one(conn).await)?;
    Ok(count > 0)
}

/// One statement for each state, so that each walks the index that begins with endpoint and state.
const OPEN_IN: &str = "
    SELECT id, media_id, endpoint_id, state, held_reason, attempts, location, last_error, next_attempt_at, job_id,
           created_at, updated_at, delivered_at
    FROM deliveries WHERE endpoint_id = $1 AND state = $2 AND id > $3 ORDER BY id LIMIT $4";

/// Gives deliveries to an endpoint in one state behind an identifier, the oldest first.
pub(in crate::features::deliveries) async fn in_state(
    tx: &mut Tx,
    (endpoint, state): (EndpointId, DeliveryState),
    behind: &str,
    limit: i64,
) -> DbResult<Vec<Delivery>> {
    Ok(on!(tx, conn => sqlx::query_as(OPEN_IN)
        .bind(endpoint)
        .bind(state)
        .bind(behind)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

const IS_ANY_MOVED_TO: &str = "
    SELECT COUNT(*) FROM (
        SELECT 1 FROM endpoints e JOIN deliveries d ON d.endpoint_id = e.id
        WHERE e.leaving_to = $1 AND d.state IN ('queued', 'sending', 'verifying', 'retrying', 'held') LIMIT 1) q";

/// Tells whether deliveries of an endpoint that has gone are still being moved to this one.
pub(in crate::features::deliveries) async fn is_any_moved_to(
    tx: &mut Tx,
    endpoint: EndpointId,
) -> DbResult<bool> {
    let count: i64 =
        on!(tx, conn => sqlx::query_scalar(IS_ANY_MOVED_TO).bind(endpoint).fetch_one(conn).await)?;
    Ok(count > 0)
}
