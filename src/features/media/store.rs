//! SQL of media.

use super::model::{FailedReason, Media, MediaFilter, MediaId, MediaState};
use crate::features::apps::AppId;
use crate::features::conversations::Reach;
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx, expect_one};
use crate::platform::web::pagination::Moment;

const INSERT: &str = "
    INSERT INTO media (id, app_id, conversation_id, kind, file_name, mime_type, extension, size, sha256, state,
                       captured_at, latitude, longitude, origin, note, is_damaged, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, FALSE, $16, $17)";

/// Adds a media whose bytes are durable, or ordered.
pub async fn insert(tx: &mut Tx, media: &Media) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(INSERT)
        .bind(media.id)
        .bind(media.app_id)
        .bind(media.conversation_id)
        .bind(media.kind)
        .bind(&media.file_name)
        .bind(&media.mime_type)
        .bind(&media.extension)
        .bind(media.size)
        .bind(&media.sha256)
        .bind(media.state)
        .bind(media.captured_at)
        .bind(media.latitude)
        .bind(media.longitude)
        .bind(&media.origin)
        .bind(&media.note)
        .bind(media.created_at)
        .bind(media.expires_at)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const FIND: &str = "
    SELECT id, app_id, conversation_id, kind, file_name, mime_type, extension, size, sha256, state,
           failed_reason, captured_at, latitude, longitude, origin, note, is_damaged, created_at, expires_at, deleted_at
    FROM media WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR app_id = $2) AND deleted_at IS NULL";

/// Finds a media within a reach.
pub async fn find(tx: &mut Tx, id: MediaId, reach: Reach) -> DbResult<Option<Media>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND).bind(id).bind(reach.app()).fetch_optional(conn).await)?)
}

const COUNT: &str = "SELECT COUNT(*) FROM media WHERE id = $1";

/// Tells whether there is a row of this identifier, whatever its state.
pub async fn exists(tx: &mut Tx, id: MediaId) -> DbResult<bool> {
    let count: i64 = on!(tx, conn => sqlx::query_scalar(COUNT).bind(id).fetch_one(conn).await)?;
    Ok(count > 0)
}

/// What failed to come never had its bytes promised to anybody.
const MAY_HAVE_BYTES: &str = "SELECT COUNT(*) FROM media WHERE id = $1 AND state <> 'failed'";

/// Tells whether bytes of this identifier belong to a row, or soon will.
pub(super) async fn may_have_bytes(tx: &mut Tx, id: MediaId) -> DbResult<bool> {
    let count: i64 = on!(tx, conn => sqlx::query_scalar(MAY_HAVE_BYTES).bind(id).fetch_one(conn).await)?;
    Ok(count > 0)
}

const SAVE_FETCHED: &str = "
    UPDATE media SET file_name = $2, mime_type = $3, extension = $4, size = $5, sha256 = $6, state = 'stored'
    WHERE id = $1 AND state = 'fetching'";

/// Completes a media that was ordered, once its bytes are durable.
pub async fn save_fetched(tx: &mut Tx, media: &Media) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(SAVE_FETCHED)
        .bind(media.id)
        .bind(&media.file_name)
        .bind(&media.mime_type)
        .bind(&media.extension)
        .bind(media.size)
        .bind(&media.sha256)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

const SAVE_FAILED: &str =
    "UPDATE media SET state = 'failed', failed_reason = $2 WHERE id = $1 AND state = 'fetching'";

/// Gives a media up that was ordered; false when it is not on its way.
pub async fn save_failed(tx: &mut Tx, id: MediaId, reason: FailedReason) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(SAVE_FAILED)
        .bind(id)
        .bind(reason)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

const MARK_DAMAGED: &str = "UPDATE media SET is_damaged = TRUE WHERE id = $1";

