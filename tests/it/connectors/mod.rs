//! Every destination type against the real server it speaks to.

mod azure;
mod contract;
mod email;
mod folder;
mod gdrive;
mod https;
mod measure;
mod s3;
mod sftp;
mod source;
pub(crate) mod stub;
mod tls;

use std::path::Path;

use mediaport::connectors::gdrive::Google;
use mediaport::connectors::{
    AnyConnector, Configuration, Ground, Outcome, Report, Step, StepName, StepState,
};
use mediaport::platform::form::FormFields;
use mediaport::platform::outbound::Outbound;

/// What connectors stand on in tests: loopback may be reached, folders lie below `root`.
fn ground(root: &Path) -> Ground {
    // `localhost` has both addresses, and all of a name's addresses have to be allowed
    let loopback = ["127.0.0.1/32", "::1/128"].map(|network| network.parse().expect("a network"));
    let outbound = Outbound::new(loopback.to_vec()).expect("a way out");
    Ground { outbound, mail: None, folder_root: root.to_owned(), google: Google::default() }
}

/// Finds a destination type that the test is about.
fn connector(key: &str) -> &'static dyn AnyConnector {
    mediaport::connectors::find(key).expect("a registered type")
}

/// Reads a form that must be right.
fn configured(key: &str, fields: &[(&str, &str)]) -> Configuration {
    connector(key).parse(&form(fields), None).expect("a form without problems")
}

fn form(fields: &[(&str, &str)]) -> FormFields {
    FormFields::new(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// Runs the endpoint test and gives its outcome and steps.
async fn tested(key: &str, ground: &Ground, configuration: &Configuration) -> (Outcome, Vec<Step>) {
    let mut report = Report::new();
    connector(key).check(configuration, ground, &mut report).await;
    (report.outcome(), report.steps().to_vec())
}

/// Gives one step of a test.
fn step(steps: &[Step], name: StepName) -> &Step {
    steps.iter().find(|step| step.name == name).expect("every step is there")
}

/// Gives the step that failed.
fn failed(steps: &[Step]) -> &Step {
    steps.iter().find(|step| step.state == StepState::Failed).expect("a failed step")
}

/// Reads where a peer is. Peers are never optional: without one the test fails and says how to start it.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their peers are")]
fn peer(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run tests/peers/up DIR and load DIR/peers.env"))
}
