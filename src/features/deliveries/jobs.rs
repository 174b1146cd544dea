//! The job that makes one delivery.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::actions;
use super::model::DeliveryId;
use crate::features::Services;
use crate::features::endpoints::EndpointId;
use crate::platform::jobs::{Job, JobError, Lease, Poison};

/// Makes one delivery. Safe to run twice: it carries identifiers and looks the rest up. The endpoint is its lane.
#[derive(Debug, Serialize, Deserialize)]
pub struct Deliver {
    delivery: DeliveryId,
    endpoint: EndpointId,
}

impl Deliver {
    pub(super) fn new(delivery: DeliveryId, endpoint: EndpointId) -> Self {
        Self { delivery, endpoint }
    }
}

impl Job<Services> for Deliver {
    const NAME: &'static str = "deliveries.deliver";
    /// Connectors stop by themselves after a minute without progress; this only ends what crawls for ever.
    const TIME_LIMIT: Duration = Duration::from_hours(24);

    fn lane(&self) -> String {
        self.endpoint.to_string()
    }

    async fn run(self, services: Arc<Services>, lease: Lease) -> Result<(), JobError> {
        actions::attempt(&services, &lease, self.delivery).await
    }

    async fn poisoned(self, services: Arc<Services>, poison: Poison) -> anyhow::Result<()> {
        actions::hold_as_poison(&services, self.delivery, poison).await
    }
}
