//! `/api/v1/apps/{id}/keys`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::Serialize;

use crate::features::apps::actions::{self, AppError};
use crate::features::apps::model::AppKey;
use crate::features::apps::{self, AppId, KeyTerms, store};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult};
use crate::platform::keys::{KeyId, KeyPlace};
use crate::platform::web::pagination::List;
use crate::platform::web::{Answer, Call, Failure, JsonObject, Reply, Segment, Segments};

/// A key without its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AppKey")]
pub(in crate::features::apps) struct KeyView {
    id: KeyId,
    scopes: Vec<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl From<AppKey> for KeyView {
    fn from(key: AppKey) -> Self {
        Self {
            scopes: key.scopes.split_whitespace().map(str::to_owned).collect(),
            id: key.id,
            created_at: key.created_at,
            expires_at: key.expires_at,
            used_at: key.used_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A key that was just made, with what its holder shows.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NewAppKey")]
pub(in crate::features::apps) struct NewKeyView<'a> {
    #[serde(flatten)]
    about: KeyView,
    key: &'a str,
}

/// `GET /api/v1/apps/{id}/keys?after=&limit=`, the newest first, those that open nothing any more included.
pub async fn index(call: Call, id: Segment<AppId>, list: List<(), KeyPlace>) -> Reply {
    let page = call
        .read(move |tx| {
            async move {
                apps::find(tx, id.0).await?.ok_or(DbError::NotFound)?;
                let rows = store::list_keys(tx, id.0, list.after.as_ref(), list.wanted()).await?;
                DbResult::Ok(list.cut(rows, AppKey::place))
            }
            .boxed()
        })
        .await?;
    call.json(StatusCode::OK, &page.items(KeyView::from))
}

/// `POST /api/v1/apps/{id}/keys`: the answer has the key, the only time.
pub async fn create(call: Call, id: Segment<AppId>, body: JsonObject) -> Reply {
    body.only(&["scopes", "expires_in_days"]).map_err(Failure::Invalid)?;
    let terms = KeyTerms::parse(&body.0).map_err(Failure::Invalid)?;
    let (actor, now, app) = (call.actor.clone(), call.now(), id.0);
    let creating = call.once(call.fingerprint(&body), move |tx| {
        async move {
            apps::find(tx, app).await?.ok_or(DbError::NotFound)?;
            let key = actions::create_key(tx, &actor, now, app, &terms).await?;
            let row = store::show_key(tx, app, &key.id).await?.ok_or(DbError::NotFound)?;
            let secret = key.reveal();
            let view = NewKeyView { about: row.into(), key: secret.expose() };
            Ok::<_, AppError>(Answer::json(StatusCode::CREATED, &view)?)
        }
        .boxed()
    });
    creating.await
}

/// `DELETE /api/v1/apps/{id}/keys/{key}`: answers the same however often it is called.
pub async fn destroy(call: Call, ids: Segments<AppId, KeyId>) -> Reply {
    let (Segments(app, key), actor, now) = (ids, call.actor.clone(), call.now());
    call.write(move |tx| async move { actions::revoke_key(tx, &actor, now, app, &key).await }.boxed())
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
