//! What the templates of several pages print.

use crate::connectors::{self, Outcome, Step, Takes};
use crate::features::endpoints::{EndpointId, EndpointSummary};
use crate::features::use_cases::Assignments;
use crate::formats::kinds::Purpose;

/// A connection test, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct TestView {
    /// `running`, `passed`, `warning` or `failed`.
    pub(super) state: &'static str,
    pub(super) steps: Vec<StepView>,
    /// Whether it tests what is stored, and not what somebody wants to save.
    pub(super) is_of_stored: bool,
}

impl TestView {
    pub(super) fn running() -> Self {
        Self { state: "running", ..Self::default() }
    }

    pub(super) fn ended(steps: Vec<Step>, outcome: Outcome) -> Self {
        let steps = steps.into_iter().map(StepView::from).collect();
        Self { state: state_word(outcome), steps, is_of_stored: false }
    }

    pub(super) fn of_stored(self) -> Self {
        Self { is_of_stored: true, ..self }
    }
}

/// Gives the word by which templates know how a test ended.
pub(super) fn state_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Warnings => "warning",
        Outcome::Failed => "failed",
    }
}

/// One step of a test.
#[derive(Debug)]
pub(super) struct StepView {
    pub(super) name: &'static str,
    pub(super) state: &'static str,
    pub(super) ms: u64,
    pub(super) message: String,
}

impl From<Step> for StepView {
    fn from(step: Step) -> Self {
        Self { name: step.name.as_str(), state: step.state.as_str(), ms: step.ms, message: step.message }
    }
}

/// A type that can be chosen.
#[derive(Debug)]
pub(super) struct TypeChoice {
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    pub(super) takes: &'static str,
}

/// Gives every type, in the order in which the form offers them.
pub(super) fn types() -> Vec<TypeChoice> {
    let takes = |takes| match takes {
        Takes::PicturesOnly => "Pictures only",
        Takes::Everything => "Pictures, Recording files",
    };
    connectors::ALL
        .iter()
        .map(|connector| TypeChoice {
            key: connector.key(),
            label: connector.label(),
            takes: takes(connector.takes()),
        })
        .collect()
}

/// Gives the symbol of a type; a type without one of its own has the general one.
pub(super) fn icon(type_key: &str) -> &'static str {
    match type_key {
        "email" => "mail",
        "https" => "globe",
        "s3" => "database",
        "sftp" => "server",
        "azure" | "gdrive" => "cloud",
        "folder" => "folder",
        _ => "hard-drive-upload",
    }
}

/// Says tenths of a percent as people do.
pub(super) fn percent(tenths: i64) -> String {
    match tenths {
        1000 => "100 %".to_owned(),
        tenths => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

/// A use case that can be ticked.
#[derive(Debug)]
pub(super) struct UseCaseChoice {
    pub(super) id: String,
    pub(super) name: String,
    /// Where else its pictures go, in words.
    pub(super) pictures_to: String,
    /// Where else its recordings go, in words.
    pub(super) recordings_to: String,
}

impl UseCaseChoice {
    /// Gives every use case, seen from an endpoint (none: one that is being added).
    pub(super) fn all(all: &Assignments, own: Option<EndpointId>) -> Vec<Self> {
        let elsewhere = |use_case, purpose| {
            also_to(all.endpoints_of(use_case, purpose).filter(|endpoint| Some(endpoint.id) != own))
        };
        all.use_cases
            .iter()
            .map(|use_case| Self {
                id: use_case.id.to_string(),
                name: use_case.name.clone(),
                pictures_to: elsewhere(use_case.id, Purpose::Pictures),
                recordings_to: elsewhere(use_case.id, Purpose::Recordings),
            })
            .collect()
    }
}

fn also_to<'a>(endpoints: impl Iterator<Item = &'a EndpointSummary>) -> String {
    let names: Vec<_> = endpoints.map(|endpoint| endpoint.name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("Also sent to {}", names.join(", ")) }
}
