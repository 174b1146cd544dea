//! Conversations over the HTTP API.

use actix_web::http::StatusCode;
use futures_util::FutureExt;

use super::actions::{self, Opened, use_case_of};
use super::model::{Conversation, ConversationId, ConversationView, NewConversation, Reach};
use super::store;
use crate::platform::db::Tx;
use crate::platform::web::{Call, Failure, JsonObject, Nothing, Reply, Segment};

/// `POST /api/v1/conversations`: 201 for a new one, 200 when its `external_id` is known.
pub async fn create(call: Call, body: JsonObject) -> Reply {
    let (new, app) = NewConversation::parse(body.0).map_err(Failure::Invalid)?;
    let (actor, now) = (call.actor.clone(), call.now());
    let opened: Opened =
        call.write(move |tx| async move { actions::open(tx, &actor, now, new, &app).await }.boxed()).await?;
    let status = if opened.is_new { StatusCode::CREATED } else { StatusCode::OK };
    call.json(status, &ConversationView::new(opened.conversation, opened.use_case))
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
    let view = call
        .write(move |tx| {
            async move {
                let conversation = actions::end(tx, &actor, now, id.0).await?;
                view(tx, conversation).await
            }
            .boxed()
        })
        .await?;
    call.json(StatusCode::OK, &view)
}

async fn view(tx: &mut Tx, conversation: Conversation) -> Result<ConversationView, Failure> {
    let use_case = use_case_of(tx, &conversation).await?;
    Ok(ConversationView::new(conversation, use_case))
}
