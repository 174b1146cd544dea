//! Endpoints as the HTTP API shows them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::connectors::{Outcome, Step, StepName, StepState};
use crate::features::endpoints::{
    self, Archive, Endpoint, EndpointId, EndpointState, EndpointSummary, Leaving, PausedReason,
};
use crate::features::use_cases::{self, Assignments, UseCaseId};
use crate::formats::kinds::Purpose;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};

/// An endpoint in a list. Its settings stand beside the rest under the names under which they are submitted; secrets are
/// not among them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndpointSummary")]
pub(in crate::features::endpoints) struct SummaryView {
    id: EndpointId,
    name: String,
    #[serde(rename = "type")]
    type_key: String,
    #[serde(flatten)]
    settings: Map<String, Value>,
    address: String,
    state: EndpointState,
    paused_reason: Option<PausedReason>,
    paused_at: Option<Timestamp>,
    leaving: Option<Leaving>,
    last_error: Option<String>,
    failing_since: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    pictures: Vec<UseCaseId>,
    recordings: Vec<UseCaseId>,
    other: Vec<UseCaseId>,
}

impl SummaryView {
    pub(super) fn of(endpoint: &EndpointSummary, users: impl Fn(Purpose) -> Vec<UseCaseId>) -> Self {
        Self {
            id: endpoint.id,
            name: endpoint.name.clone(),
            type_key: endpoint.type_key.clone(),
            settings: endpoint.settings.fields(),
            address: endpoint.address(),
            state: endpoint.state,
            paused_reason: endpoint.paused_reason,
            paused_at: endpoint.paused_at,
            leaving: endpoint.leaving,
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
pub(in crate::features::endpoints) struct EndpointView {
    #[serde(flatten)]
    summary: SummaryView,
    archive: Archive,
    revision: i64,
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
            revision: endpoint.revision,
            tested_at: endpoint.checked_at,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

/// How a test of an endpoint ended.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndpointTest")]
pub(in crate::features::endpoints) struct TestView {
    outcome: Outcome,
    steps: Vec<StepView>,
}

/// One step of a test.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndpointTestStep")]
struct StepView {
    name: StepName,
    state: StepState,
    /// How long it took, in milliseconds.
    ms: u64,
    message: String,
}

impl TestView {
    pub(super) fn of(outcome: Outcome, steps: &[Step]) -> Self {
        let view = |step: &Step| StepView {
            name: step.name,
            state: step.state,
            ms: step.ms,
            message: step.message.clone(),
        };
        Self { outcome, steps: steps.iter().map(view).collect() }
    }
}

/// Reads an endpoint as it is shown.
pub(super) async fn view(tx: &mut Tx, id: EndpointId) -> DbResult<EndpointView> {
    let endpoint = endpoints::find(tx, id).await?.ok_or(DbError::NotFound)?;
    let all = use_cases::assignments(tx).await?;
    Ok(EndpointView::of(&endpoint, &all))
}
