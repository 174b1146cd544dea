//! Tests of the past, and what they say about days to come.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::connectors::{Ends, Lasting, Outcome, Step, StepName, StepState};
use crate::features::endpoints::EndpointId;
use crate::platform::clock::Timestamp;
use crate::{text_enum, typed_id};

typed_id! {
    /// Names a test of the past.
    TestId
}

text_enum! {
    /// Who wanted a test.
    Occasion {
        /// A person, by button or over the HTTP API.
        Person = "person",
        /// The round that looks at every endpoint once a day.
        Round = "round",
    }
}

/// A test of the past.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PastTest {
    /// Who wanted it.
    pub occasion: Occasion,
    /// How it ended.
    pub outcome: Outcome,
    /// The step that did not pass, if any.
    pub step: Option<StepName>,
    /// What that step said.
    pub message: String,
    /// How long all steps took together, in milliseconds.
    pub ms: i64,
    /// When.
    pub tested_at: Timestamp,
}

/// What is known of an endpoint since its last test.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Checkup {
    /// Whose.
    pub endpoint_id: EndpointId,
    /// When it was tested.
    pub tested_at: Timestamp,
    /// What ends.
    pub ends_what: Option<Lasting>,
    /// When that ends.
    pub ends_at: Option<Timestamp>,
    /// How many days before that people were told last.
    pub told_days: Option<i64>,
    /// Since when people know that the endpoint fails.
    pub told_broken_at: Option<Timestamp>,
}

impl Checkup {
    /// Gives what ends, and when.
    #[must_use]
    pub fn ends(&self) -> Option<Ends> {
        self.ends_what.zip(self.ends_at).map(|(what, at)| Ends { what, at })
    }
}

/// The part of a test that is worth keeping.
pub(super) struct Finding<'a> {
    pub(super) step: Option<StepName>,
    pub(super) message: &'a str,
    pub(super) ms: i64,
}

impl<'a> Finding<'a> {
    /// Takes the first step that failed, or else the first warning.
    pub(super) fn of(steps: &'a [Step]) -> Self {
        let first = |state| steps.iter().find(|step| step.state == state);
        let worst = first(StepState::Failed).or_else(|| first(StepState::Warning));
        let ms: u64 = steps.iter().map(|step| step.ms).sum();
        Self {
            step: worst.map(|step| step.name),
            message: worst.map_or("", |step| step.message.as_str()),
            ms: i64::try_from(ms).unwrap_or(i64::MAX),
        }
    }
}

/// Gives what ends first of all that a test met.
#[must_use]
pub(super) fn endings(steps: &[Step]) -> Option<Ends> {
    steps.iter().filter_map(|step| step.ends).min_by_key(|ends| ends.at)
}

/// That something ends soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What ends.
    pub what: Lasting,
    /// When.
    pub at: Timestamp,
    /// The span in days that it has come into: 30, 7, 1, or 0 when it has ended.
    pub days: i64,
}

impl Warning {
    /// Says it in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let what = match self.what {
            Lasting::Certificate => "The server's certificate",
            Lasting::Signature => "The shared access signature",
        };
        let cure = match self.what {
            Lasting::Certificate => "Have the server's operator renew it",
            Lasting::Signature => "Make a new one and enter it",
        };
        let (year, month, day) = self.at.date();
        let ends = if self.days == 0 { "has ended on" } else { "ends on" };
        format!("{what} {ends} {year}-{month:02}-{day:02}. {cure}")
    }
}

/// When people are told, in days before the end.
const SPANS: [i64; 3] = [1, 7, 30];

/// Gives the warning that is due about an end, the nearest span of 30, 7 and 1 days; nothing while it is far.
#[must_use]
pub fn warning(ends: Ends, now: Timestamp) -> Option<Warning> {
    let days = if ends.at <= now {
        0
    } else {
        let left = ends.at.since(now);
        *SPANS
            .iter()
            .find(|days| left <= Duration::from_hours(24) * u32::try_from(**days).unwrap_or(u32::MAX))?
    };
    Some(Warning { what: ends.what, at: ends.at, days })
}

/// What people are told about an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Notice {
    /// It fails, and why.
    Broken(String),
    /// It works again.
    Recovered,
    /// Something that it rests on ends soon, or has ended.
    Ending(Warning),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn people_are_told_at_thirty_seven_and_one_days() {
        let ends = Ends { what: Lasting::Signature, at: at("2027-03-01T00:00:00Z") };
        for (now, days) in [
            ("2027-01-29T23:59:59Z", None),
            ("2027-01-30T00:00:00Z", Some(30)),
            ("2027-02-21T23:59:59Z", Some(30)),
            ("2027-02-22T00:00:00Z", Some(7)),
            ("2027-02-28T00:00:00Z", Some(1)),
            ("2027-03-01T00:00:00Z", Some(0)),
        ] {
            assert_eq!(warning(ends, at(now)).map(|warning| warning.days), days, "{now}");
        }
        let said = warning(ends, at("2027-02-28T00:00:00Z")).expect("a warning").sentence();
        assert_eq!(said, "The shared access signature ends on 2027-03-01. Make a new one and enter it");
    }

    #[test]
    fn the_worst_step_is_kept_and_the_nearest_end() {
        let step = |name, state, end: Option<&str>| Step {
            name,
            state,
            ms: 2,
            message: format!("{state}"),
            ends: end.map(|end| Ends { what: Lasting::Certificate, at: at(end) }),
        };
        let steps = [
            step(StepName::Identity, StepState::Passed, Some("2027-03-01T00:00:00Z")),
            step(StepName::SignIn, StepState::Warning, Some("2027-02-01T00:00:00Z")),
            step(StepName::Write, StepState::Failed, None),
        ];
        let finding = Finding::of(&steps);
        assert_eq!((finding.step, finding.message, finding.ms), (Some(StepName::Write), "failed", 6));
        assert_eq!(endings(&steps).map(|ends| ends.at), Some(at("2027-02-01T00:00:00Z")));
    }
}
