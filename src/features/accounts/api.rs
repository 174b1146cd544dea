//! `/api/v1/tokens`: one's own personal tokens.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::Serialize;

use super::model::{AccountError, Token, UserId};
use super::store;
use super::tokens::{self, Own};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult};
use crate::platform::keys::{KeyId, KeyPlace};
use crate::platform::web::pagination::List;
use crate::platform::web::{Answer, Call, Failure, JsonObject, Reply, Segment};

/// A token without its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Token")]
pub(super) struct TokenView {
    id: KeyId,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    made_with: Option<KeyId>,
    current: bool,
}

impl TokenView {
    fn new(token: Token, own: &Own) -> Self {
        Self {
            current: token.id == own.token,
            id: token.id,
            created_at: token.created_at,
            expires_at: token.expires_at,
            used_at: token.used_at,
            revoked_at: token.revoked_at,
            made_with: token.made_with,
        }
    }
}

/// A token that was just made, with what its holder shows.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NewToken")]
pub(super) struct NewTokenView<'a> {
    #[serde(flatten)]
    about: TokenView,
    token: &'a str,
}

/// `GET /api/v1/tokens?after=&limit=`, the newest first, those that open nothing any more included.
pub async fn index(call: Call, list: List<(), KeyPlace>) -> Reply {
    let own = own(&call)?;
    let user = own.user;
    let page = call
        .read(move |tx| {
            async move {
                let rows = store::list_tokens(tx, user, list.after.as_ref(), list.wanted()).await?;
                DbResult::Ok(list.cut(rows, Token::place))
            }
            .boxed()
        })
        .await?;
    call.json(StatusCode::OK, &page.items(|token| TokenView::new(token, &own)))
}

/// `POST /api/v1/tokens`: the answer has the token, the only time.
pub async fn create(call: Call, body: JsonObject) -> Reply {
    let form = body.fields(&["expires_in_days"])?;
    let mut check = form.check();
    let life = check.days("expires_in_days");
    let life = check.finish(life).map_err(Failure::Invalid)?;
    let (own, actor, now) = (own(&call)?, call.actor.clone(), call.now());
    let creating = call.once(call.fingerprint(&body), move |tx| {
        async move {
            let key = tokens::create(tx, &actor, now, &own, life).await?;
            let row = store::show_token(tx, own.user, &key.id).await?.ok_or(DbError::NotFound)?;
            let secret = key.reveal();
            let view = NewTokenView { about: TokenView::new(row, &own), token: secret.expose() };
            Ok::<_, AccountError>(Answer::json(StatusCode::CREATED, &view)?)
        }
        .boxed()
    });
    creating.await
}

/// `DELETE /api/v1/tokens/{id}`: answers the same however often it is called.
pub async fn destroy(call: Call, id: Segment<KeyId>) -> Reply {
    let (user, actor, now) = (own(&call)?.user, call.actor.clone(), call.now());
    call.write(move |tx| async move { tokens::revoke(tx, &actor, now, user, id.0).await }.boxed()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The door lets persons in only, and those with a token.
fn own(call: &Call) -> Result<Own, Failure> {
    let person = call.actor.person().ok_or(Failure::Forbidden)?;
    let token = person.session.parse().map_err(|_| Failure::Forbidden)?;
    Ok(Own { user: UserId::from_uuid(person.id), token })
}
