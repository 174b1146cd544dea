//! The endpoint test: named steps in order, timed, shown while they run.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;

use crate::platform::clock::Timestamp;
use crate::text_enum;

/// Longer than any single wait that the ways out allow (5 s to connect, 30 s for an answer), so it only cuts endless ones.
const STEP_LIMIT: Duration = Duration::from_mins(1);

text_enum! {
    /// The steps of every endpoint test, in order.
    StepName {
        /// The destination's name leads to an address, or its root exists.
        Resolve = "resolve",
        /// A connection can be opened.
        Connect = "connect",
        /// The destination proves who it is: certificate or host key.
        Identity = "identity",
        /// The destination knows us.
        SignIn = "sign_in",
        /// A probe can be stored, as deliveries are.
        Write = "write",
        /// The probe can be verified, as deliveries are.
        Verify = "verify",
        /// The probe can be removed.
        Delete = "delete",
    }
}

text_enum! {
    /// How a step ended.
    StepState {
        /// It worked.
        Passed = "passed",
        /// It did not work, but the endpoint is usable when the admin says so.
        Warning = "warning",
        /// It did not work.
        Failed = "failed",
        /// It was not needed, or not reached.
        Skipped = "skipped",
    }
}

text_enum! {
    /// What the whole test says.
    Outcome {
        /// The endpoint can be saved.
        Passed = "passed",
        /// The endpoint can be saved once the admin confirms the warnings.
        Warnings = "warnings",
        /// Nothing is saved.
        Failed = "failed",
    }
}

/// One finished step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which step.
    pub name: StepName,
    /// How it ended.
    pub state: StepState,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// What was found: a sentence for the admin; may be empty when it passed.
    pub message: String,
    /// What the destination rests on and loses one day.
    #[serde(skip)]
    pub ends: Option<Ends>,
}

text_enum! {
    /// What an endpoint rests on for some time only.
    Lasting {
        /// The certificate by which the server proves who it is.
        Certificate = "certificate",
        /// The shared access signature that was entered.
        Signature = "signature",
    }
}

/// The end of something that an endpoint rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// What ends.
    pub what: Lasting,
    /// When.
    pub at: Timestamp,
}

/// What a step that did not fail found, and what the next ones need of it.
pub struct Found<T> {
    value: T,
    state: StepState,
    message: String,
    ends: Option<Ends>,
}

impl<T> Found<T> {
    /// The step worked.
    pub fn passed(value: T, message: impl Into<String>) -> Self {
        Self { value, state: StepState::Passed, message: message.into(), ends: None }
    }

    /// The step did not work, but the admin may go on.
    pub fn warning(value: T, message: impl Into<String>) -> Self {
        Self { value, state: StepState::Warning, message: message.into(), ends: None }
    }

    /// The step is not needed for this destination.
    pub fn skipped(value: T, message: impl Into<String>) -> Self {
        Self { value, state: StepState::Skipped, message: message.into(), ends: None }
    }

    /// Adds until when what was found holds, where that is known.
    #[must_use]
    pub fn until(mut self, what: Lasting, at: Option<Timestamp>) -> Self {
        self.ends = at.map(|at| Ends { what, at });
        self
    }
}

/// Runs the steps of a test, measures them and tells a watcher about each one as it ends.
#[derive(Debug, Default)]
pub struct Report {
    steps: Vec<Step>,
    watcher: Option<UnboundedSender<Step>>,
}

impl Report {
    /// Starts a report that nobody watches.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a report whose steps are also sent to `watcher`; a watcher that has gone is no problem.
    #[must_use]
    pub fn watched(watcher: UnboundedSender<Step>) -> Self {
        Self { steps: Vec::new(), watcher: Some(watcher) }
    }

    /// Runs one step. After a failure nothing runs any more: the step counts as skipped and gives nothing.
    pub async fn step<T>(
        &mut self,
        name: StepName,
        work: impl Future<Output = Result<Found<T>, String>>,
    ) -> Option<T> {
        if self.outcome_so_far() == Outcome::Failed {
            self.finished(name, StepState::Skipped, Duration::ZERO, "Not reached".to_owned(), None);
            return None;
        }
        let started = Instant::now();
        let result = tokio::time::timeout(STEP_LIMIT, work).await;
        let (found, problem) = match result {
            Ok(Ok(found)) => (Some(found), String::new()),
            Ok(Err(problem)) => (None, problem),
            Err(_) => (None, "unreachable: no answer within 60 seconds".to_owned()),
        };
        let took = started.elapsed();
        let Some(found) = found else {
            self.finished(name, StepState::Failed, took, problem, None);
            return None;
        };
        self.finished(name, found.state, took, found.message, found.ends);
        Some(found.value)
    }

    /// Marks every step that has not been run as skipped. The registry calls this after each check.
    pub fn close(&mut self) {
        for &name in StepName::ALL {
            if self.steps.iter().all(|step| step.name != name) {
                self.finished(name, StepState::Skipped, Duration::ZERO, "Not reached".to_owned(), None);
            }
        }
    }

    /// Gives the finished steps in the order in which they ran.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Judges the whole test; one that never got to its end has failed.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.steps.len() < StepName::ALL.len() { Outcome::Failed } else { self.outcome_so_far() }
    }

    fn outcome_so_far(&self) -> Outcome {
        let any = |state| self.steps.iter().any(|step| step.state == state);
        match (any(StepState::Failed), any(StepState::Warning)) {
            (true, _) => Outcome::Failed,
            (false, true) => Outcome::Warnings,
            (false, false) => Outcome::Passed,
        }
    }

    fn finished(
        &mut self,
        name: StepName,
        state: StepState,
        took: Duration,
        message: String,
        ends: Option<Ends>,
    ) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let step = Step { name, state, ms, message, ends };
        if let Some(watcher) = &self.watcher {
            // the page may have gone; the report is complete without it
            let _ = watcher.send(step.clone());
        }
        self.steps.push(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_runs_after_a_failure() {
        let mut report = Report::new();
        report.step(StepName::Resolve, async { Ok(Found::passed((), "")) }).await;
        report.step::<()>(StepName::Connect, async { Err("unreachable".to_owned()) }).await;
        report.step::<()>(StepName::Identity, async { panic!("must not run") }).await;
        report.close();

        let states: Vec<_> = report.steps().iter().map(|step| step.state.as_str()).collect();
        assert_eq!(states, ["passed", "failed", "skipped", "skipped", "skipped", "skipped", "skipped"]);
        assert_eq!(report.outcome(), Outcome::Failed);
    }

    #[tokio::test]
    async fn a_watcher_sees_each_step_and_may_leave() {
        let (sender, mut steps) = tokio::sync::mpsc::unbounded_channel();
        let mut report = Report::watched(sender);
        report.step(StepName::Resolve, async { Ok(Found::warning((), "odd")) }).await;
        let seen = steps.recv().await.expect("one step");
        drop(steps);
        report.close();

        assert_eq!(seen, report.steps()[0]);
        assert_eq!(report.outcome(), Outcome::Warnings);
    }
}