/// Remembers that the bytes are not those that were accepted; there is no way back but a restore.
pub async fn mark_damaged(tx: &mut Tx, id: MediaId) -> DbResult<()> {
    expect_one(on!(tx, conn => sqlx::query(MARK_DAMAGED)
        .bind(id)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?)
}

/// A filter beside those that an index serves: it applies when its value is not null.
macro_rules! perhaps {
    ($column:literal $value:literal) => {
        concat!("(CAST(", $value, " AS TEXT) IS NULL OR ", $column, " = ", $value, ")")
    };
}

/// A statement for each index. All have the same parameters: $1 and $2 the place behind which the page begins, $3 the
/// first instant, $4 the limit, $5 app, $6 kind, $7 conversation, $8 sha256, $9 state.
///
/// The migration says what `size >= 0` and `mime_type >= ''` are for.
///
/// Instant and identifier are the order, not the identifier alone: that of a media is made with the clock of one
/// process, `created_at` with the one that the database leads. So a time range is a piece of the very index, and exact.
macro_rules! listed {
    ($($condition:expr),+) => {
        concat!(
            "SELECT id, app_id, conversation_id, kind, file_name, mime_type, extension, size, sha256, state,
                    failed_reason, captured_at, latitude, longitude, origin, note, is_damaged, created_at, expires_at,
                    deleted_at
             FROM media
             WHERE ", $($condition, " AND ",)+
            "(created_at, id) < ($1, $2) AND created_at >= $3 AND deleted_at IS NULL
             ORDER BY created_at DESC, id DESC LIMIT $4"
        )
    };
}

/// A conversation has few media; they are found by it and then filtered.
const LIST_CONVERSATION: &str = listed!(
    "conversation_id = $7",
    perhaps!("app_id" "$5"),
    perhaps!("kind" "$6"),
    perhaps!("sha256" "$8"),
    perhaps!("state" "$9")
);
/// The app stands at the end of this index and not at its beginning, so that it serves all apps as well, and is no
/// condition that could lead to the index of all media of the app instead.
const LIST_SHA256: &str = listed!(
    "sha256 = $8",
    perhaps!("app_id" "$5"),
    perhaps!("kind" "$6"),
    perhaps!("conversation_id" "$7"),
    perhaps!("state" "$9")
);
/// Few media are not stored; the index has no others.
const LIST_APP_UNSTORED: &str = listed!(
    "app_id = $5 AND state = $9 AND state <> 'stored'",
    perhaps!("kind" "$6"),
    perhaps!("conversation_id" "$7"),
    perhaps!("sha256" "$8")
);
const LIST_UNSTORED: &str = listed!(
    "state = $9 AND state <> 'stored' AND size >= 0",
    perhaps!("app_id" "$5"),
    perhaps!("kind" "$6"),
    perhaps!("conversation_id" "$7"),
    perhaps!("sha256" "$8")
);
const LIST_APP_KIND: &str = listed!(
    "app_id = $5 AND kind = $6",
    perhaps!("conversation_id" "$7"),
    perhaps!("sha256" "$8"),
    perhaps!("state" "$9")
);
const LIST_KIND: &str = listed!(
    "kind = $6 AND size >= 0",
    perhaps!("app_id" "$5"),
    perhaps!("conversation_id" "$7"),
    perhaps!("sha256" "$8"),
    perhaps!("state" "$9")
);
const LIST_APP: &str = listed!(
    "app_id = $5 AND mime_type >= ''",
    perhaps!("kind" "$6"),
    perhaps!("conversation_id" "$7"),
    perhaps!("sha256" "$8"),
    perhaps!("state" "$9")
);
const LIST: &str = listed!(
    "mime_type >= '' AND size >= 0",
    perhaps!("app_id" "$5"),
    perhaps!("kind" "$6"),
    perhaps!("conversation_id" "$7"),
    perhaps!("sha256" "$8"),
    perhaps!("state" "$9")
);

/// Lists media within a reach behind a place, the newest first.
pub(super) async fn list(
    tx: &mut Tx,
    reach: Reach,
    filter: &MediaFilter,
    after: Option<Moment>,
    limit: i64,
) -> DbResult<Vec<Media>> {
    let (at, id) = behind(filter.to, after);
    let is_kept = tx.plans_without_values();
    Ok(on!(tx, conn => sqlx::query_as(statement(reach.app(), filter))
        .persistent(is_kept)
        .bind(at)
        .bind(&id)
        .bind(filter.from.unwrap_or(Timestamp::from_millis(i64::MIN)))
        .bind(limit)
        .bind(reach.app())
        .bind(filter.kind)
        .bind(filter.conversation)
        .bind(&filter.sha256)
        .bind(filter.state)
        .fetch_all(conn)
        .await)?)
}

/// Gives the place behind which a page begins. No identifier sorts before the empty one, so that with it a media of the
/// very instant `to` is left out.
fn behind(to: Option<Timestamp>, after: Option<Moment>) -> (Timestamp, String) {
    let end = (to.unwrap_or(Timestamp::from_millis(i64::MAX)), String::new());
    after.map_or(end.clone(), |after| (after.at, after.id.to_string()).min(end))
}

/// Chooses the statement whose index leaves the fewest rows to look at.
fn statement(app: Option<AppId>, filter: &MediaFilter) -> &'static str {
    let is_unstored = filter.state.is_some_and(|state| state != MediaState::Stored);
    match (app, filter) {
        (_, MediaFilter { conversation: Some(_), .. }) => LIST_CONVERSATION,
        (_, MediaFilter { sha256: Some(_), .. }) => LIST_SHA256,
        (Some(_), _) if is_unstored => LIST_APP_UNSTORED,
        (None, _) if is_unstored => LIST_UNSTORED,
        (Some(_), MediaFilter { kind: Some(_), .. }) => LIST_APP_KIND,
        (None, MediaFilter { kind: Some(_), .. }) => LIST_KIND,
        (Some(_), _) => LIST_APP,
        (None, _) => LIST,
    }
}
