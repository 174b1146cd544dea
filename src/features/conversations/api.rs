//! Conversations over the HTTP API.

use actix_web::http::StatusCode;
use futures_util::FutureExt;
use uuid::Uuid;

use super::actions::{self, Opened, use_case_of};
use super::model::{
    Conversation, ConversationFilter, ConversationId, ConversationView, NewConversation, Reach,
};
use super::store::{self, Wanted};
use crate::features::use_cases::{self, UseCaseId};
use crate::platform::db::Tx;
use crate::platform::form::FieldErrors;
use crate::platform::web::pagination::List;
use crate::platform::web::{Answer, Call, Failure, JsonObject, Nothing, Reply, Segment};

/// `POST /api/v1/conversations`: 201 for a new one, 200 when its `external_id` is known.
pub async fn create(call: Call, body: JsonObject) -> Reply {
    body.only(NewConversation::MEMBERS).map_err(Failure::Invalid)?;
    let print = call.fingerprint(&body);
    let (new, app) = NewConversation::parse(body.0).map_err(Failure::Invalid)?;
    let (actor, now) = (call.actor.clone(), call.now());
    let opening = call.once(print, move |tx| {
        async move {
            let opened: Opened = actions::open(tx, &actor, now, new, &app).await?;
            let status = if opened.is_new { StatusCode::CREATED } else { StatusCode::OK };
            let use_case = opened.use_case.map(|known| known.name);
            let view = ConversationView::new(opened.conversation, use_case);
            Ok::<_, Failure>(Answer::json(status, &view)?)
        }
        .boxed()
    });
    opening.await
}

/// `GET /api/v1/conversations?state=&use_case=&external_id=&agent=&app=&after=&limit=`, the newest first.
pub async fn index(call: Call, list: List<ConversationFilter, Uuid>) -> Reply {
    let actor = call.actor.clone();
    let page = call
        .read(move |tx| {
            async move {
                let reach = actions::reach(tx, &actor, &list.filter.app).await?;
                let use_case = named_use_case(tx, &list.filter.use_case).await?;
                let wanted = Wanted { reach, use_case, filter: list.filter.clone() };
                let rows = store::list(tx, &wanted, &list.behind(), list.wanted()).await?;
                Ok::<_, Failure>(list.cut(rows, |row| row.conversation.id.uuid()))
            }
            .boxed()
        })
        .await?;
    let view = |row: store::Listed| ConversationView::new(row.conversation, row.use_case_name);
    call.json(StatusCode::OK, &page.items(view))
}

async fn named_use_case(tx: &mut Tx, named: &str) -> Result<Option<UseCaseId>, Failure> {
    if named.is_empty() {
        return Ok(None);
    }
    let found = use_cases::find_by_name_or_id(tx, named).await?;
    let unknown =
        || Failure::Invalid(FieldErrors::one("use_case", "There is no use case of this id or name"));
    found.map(|use_case| Some(use_case.id)).ok_or_else(unknown)
}

/// `GET /api/v1/conversations/{id}`.
pub async fn show(call: Call, id: Segment<ConversationId>) -> Reply {
    let reach = Reach::of(&call.actor)?;
    let view = call
        .read(move |tx| {
            async move {
                let conversation = store::find(tx, id.0, reach).await?.ok_or(Failure::NotFound)?;
                view(tx, conversation).await
            }
            .boxed()
        })
        .await?;
    call.json(StatusCode::OK, &view)
}

/// `POST /api/v1/conversations/{id}/end`: answers the same however often it is called.
pub async fn end(call: Call, id: Segment<ConversationId>, _: Nothing) -> Reply {
    let (actor, now) = (call.actor.clone(), call.now());
    let ending = call.once(call.fingerprint(&""), move |tx| {
        async move {
            let conversation = actions::end(tx, &actor, now, id.0).await?;
            Ok::<_, Failure>(Answer::json(StatusCode::OK, &view(tx, conversation).await?)?)
        }
        .boxed()
    });
    ending.await
}

async fn view(tx: &mut Tx, conversation: Conversation) -> Result<ConversationView, Failure> {
    let use_case = use_case_of(tx, &conversation).await?;
    Ok(ConversationView::new(conversation, use_case.map(|known| known.name)))
}
