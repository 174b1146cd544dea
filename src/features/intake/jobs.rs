//! The job that fetches a file.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fetch;
use crate::features::Services;
use crate::features::media::MediaId;
use crate::platform::jobs::{Job, JobError, Lease, Poison};

/// Makes one attempt to fetch a file from the address from which it was ordered. Safe to run twice: only the run that
/// holds the lease can conclude, and only as long as the media is on its way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Fetch {
    media: MediaId,
    /// Names the lane while the job is queued; it is stored there and nowhere else.
    #[serde(skip)]
    host: String,
}

impl Fetch {
    pub(super) fn of(media: MediaId, host: &str) -> Self {
        Self { media, host: host.to_owned() }
    }
}

impl Job<Services> for Fetch {
    const NAME: &'static str = "intake.fetch";
    /// A transfer that stands still or crawls is ended long before; this one is for what never ends. The largest
    /// accepted file passes at 2 Mbit/s.
    const TIME_LIMIT: Duration = Duration::from_hours(24);

    /// One slow server holds up its own files only.
    fn lane(&self) -> String {
        format!("fetch/{}", self.host)
    }

    async fn run(self, services: Arc<Services>, lease: Lease) -> Result<(), JobError> {
        fetch::attempt(&services, &lease, self.media).await
    }

    async fn poisoned(self, services: Arc<Services>, _: Poison) -> anyhow::Result<()> {
        Ok(fetch::poisoned(&services, self.media).await?)
    }
}
