//! The rounds, the tests, and what people are told.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::Notice;
use super::{actions, telling};
use crate::features::Services;
use crate::features::endpoints::EndpointId;
use crate::platform::clock::Timestamp;
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

/// Tells one administrator about an endpoint, by mail.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tell {
    pub(super) endpoint: EndpointId,
    /// Names the notice; the same however often it is sent.
    pub(super) id: Uuid,
    pub(super) to: String,
    pub(super) notice: Notice,
    pub(super) at: Timestamp,
}

impl Job<Services> for Tell {
    const NAME: &'static str = "doctor.tell";
    const TIME_LIMIT: Duration = Duration::from_mins(5);

    /// Apart from the tests: a mail server that does not answer holds up nothing else.
    fn lane(&self) -> String {
        "doctor.tell".to_owned()
    }

    async fn run(self, services: Arc<Services>, _: Lease) -> Result<(), JobError> {
        telling::tell(&services, &self).await
    }
}
