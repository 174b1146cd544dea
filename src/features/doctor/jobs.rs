//! The rounds, the tests, and what people are told.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::actions;
use super::model::Notice;
use crate::features::Services;
use crate::features::endpoints::EndpointId;
use crate::platform::jobs::{Job, JobError, Lease};

/// Queues the tests that are due.
#[derive(Debug, Serialize, Deserialize)]
pub struct Round {}

impl Job<Services> for Round {
    const NAME: &'static str = "doctor.round";
    const TIME_LIMIT: Duration = Duration::from_mins(5);

    async fn run(self, services: Arc<Services>, lease: Lease) -> Result<(), JobError> {
        actions::go_round(&services, &lease).await
    }
}

/// Tests one endpoint. Safe to run twice: a test leaves nothing behind.
#[derive(Debug, Serialize, Deserialize)]
pub struct Examine {
    pub(super) endpoint: EndpointId,
}

impl Job<Services> for Examine {
    const NAME: &'static str = "doctor.examine";
    /// Seven steps of a minute each, at most.
    const TIME_LIMIT: Duration = Duration::from_mins(10);

    async fn run(self, services: Arc<Services>, lease: Lease) -> Result<(), JobError> {
        actions::examine(&services, &lease, self.endpoint).await
    }
}

/// Looks what is new about endpoints.
#[derive(Debug, Serialize, Deserialize)]
pub struct Watch {}

impl Job<Services> for Watch {
    const NAME: &'static str = "doctor.watch";
    const TIME_LIMIT: Duration = Duration::from_mins(5);

    async fn run(self, services: Arc<Services>, lease: Lease) -> Result<(), JobError> {
        actions::watch(&services, &lease).await
    }
}

/// Tells the administrators about an endpoint.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tell {
    endpoint: EndpointId,
    word: String,
    sentence: String,
}

impl Tell {
    pub(super) fn about(endpoint: EndpointId, notice: &Notice) -> Self {
        let (word, sentence) = match notice {
            Notice::Broken(why) => ("fails", why.clone()),
            Notice::Recovered => ("works again", String::new()),
            Notice::Ending(warning) => ("needs attention soon", warning.sentence()),
        };
        Self { endpoint, word: word.to_owned(), sentence }
    }
}

impl Job<Services> for Tell {
    const NAME: &'static str = "doctor.tell";
    const TIME_LIMIT: Duration = Duration::from_mins(5);

    async fn run(self, services: Arc<Services>, lease: Lease) -> Result<(), JobError> {
        actions::tell(&services, &lease, self.endpoint, (&self.word, &self.sentence)).await
    }
}
