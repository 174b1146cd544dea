//! What clients do with conversations.

use super::model::{Conversation, ConversationId, ConversationState, NewConversation, Reach};
use super::store;
use crate::features::apps::{self, AppId};
use crate::features::events::EventType;
use crate::features::use_cases::{self, UseCase};
use crate::features::{audit, events};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::form::FieldErrors;
use crate::platform::web::{Actor, Failure};

/// The one version of the fact that a conversation has ended.
const ENDED: u64 = 0;

/// The answer to opening a conversation.
pub struct Opened {
    /// The conversation, new or known.
    pub conversation: Conversation,
    /// Its use case.
    pub use_case: Option<UseCase>,
    /// Whether it was made just now.
    pub is_new: bool,
}

/// Opens a conversation, or finds the one that the app has opened under the same `external_id`.
///
/// A key acts for its own app; a person names one in `app`.
pub async fn open(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    new: NewConversation,
    app: &str,
) -> Result<Opened, Failure> {
    let app = owner(tx, actor, app).await?;
    if let Some(external_id) = &new.external_id
        && let Some(known) = store::find_external(tx, app, external_id).await?
    {
        return known_one(tx, known).await;
    }
    let Some(use_case) = use_cases::find_by_name_or_id(tx, &new.use_case).await? else {
        return Err(Failure::Invalid(FieldErrors::one(
            "use_case",
            "There is no use case of this id or name",
        )));
    };
    let conversation = Conversation {
        id: ConversationId::fresh(),
        app_id: app,
        external_id: new.external_id,
        use_case_id: Some(use_case.id),
        channel: new.channel,
        customer: new.customer,
        agent: new.agent,
        attributes: new.attributes,
        state: ConversationState::Open,
        created_at: now,
        updated_at: now,
        ended_at: None,
    };
    if !store::insert(tx, &conversation).await? {
        // Another call was first between the look and the insert.
        let external_id = conversation.external_id.as_deref().unwrap_or_default();
        let known = store::find_external(tx, app, external_id).await?.ok_or(DbError::NotFound)?;
        return known_one(tx, known).await;
    }
    let act = audit::Act::on("conversation.opened", "conversation", conversation.id);
    audit::record(tx, actor, now, act.with("app", app.to_string())).await?;
    Ok(Opened { conversation, use_case: Some(use_case), is_new: true })
}

async fn known_one(tx: &mut Tx, conversation: Conversation) -> Result<Opened, Failure> {
    let use_case = use_case_of(tx, &conversation).await?;
    Ok(Opened { conversation, use_case, is_new: false })
}

/// Finds the app that the new conversation belongs to.
async fn owner(tx: &mut Tx, actor: &Actor, named: &str) -> Result<AppId, Failure> {
    let wrong = |problem: &str| Failure::Invalid(FieldErrors::one("app", problem));
    match Reach::of(actor)? {
        Reach::App(app) => Ok(app),
        Reach::All if named.is_empty() => Err(wrong("Name the app that the conversation belongs to")),
        Reach::All => {
            let app = apps::find_by_name_or_id(tx, named).await?;
            app.map(|app| app.id).ok_or_else(|| wrong("There is no app of this id or name"))
        }
    }
}

/// Tells what a list shows to a principal who may have named an app, by id or name, in the parameter `app`.
///
/// A key gets its own app whether it names it or not, and any other name is as unknown to it as one that nobody has.
pub async fn reach(tx: &mut Tx, actor: &Actor, named: &str) -> Result<Reach, Failure> {
    let reach = Reach::of(actor)?;
    if named.is_empty() {
        return Ok(reach);
    }
    let app = match actor.machine() {
        Some(own) => (named == own.name || named == own.app.to_string()).then(|| AppId::from_uuid(own.app)),
        None => apps::find_by_name_or_id(tx, named).await?.map(|app| app.id),
    };
    let app =
        app.ok_or_else(|| Failure::Invalid(FieldErrors::one("app", "There is no app of this id or name")))?;
    Ok(Reach::App(app))
}

/// Gives the use case of a conversation.
pub(super) async fn use_case_of(tx: &mut Tx, conversation: &Conversation) -> DbResult<Option<UseCase>> {
    match conversation.use_case_id {
        Some(id) => use_cases::find_by_name_or_id(tx, &id.to_string()).await,
        None => Ok(None),
    }
}

/// Ends a conversation; ending it again changes nothing and tells nobody.
pub async fn end(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: ConversationId,
) -> Result<Conversation, Failure> {
    let reach = Reach::of(actor)?;
    let conversation = store::find(tx, id, reach).await?.ok_or(Failure::NotFound)?;
    if !store::end(tx, id, now).await? {
        return Ok(conversation);
    }
    let data = serde_json::json!({ "conversation": conversation.reference() });
    events::record(tx, EventType::ConversationEnded, id.uuid(), ENDED, &data, now).await?;
    audit::record(tx, actor, now, audit::Act::on("conversation.ended", "conversation", id)).await?;
    store::find(tx, id, reach).await?.ok_or(Failure::NotFound)
}
