//! `/api/v1/endpoints`.

pub mod acts;
pub(super) mod views;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use futures_util::FutureExt;
use serde_json::json;

use self::views::{SummaryView, view};
use super::pages::draft::{About, Draft, Ended};
use super::pages::testing;
use super::{EndpointId, TestLimit, store};
use crate::connectors::{self, AnyConnector, Outcome, Step};
use crate::features::Services;
use crate::features::use_cases::{self, Link, UseCaseError};
use crate::platform::db::DbResult;
use crate::platform::idempotency::Fingerprint;
use crate::platform::web::pagination::{List, Named};
use crate::platform::web::{Answer, Call, Code, Failure, JsonObject, Once, Reply, Segment};

/// `GET /api/v1/endpoints?after=&limit=`, by name.
pub async fn index(call: Call, list: List<(), Named>) -> Reply {
    let (page, links) = call
        .read(move |tx| {
            async move {
                let rows = store::list_behind(tx, &list.behind(), list.wanted()).await?;
                let page = list.cut(rows, |row| Named(row.name.clone()));
                let end = page.rows.last().map_or("", |row| &row.name);
                let links = use_cases::links_of_endpoints(tx, &list.behind(), end).await?;
                DbResult::Ok((page, links))
            }
            .boxed()
        })
        .await?;
    let items = page.items(|endpoint| {
        let of = |purpose| move |link: &&Link| (link.endpoint_id, link.purpose) == (endpoint.id, purpose);
        let users = |purpose| links.iter().filter(of(purpose)).map(|link| link.use_case_id).collect();
        SummaryView::of(&endpoint, users)
    });
    call.json(StatusCode::OK, &items)
}

/// Gives one endpoint.
pub async fn show(call: Call, id: Segment<EndpointId>) -> Reply {
    let view = call.read(move |tx| async move { view(tx, id.0).await }.boxed()).await?;
    call.json(StatusCode::OK, &view)
}

/// Tests and saves, as the form does.
pub async fn create(call: Call, body: JsonObject, services: Data<Services>, limit: Data<TestLimit>) -> Reply {
    let form = body.fields(&members(&body))?;
    let print = call.fingerprint(&body);
    call.at_length(async |once| {
        if let Some(former) = once.former(&print)? {
            return Ok(former);
        }
        let draft = Draft::admit(&services, About::New, &form).await?;
        limit.take(&call.actor)?;
        let (steps, outcome) = testing::run(draft.tested(), services.clone()).await;
        if !draft.may_be_saved(outcome) {
            return Err(refusal(&steps, outcome));
        }
        save(&call, services.clone(), (draft, (outcome, steps)), (once, print)).await
    })
    .await
}

/// Tests and saves a change, as the form does. A secret that is left out stays, as far as its account and place do.
pub async fn update(
    call: Call,
    id: Segment<EndpointId>,
    body: JsonObject,
    services: Data<Services>,
    limit: Data<TestLimit>,
) -> Reply {
    let mut known = members(&body);
    known.push("revision");
    let form = body.fields(&known)?;
    let draft = Draft::admit(&services, About::Change(id.0), &form).await?;
    limit.take(&call.actor)?;
    let (steps, outcome) = testing::run(draft.tested(), services.clone()).await;
    if !draft.may_be_saved(outcome) {
        return Err(refusal(&steps, outcome));
    }
    let actor = call.actor.clone();
    let saving = call.write(move |tx| {
        async move {
            let id = draft.save_in(tx, &services, &actor, &(outcome, steps)).await?;
            Ok::<_, UseCaseError>(view(tx, id).await?)
        }
        .boxed()
    });
    call.json(StatusCode::OK, &saving.await?)
}

/// Gives what the JSON object may hold: the members of every endpoint, and those of its type.
fn members(body: &JsonObject) -> Vec<&'static str> {
    let connector = body.0.get("type").and_then(|key| connectors::find(key.as_str()?));
    let own = connector.map(AnyConnector::described).unwrap_or_default();
    let common = ["name", "type", "archive", "pictures", "recordings", "accept_warnings"];
    common.into_iter().chain(own.iter().map(|field| field.name)).collect()
}

/// Saves what has passed its test, and keeps the answer for repetitions.
async fn save(
    call: &Call,
    services: Data<Services>,
    (draft, test): (Draft, Ended),
    (once, print): (Once, Fingerprint),
) -> Result<Answer, Failure> {
    let actor = call.actor.clone();
    let saving = call.write(move |tx| {
        async move {
            let id = draft.save_in(tx, &services, &actor, &test).await?;
            let answer = Answer::json(StatusCode::CREATED, &view(tx, id).await?)?;
            once.settle(tx, &print, &answer).await?;
            Ok::<_, UseCaseError>(answer)
        }
        .boxed()
    });
    saving.await
}

/// The refusal of an endpoint whose test did not pass, with the steps.
fn refusal(steps: &[Step], outcome: Outcome) -> Failure {
    let members = [("steps".to_owned(), json!(steps))].into_iter().collect();
    match outcome {
        Outcome::Warnings => Failure::refused_with(
            &TEST_WARNINGS,
            "The endpoint test ended with warnings; nothing was saved. Send accept_warnings: true to save it all the same",
            members,
        ),
        Outcome::Passed | Outcome::Failed => Failure::refused_with(
            &TEST_FAILED,
            "The endpoint test failed; nothing was saved. The steps say where and what to do",
            members,
        ),
    }
}

/// A step of the test failed.
pub(super) const TEST_FAILED: Code =
    Code::new(StatusCode::UNPROCESSABLE_ENTITY, "endpoint_test_failed", "nothing was saved, see `steps`");
/// The test ended with warnings that nobody accepted.
pub(super) const TEST_WARNINGS: Code = Code::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "endpoint_test_warnings",
    "nothing was saved, see `steps`; may be confirmed with `accept_warnings`",
);
