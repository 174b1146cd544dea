//! `/api/v1/use-cases`.

use actix_web::http::StatusCode;
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Link, UseCase, UseCaseError, UseCaseForm, UseCaseId, actions, store};
use crate::features::endpoints::EndpointId;
use crate::formats::kinds::Purpose;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::web::pagination::{List, Named};
use crate::platform::web::{Answer, Call, Failure, JsonObject, Reply, Segment};

/// A use case with the endpoints of each purpose.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UseCase")]
pub(super) struct UseCaseView {
    id: UseCaseId,
    name: String,
    pictures: Vec<EndpointId>,
    recordings: Vec<EndpointId>,
    other: Vec<EndpointId>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl UseCaseView {
    fn of(use_case: &UseCase, list: impl Fn(Purpose) -> Vec<EndpointId>) -> Self {
        Self {
            id: use_case.id,
            name: use_case.name.clone(),
            pictures: list(Purpose::Pictures),
            recordings: list(Purpose::Recordings),
            other: list(Purpose::Other),
            created_at: use_case.created_at,
            updated_at: use_case.updated_at,
        }
    }
}

/// `GET /api/v1/use-cases?after=&limit=`, by name.
pub async fn index(call: Call, list: List<(), Named>) -> Reply {
    let (page, links) = call
        .read(move |tx| {
            async move {
                let rows = store::list_behind(tx, &list.behind(), list.wanted()).await?;
                let page = list.cut(rows, |row| Named(row.name.clone()));
                let end = page.rows.last().map_or("", |row| &row.name);
                let links = store::links_of_use_cases(tx, &list.behind(), end).await?;
                DbResult::Ok((page, links))
            }
            .boxed()
        })
        .await?;
    let items = page.items(|use_case| {
        let of = |purpose| move |link: &&Link| (link.use_case_id, link.purpose) == (use_case.id, purpose);
        UseCaseView::of(&use_case, |purpose| {
            links.iter().filter(of(purpose)).map(|link| link.endpoint_id).collect()
        })
    });
    call.json(StatusCode::OK, &items)
}

/// Gives one use case.
pub async fn show(call: Call, id: Segment<UseCaseId>) -> Reply {
    let view = call.read(move |tx| async move { view(tx, id.0).await }.boxed()).await?;
    call.json(StatusCode::OK, &view)
}

/// Adds a use case with its endpoints.
pub async fn create(call: Call, body: JsonObject) -> Reply {
    let form = parse(&body)?;
    let (actor, now) = (call.actor.clone(), call.now());
    let creating = call.once(call.fingerprint(&body), move |tx| {
        async move {
            let id = actions::create(tx, &actor, now, &form).await?;
            Ok::<_, UseCaseError>(Answer::json(StatusCode::CREATED, &view(tx, id).await?)?)
        }
        .boxed()
    });
    creating.await
}

/// Replaces name and endpoints; a list that is left out becomes empty.
pub async fn update(call: Call, id: Segment<UseCaseId>, body: JsonObject) -> Reply {
    let (id, form) = (id.0, parse(&body)?);
    let (actor, now) = (call.actor.clone(), call.now());
    let updating = call.write(move |tx| {
        async move {
            actions::update(tx, &actor, now, id, &form).await?;
            Ok::<_, UseCaseError>(view(tx, id).await?)
        }
        .boxed()
    });
    call.json(StatusCode::OK, &updating.await?)
}

fn parse(body: &JsonObject) -> Result<UseCaseForm, Failure> {
    let form = body.fields(&["name", "pictures", "recordings", "other"])?;
    UseCaseForm::parse(&form).map_err(Failure::Invalid)
}

async fn view(tx: &mut Tx, id: UseCaseId) -> DbResult<UseCaseView> {
    let all = super::assignments(tx).await?;
    let use_case = all.use_case(id).ok_or(DbError::NotFound)?;
    let list = |purpose| all.endpoints_of(id, purpose).map(|endpoint| endpoint.id).collect();
    Ok(UseCaseView::of(use_case, list))
}
