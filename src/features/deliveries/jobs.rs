//! The job that makes a delivery, and those that go over all of an endpoint's deliveries.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::model::{DeliveryBrief, DeliveryId};
use super::{actions, sweeps};
use crate::features::Services;
use crate::features::endpoints::EndpointId;
use crate::platform::jobs::{Job, JobError, Lease, Poison};

/// Makes one attempt at a delivery. Safe to run twice: it looks up how far the delivery is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Deliver {
    delivery: DeliveryId,
    endpoint: EndpointId,
}

impl Deliver {
    pub(super) fn of(brief: &DeliveryBrief) -> Self {
        Self { delivery: brief.id, endpoint: brief.endpoint_id }
    }
}

impl Job<Services> for Deliver {
    const NAME: &'static str = "deliveries.deliver";
    /// Transfers have their own limits for standing still; this one is for what never ends. The largest accepted file
    /// passes at 2 Mbit/s.
    const TIME_LIMIT: Duration = Duration::from_hours(24);

    fn lane(&self) -> String {
        self.endpoint.to_string()
    }

    async fn run(self, services: Arc<Services>, lease: Lease) -> Result<(), JobError> {
        actions::attempt(&services, &lease, self.delivery).await
    }

    async fn poisoned(self, services: Arc<Services>, poison: Poison) -> anyhow::Result<()> {
        Ok(actions::poisoned(&services, self.delivery, poison).await?)
    }
}

/// Lets everything that waits for an endpoint be tried now.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hurry {
    pub(super) endpoint: EndpointId,
    /// Whether that goes for what needs a person as well.
    pub(super) held: bool,
}

impl Job<Services> for Hurry {
    const NAME: &'static str = "deliveries.hurry";
    const TIME_LIMIT: Duration = Duration::from_hours(1);

    async fn run(self, services: Arc<Services>, lease: Lease) -> Result<(), JobError> {
        sweeps::hurry(&services, &lease, self.endpoint, self.held).await
    }
}

/// Moves or calls off what is open of an endpoint that has gone.
#[derive(Debug, Serialize, Deserialize)]
pub struct Settle {
    pub(super) endpoint: EndpointId,
}

impl Job<Services> for Settle {
    const NAME: &'static str = "deliveries.settle";
    const TIME_LIMIT: Duration = Duration::from_hours(1);

    async fn run(self, services: Arc<Services>, lease: Lease) -> Result<(), JobError> {
        sweeps::settle(&services, &lease, self.endpoint).await
    }
}
