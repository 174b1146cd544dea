//! Uploads in pieces that were begun and never ended, because a process was killed between two pieces.
//!
//! Stores keep such pieces for ever, and nobody sees them but the invoice.

use std::time::Duration;

use aws_sdk_s3::types::MultipartUpload;
use uuid::Uuid;

use super::client::Bucket;
use super::fault::Fault;
use super::put;
use crate::platform::clock::{Clock, Timestamp};

/// Nothing that is still under way is as old as this.
const STALE: Duration = Duration::from_hours(48);

/// Ends those below the endpoint's prefix that are ours and old. An account that may not list them leaves them to the
/// bucket's life-cycle rule.
pub(super) async fn sweep(bucket: &Bucket<'_>) {
    let request = bucket.client.list_multipart_uploads().bucket(&bucket.settings.bucket);
    let listed = match request.prefix(bucket.settings.key("")).send().await {
        Ok(listed) => listed,
        Err(error) => {
            Fault::of(&error);
            return;
        }
    };
    let now = Clock::system().now();
    for upload in listed.uploads().iter().filter(|upload| is_ours(upload) && is_stale(upload, now)) {
        if let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) {
            tracing::info!(key, "an upload that was never ended is freed");
            put::abort(bucket, key, id).await;
        }
    }
}

/// Our names begin with the identifier of a media.
fn is_ours(upload: &MultipartUpload) -> bool {
    let name = upload.key().and_then(|key| key.rsplit('/').next()).unwrap_or_default();
    name.get(..36).is_some_and(|id| Uuid::try_parse(id).is_ok_and(|id| id.get_version_num() == 7))
}

fn is_stale(upload: &MultipartUpload, now: Timestamp) -> bool {
    let begun = upload.initiated().and_then(|at| at.to_millis().ok()).map(Timestamp::from_millis);
    begun.is_some_and(|begun| now.since(begun) > STALE)
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::DateTime;

    use super::*;

    #[test]
    fn only_old_uploads_of_ours_are_ended() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let upload = |key: &str, hours: i64| {
            let begun = DateTime::from_millis(now.millis() - hours * 3_600_000);
            MultipartUpload::builder().key(key).upload_id("1").initiated(begun).build()
        };
        let ours = "in/2026/11/21/01a1ff9c-fd1f-70f8-92f9-1211ae4b982e-call.wav";
        let judge = |upload: &MultipartUpload| is_ours(upload) && is_stale(upload, now);
        assert!(judge(&upload(ours, 49)));
        assert!(!judge(&upload(ours, 47)));
        for foreign in ["in/backup.tar", "in/01a1ff9c", "", "in/00000000-0000-4000-8000-000000000000-x"] {
            assert!(!judge(&upload(foreign, 500)), "{foreign}");
        }
    }
}
