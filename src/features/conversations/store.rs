//! SQL of conversations.

use std::cmp::Reverse;

use super::model::{Conversation, ConversationFilter, ConversationId, ConversationState, Reach};
use crate::features::apps::{self, AppId};
use crate::features::use_cases::UseCaseId;
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

/// A filter beside those that an index serves: it applies when its value is not null.
macro_rules! perhaps {
    ($column:literal $value:literal) => {
        concat!("(CAST(", $value, " AS TEXT) IS NULL OR ", $column, " = ", $value, ")")
    };
}

/// A statement for each index. All have the same parameters: $1 the identifier behind which the page begins, $2 the
/// limit, $3 state, $4 app, $5 use case, $6 agent, $7 external id. Each lists one state: one of the two is nearly
/// always rare, and would else be searched for among all the others. The migration says what `created_at >= 0` is for.
macro_rules! listed {
    ($($condition:expr),+; $end:literal) => {
        concat!(
            "SELECT c.id, c.app_id, c.external_id, c.use_case_id, c.channel, c.customer, c.agent, c.attributes, c.state,
                    c.created_at, c.updated_at, c.ended_at, u.name AS use_case_name
             FROM conversations c LEFT JOIN use_cases u ON u.id = c.use_case_id
             WHERE ", $($condition, " AND ",)+
            $end
        )
    };
    ($($condition:expr),+) => { listed!($($condition),+; "c.state = $3 AND c.id < $1 ORDER BY c.id DESC LIMIT $2") };
}

/// One at most, so that nothing needs an order; the other index of apps and states is not offered.
const LIST_EXTERNAL: &str = listed!(
    "c.app_id = $4 AND c.external_id = $7",
    perhaps!("c.state" "$3"),
    perhaps!("c.use_case_id" "$5"),
    perhaps!("c.agent" "$6");
    "c.id < $1 LIMIT $2"
);
/// What a person handles is some thousands; they are found by the person and then filtered.
const LIST_AGENT: &str = listed!(
    "c.agent = $6",
    perhaps!("c.app_id" "$4"),
    perhaps!("c.use_case_id" "$5"),
    perhaps!("c.external_id" "$7")
);
const LIST_APP_USE_CASE: &str =
    listed!("c.app_id = $4 AND c.use_case_id = $5", perhaps!("c.agent" "$6"), perhaps!("c.external_id" "$7"));
const LIST_USE_CASE: &str = listed!(
    "c.use_case_id = $5 AND c.created_at >= 0",
    perhaps!("c.app_id" "$4"),
    perhaps!("c.agent" "$6"),
    perhaps!("c.external_id" "$7")
);
const LIST_APP: &str = listed!(
    "c.app_id = $4",
    perhaps!("c.use_case_id" "$5"),
    perhaps!("c.agent" "$6"),
    perhaps!("c.external_id" "$7")
);
const LIST: &str = listed!(
    "c.created_at >= 0",
    perhaps!("c.app_id" "$4"),
    perhaps!("c.use_case_id" "$5"),
    perhaps!("c.agent" "$6"),
    perhaps!("c.external_id" "$7")
);

/// A conversation with the name of its use case.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Listed {
    #[sqlx(flatten)]
    pub(super) conversation: Conversation,
    pub(super) use_case_name: Option<String>,
}

/// What a list shows, names resolved.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) reach: Reach,
    pub(super) use_case: Option<UseCaseId>,
    pub(super) filter: ConversationFilter,
}

/// Lists conversations behind an identifier, the newest first.
pub(super) async fn list(tx: &mut Tx, wanted: &Wanted, behind: &str, limit: i64) -> DbResult<Vec<Listed>> {
    let mut rows = Vec::new();
    for app in apps_of(tx, wanted).await? {
        for &state in ConversationState::ALL {
            if wanted.filter.state.is_none_or(|only| only == state) {
                rows.append(&mut list_one(tx, wanted, (app, state), behind, limit).await?);
            }
        }
    }
    rows.sort_by_key(|row| Reverse(row.conversation.id));
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows)
}

/// Apps' own names for conversations are found by app. Apps are few; so each is asked where none is named.
async fn apps_of(tx: &mut Tx, wanted: &Wanted) -> DbResult<Vec<Option<AppId>>> {
    match wanted.reach {
        Reach::All if wanted.filter.external_id.is_some() => {
            Ok(apps::list_ids(tx).await?.into_iter().map(Some).collect())
        }
        reach => Ok(vec![reach.app()]),
    }
}

async fn list_one(
    tx: &mut Tx,
    wanted: &Wanted,
    (app, state): (Option<AppId>, ConversationState),
    behind: &str,
    limit: i64,
) -> DbResult<Vec<Listed>> {
    let is_kept = tx.plans_without_values();
    Ok(on!(tx, conn => sqlx::query_as(statement(wanted))
        .persistent(is_kept)
        .bind(behind)
        .bind(limit)
        .bind(state)
        .bind(app)
        .bind(wanted.use_case)
        .bind(&wanted.filter.agent)
        .bind(&wanted.filter.external_id)
        .fetch_all(conn)
        .await)?)
}

/// Chooses the statement whose index leaves the fewest rows to look at.
fn statement(wanted: &Wanted) -> &'static str {
    let filter = &wanted.filter;
    match (wanted.reach.app(), wanted.use_case) {
        _ if filter.external_id.is_some() => LIST_EXTERNAL,
        _ if filter.agent.is_some() => LIST_AGENT,
        (Some(_), Some(_)) => LIST_APP_USE_CASE,
        (None, Some(_)) => LIST_USE_CASE,
        (Some(_), None) => LIST_APP,
        (None, None) => LIST,
    }
}
