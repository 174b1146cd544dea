//! Cleaning up in the media store.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::MediaId;
use super::store;
use crate::features::Services;
use crate::platform::db::{Db, DbError, DbResult};
use crate::platform::jobs::{Job, JobError, Lease};

/// Bytes without a row are left alone for so long: their row may be about to be committed, or a backup may be running.
const ORPHAN_AGE: Duration = Duration::from_hours(24);
/// An upload writes at least once a minute, so a temporary file that was idle for so long belongs to nobody.
const TEMPORARY_AGE: Duration = Duration::from_hours(1);
/// Identifiers looked up in one transaction.
const BATCH: usize = 200;

/// Sets stored bytes aside that have had no row for a day: what was left when a process died between the two.
///
/// It never deletes: with a database from a backup, rows may be missing for files that were promised.
#[derive(Debug, Serialize, Deserialize)]
pub struct SweepOrphans {}

impl Job<Services> for SweepOrphans {
    const NAME: &'static str = "media.sweep_orphans";
    const TIME_LIMIT: Duration = Duration::from_hours(12);

    async fn run(self, services: Arc<Services>, _: Lease) -> Result<(), JobError> {
        let before = services.clock.now().minus(ORPHAN_AGE);
        let blobs = services.blobs.identifiers();
        let old = blobs.filter(|blob| {
            std::future::ready(blob.as_ref().is_ok_and(|blob| blob.modified < before) || blob.is_err())
        });
        let mut batches = std::pin::pin!(old.chunks(BATCH));
        while let Some(batch) = batches.next().await {
            let ids: Vec<Uuid> =
                batch.into_iter().map(|blob| blob.map(|blob| blob.id)).collect::<Result<_, _>>()?;
            for id in without_row(&services.db, ids).await? {
                services.blobs.set_aside(id).await?;
                tracing::warn!(%id, "set stored bytes without a row aside, in the folder orphans of the media store");
            }
        }
        Ok(())
    }
}

async fn without_row(db: &Db, ids: Vec<Uuid>) -> DbResult<Vec<Uuid>> {
    db.read(move |tx| {
        async move {
            let mut missing = Vec::new();
            for id in ids {
                if !store::may_have_bytes(tx, MediaId::from_uuid(id)).await? {
                    missing.push(id);
                }
            }
            Ok::<_, DbError>(missing)
        }
        .boxed()
    })
    .await
}

/// Removes temporary files of uploads that broke off.
#[derive(Debug, Serialize, Deserialize)]
pub struct SweepTemporary {}

impl Job<Services> for SweepTemporary {
    const NAME: &'static str = "media.sweep_temporary";
    const TIME_LIMIT: Duration = Duration::from_mins(10);

    async fn run(self, services: Arc<Services>, _: Lease) -> Result<(), JobError> {
        let removed = services.blobs.sweep_temporary(TEMPORARY_AGE).await?;
        if removed > 0 {
            tracing::info!(removed, "removed temporary files of broken uploads");
        }
        Ok(())
    }
}
