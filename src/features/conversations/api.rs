//! Conversations over the HTTP API.

use actix_web::http::StatusCode;
use futures_util::FutureExt;

use super::actions::{self, Opened, use_case_of};
use super::model::{Conversation, ConversationId, ConversationView, NewConversation, Reach};
use super::store;
use crate::platform::db::Tx;
use crate::platform::web::{Answer, Call, Failure, JsonObject, Reply, Segment};

/// `POST /api/v1/conversations`: 201 for a new one, 200 when its `external_id` is known.
pub async fn create(call: Call, body: JsonObject) -> Reply {
    let print = call.fingerprint(&body);
    let (new, app) = NewConversation::parse(body.0).map_err(Failure::Invalid)?;
    let (actor, now) = (call.actor.clone(), call.now());
    let opening = call.once(print, move |tx| {
        async move {
            let opened: Opened = actions::open(tx, &actor, now, new, &app).await?;
            let status = if opened.is_new { StatusCode::CREATED } else { StatusCode::OK };
            let view = ConversationView::new(opened.conversation, opened.use_case);
            Ok::<_, Failure>(Answer::json(status, &view)?)
        }
        .boxed()
    });
    opening.await
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
pub async fn end(call: Call, id: Segment<ConversationId>) -> Reply {
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
    Ok(ConversationView::new(conversation, use_case))
}
