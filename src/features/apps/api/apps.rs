//! `/api/v1/apps`.

use actix_web::http::StatusCode;
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::Serialize;

use crate::features::apps::actions::{self, AppError};
use crate::features::apps::store::{self, Listed};
use crate::features::apps::{AppForm, AppId};
use crate::features::use_cases::UseCaseId;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::web::pagination::{List, Named};
use crate::platform::web::{Answer, Call, Failure, JsonObject, Reply, Segment};

/// An app. It has no counts: they would take the longer the more there is.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "App")]
pub(in crate::features::apps) struct AppView {
    id: AppId,
    name: String,
    default_use_case: Option<UseCaseBrief>,
    account_sid: String,
    workspace_sid: String,
    created_at: Timestamp,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DefaultUseCase")]
struct UseCaseBrief {
    id: UseCaseId,
    name: String,
}

impl From<Listed> for AppView {
    fn from(Listed { app, use_case_name }: Listed) -> Self {
        let use_case = app.default_use_case_id.zip(use_case_name);
        Self {
            account_sid: app.account_sid(),
            workspace_sid: app.workspace_sid(),
            default_use_case: use_case.map(|(id, name)| UseCaseBrief { id, name }),
            id: app.id,
            name: app.name,
            created_at: app.created_at,
        }
    }
}

/// `GET /api/v1/apps?after=&limit=`, by name.
pub async fn index(call: Call, list: List<(), Named>) -> Reply {
    let page = call
        .read(move |tx| {
            async move {
                let rows = store::list_behind(tx, &list.behind(), list.wanted()).await?;
                DbResult::Ok(list.cut(rows, |row| Named(row.app.name.clone())))
            }
            .boxed()
        })
        .await?;
    call.json(StatusCode::OK, &page.items(AppView::from))
}

/// `GET /api/v1/apps/{id}`.
pub async fn show(call: Call, id: Segment<AppId>) -> Reply {
    let view = call.read(move |tx| async move { view(tx, id.0).await }.boxed()).await?;
    call.json(StatusCode::OK, &view)
}

/// `POST /api/v1/apps`.
pub async fn create(call: Call, body: JsonObject) -> Reply {
    let form = parse(&body)?;
    let (actor, now) = (call.actor.clone(), call.now());
    let creating = call.once(call.fingerprint(&body), move |tx| {
        async move {
            let app = actions::create(tx, &actor, now, &form).await?;
            Ok::<_, AppError>(Answer::json(StatusCode::CREATED, &view(tx, app.id).await?)?)
        }
        .boxed()
    });
    creating.await
}

/// `PUT /api/v1/apps/{id}`: replaces both; a default use case that is null or left out is taken away.
pub async fn update(call: Call, id: Segment<AppId>, body: JsonObject) -> Reply {
    let (id, form) = (id.0, parse(&body)?);
    let (actor, now) = (call.actor.clone(), call.now());
    let updating = call.write(move |tx| {
        async move {
            actions::update(tx, &actor, now, id, &form).await?;
            Ok::<_, AppError>(view(tx, id).await?)
        }
        .boxed()
    });
    call.json(StatusCode::OK, &updating.await?)
}

fn parse(body: &JsonObject) -> Result<AppForm, Failure> {
    let form = body.fields(&["name", "default_use_case"])?;
    AppForm::parse(&form).map_err(Failure::Invalid)
}

async fn view(tx: &mut Tx, id: AppId) -> DbResult<AppView> {
    store::show(tx, id).await?.map(AppView::from).ok_or(DbError::NotFound)
}
