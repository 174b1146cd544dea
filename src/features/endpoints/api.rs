//! `/api/v1/endpoints`.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::pages::{draft::Draft, testing};
use super::store;
use super::{Archive, Endpoint, EndpointId, EndpointState, EndpointSummary, TestLimit};
use crate::connectors::{self, AnyConnector, Outcome, Step};
use crate::features::Services;
use crate::features::use_cases::{self, Assignments, Link, UseCaseError, UseCaseId};
use crate::formats::kinds::Purpose;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::idempotency::Fingerprint;
use crate::platform::web::pagination::{List, Named};
use crate::platform::web::{Answer, Call, Code, Failure, JsonObject, Once, Reply, Segment};

/// An endpoint in a list. Its settings stand beside the rest under the names under which they are submitted; secrets are
/// not among them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndpointSummary")]
pub(super) struct SummaryView {
    id: EndpointId,
    name: String,
    #[serde(rename = "type")]
    type_key: String,
    #[serde(flatten)]
    settings: Map<String, Value>,
    address: String,
    state: EndpointState,
    last_error: Option<String>,
    failing_since: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    pictures: Vec<UseCaseId>,
    recordings: Vec<UseCaseId>,
    other: Vec<UseCaseId>,
}

impl SummaryView {
    fn of(endpoint: &EndpointSummary, users: impl Fn(Purpose) -> Vec<UseCaseId>) -> Self {
        Self {
            id: endpoint.id,
            name: endpoint.name.clone(),
            type_key: endpoint.type_key.clone(),
            settings: endpoint.settings.fields(),
            address: endpoint.address(),
            state: endpoint.state,
            last_error: endpoint.last_error.clone(),
            failing_since: endpoint.failing_since,
            delivered_at: endpoint.delivered_at,
            pictures: users(Purpose::Pictures),
            recordings: users(Purpose::Recordings),
            other: users(Purpose::Other),
        }
    }
}

/// A whole endpoint.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Endpoint")]
pub(super) struct EndpointView {
    #[serde(flatten)]
    summary: SummaryView,
    archive: Archive,
    tested_at: Timestamp,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl EndpointView {
    fn of(endpoint: &Endpoint, all: &Assignments) -> Self {
        let id = endpoint.summary.id;
        let users = |purpose| all.use_cases_of(id, purpose).map(|use_case| use_case.id).collect();
        Self {
            summary: SummaryView::of(&endpoint.summary, users),
            archive: endpoint.archive,
            tested_at: endpoint.checked_at,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

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
        let draft = Draft::admit(&services, &form).await?;
        limit.take(&call.actor)?;
        let (steps, outcome) = testing::run(&draft.new, services.clone()).await;
        if !draft.may_be_saved(outcome) {
            return Err(refusal(&steps, outcome));
        }
        save(&call, services.clone(), draft, (once, print)).await
    })
    .await
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
    draft: Draft,
    (once, print): (Once, Fingerprint),
) -> Result<Answer, Failure> {
    let actor = call.actor.clone();
    let saving = call.write(move |tx| {
        async move {
            let id = draft.save_in(tx, &services, &actor).await?;
            let answer = Answer::json(StatusCode::CREATED, &view(tx, id).await?)?;
            once.settle(tx, &print, &answer).await?;
            Ok::<_, UseCaseError>(answer)
        }
        .boxed()
    });
    saving.await
}

async fn view(tx: &mut Tx, id: EndpointId) -> DbResult<EndpointView> {
    let endpoint = super::find(tx, id).await?.ok_or(DbError::NotFound)?;
    let all = use_cases::assignments(tx).await?;
    Ok(EndpointView::of(&endpoint, &all))
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
