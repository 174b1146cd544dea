//! SQL of conversations.

use super::model::{Conversation, ConversationId, Reach};
use crate::features::apps::AppId;
use crate::on;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};

const FIND: &str = "
    SELECT id, app_id, external_id, use_case_id, channel, customer, agent, attributes, state, created_at, updated_at,
           ended_at
    FROM conversations WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR app_id = $2)";

/// Finds a conversation within a reach.
pub async fn find(tx: &mut Tx, id: ConversationId, reach: Reach) -> DbResult<Option<Conversation>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND).bind(id).bind(reach.app()).fetch_optional(conn).await)?)
}

const FIND_EXTERNAL: &str = "
    SELECT id, app_id, external_id, use_case_id, channel, customer, agent, attributes, state, created_at, updated_at,
           ended_at
    FROM conversations WHERE app_id = $1 AND external_id = $2";

/// Finds an app's conversation by the app's own name for it.
pub(super) async fn find_external(
    tx: &mut Tx,
    app: AppId,
    external_id: &str,
) -> DbResult<Option<Conversation>> {
    Ok(on!(tx, conn => sqlx::query_as(FIND_EXTERNAL).bind(app).bind(external_id).fetch_optional(conn).await)?)
}

/// A taken `external_id` is no error: whoever asks twice at the same time gets one conversation.
const INSERT: &str = "
    INSERT INTO conversations (id, app_id, external_id, use_case_id, channel, customer, agent, attributes, state,
                               created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (app_id, external_id) DO NOTHING";

/// Adds a conversation; false when the app has one of that `external_id`.
pub(super) async fn insert(tx: &mut Tx, new: &Conversation) -> DbResult<bool> {
    let added = on!(tx, conn => sqlx::query(INSERT)
        .bind(new.id)
        .bind(new.app_id)
        .bind(&new.external_id)
        .bind(new.use_case_id)
        .bind(&new.channel)
        .bind(&new.customer)
        .bind(&new.agent)
        .bind(&new.attributes)
        .bind(new.state)
        .bind(new.created_at)
        .bind(new.updated_at)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(added == 1)
}

const END: &str = "
    UPDATE conversations SET state = 'ended', ended_at = $2, updated_at = $2 WHERE id = $1 AND state = 'open'";

/// Ends an open conversation; false when it has ended already.
pub(super) async fn end(tx: &mut Tx, id: ConversationId, now: Timestamp) -> DbResult<bool> {
    let changed = on!(tx, conn => sqlx::query(END)
        .bind(id)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(changed == 1)
}
