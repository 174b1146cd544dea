//! Proof that a stored object is the item.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ChecksumMode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::{DeliveryError, Item, ItemProblem, Receipt, VerifiedBy};
use super::client::Bucket;
use super::fault::Fault;
use super::put::{Existing, Written};
use super::sums::ONE_PUT;

const LOOK: &str = "look at objects (s3:GetObject)";

/// What the store should say of the object if it has the item's bytes, and what it said when it made it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Expected {
    pub(super) etag: String,
    pub(super) sha256: String,
    /// Nothing when an equal object was there before; then it is not ours to remove.
    pub(super) written: Option<Written>,
}

impl Expected {
    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// What looking at an object proves.
enum Verdict {
    Proven(VerifiedBy),
    Differs,
    /// Neither looking nor reading is allowed.
    Hidden,
}

/// Verifies a stored item; a damaged object that we wrote is removed, so that a retry can succeed.
pub(super) async fn run(
    bucket: &Bucket<'_>,
    item: &Item,
    receipt: &Receipt,
) -> Result<VerifiedBy, DeliveryError> {
    let Some(key) = receipt.location["key"].as_str() else {
        return Err(DeliveryError::endpoint("The receipt of this delivery names no object"));
    };
    let expected: Expected = serde_json::from_value(receipt.proof.clone()).unwrap_or_default();
    let head = match head(bucket, key).await {
        Ok(head) => head,
        Err(fault) if fault.is_forbidden() => return Ok(VerifiedBy::Acknowledged),
        Err(fault) if fault.is_missing() => {
            return Err(DeliveryError::transient(
                "The stored object has gone from the bucket; it is written again",
            ));
        }
        Err(fault) => return Err(fault.delivery(LOOK)),
    };
    match judge(bucket, key, item, &expected, &head).await? {
        Verdict::Proven(by) => Ok(by),
        Verdict::Hidden => Ok(VerifiedBy::Acknowledged),
        Verdict::Differs => {
            remove_ours(bucket, key, &expected, &head).await;
            Err(DeliveryError::transient(
                "The stored copy differs from the original and does not count as delivered. Check the store if this goes on",
            ))
        }
    }
}

/// Looks whether a key is free. Another object there is a conflict.
pub(super) async fn existing(
    bucket: &Bucket<'_>,
    key: &str,
    item: &Item,
    expected: &Expected,
) -> Result<Existing, DeliveryError> {
    let head = match head(bucket, key).await {
        Ok(head) => head,
        Err(fault) if fault.is_missing() => return Ok(Existing::Nothing),
        Err(fault) if fault.is_mute() => return Ok(Existing::Hidden),
        Err(fault) => return Err(fault.delivery(LOOK)),
    };
    match judge(bucket, key, item, expected, &head).await? {
        Verdict::Proven(_) => Ok(Existing::Equal),
        Verdict::Hidden => Ok(Existing::Hidden),
        Verdict::Differs => Err(DeliveryError::item(
            ItemProblem::Conflict,
            "Another object already has this key in the bucket. It was left as it is; move it away and retry",
        )),
    }
}

async fn head(bucket: &Bucket<'_>, key: &str) -> Result<HeadObjectOutput, Fault> {
    let request = bucket.client.head_object().bucket(&bucket.settings.bucket).key(key);
    request.checksum_mode(ChecksumMode::Enabled).send().await.map_err(|error| Fault::of(&error))
}

/// Compares length, then the strongest evidence there is. Only the bytes themselves prove that an object differs, since
/// encryption and copying change what a store says of equal ones.
async fn judge(
    bucket: &Bucket<'_>,
    key: &str,
    item: &Item,
    expected: &Expected,
    head: &HeadObjectOutput,
) -> Result<Verdict, DeliveryError> {
    if head.content_length().and_then(|length| u64::try_from(length).ok()) != Some(item.size) {
        return Ok(Verdict::Differs);
    }
    let said = evidence(expected, head);
    // what Amazon computes over stored bytes is proof; of other stores it is known only that they said so
    let enough = bucket.settings.is_amazon() || item.size > ONE_PUT;
    match said {
        Some(by) if enough => Ok(Verdict::Proven(by)),
        _ => match read_back(bucket, key, item).await {
            Ok(true) => Ok(Verdict::Proven(VerifiedBy::ReadBack)),
            Ok(false) => Ok(Verdict::Differs),
            Err(fault) if fault.is_forbidden() => Ok(said.map_or(Verdict::Hidden, Verdict::Proven)),
            Err(fault) => Err(fault.delivery("read objects (s3:GetObject)")),
        },
    }
}

fn evidence(expected: &Expected, head: &HeadObjectOutput) -> Option<VerifiedBy> {
    let etag = head.e_tag().map(|etag| etag.trim_matches('"'));
    if head.checksum_sha256().is_some_and(|sum| sum == expected.sha256) {
        Some(VerifiedBy::Sha256)
    } else if etag.is_some_and(|etag| etag.eq_ignore_ascii_case(&expected.etag)) {
        Some(VerifiedBy::Md5)
    } else {
        None
    }
}

/// Reads the object back and tells whether it is the item.
async fn read_back(bucket: &Bucket<'_>, key: &str, item: &Item) -> Result<bool, Fault> {
    let request = bucket.client.get_object().bucket(&bucket.settings.bucket).key(key);
    let mut stored = request.send().await.map_err(|error| Fault::of(&error))?.body;
    let mut sha256 = Sha256::new();
    let mut length = 0;
    while let Some(bytes) = stored.next().await {
        let bytes = bytes.map_err(|error| Fault::cut(&error))?;
        sha256.update(&bytes);
        length += bytes.len() as u64;
    }
    Ok(length == item.size && hex::encode(sha256.finalize()) == item.sha256)
}

/// Removes an object that turned out damaged, if it is still the one that we wrote.
async fn remove_ours(bucket: &Bucket<'_>, key: &str, expected: &Expected, head: &HeadObjectOutput) {
    let Some(written) = &expected.written else { return };
    if written.etag.is_none() || written.etag.as_deref() != head.e_tag() {
        return;
    }
    if let Err(fault) = remove(bucket, key, written.version.as_deref()).await {
        tracing::debug!(?fault, "a damaged object stays");
    }
}

/// Removes an object; in a bucket that keeps versions the very version, where that is allowed.
pub(super) async fn remove(bucket: &Bucket<'_>, key: &str, version: Option<&str>) -> Result<(), Fault> {
    let request = bucket.client.delete_object().bucket(&bucket.settings.bucket).key(key);
    let removed = request.clone().set_version_id(version.map(str::to_owned)).send().await;
    match removed.map_err(|error| Fault::of(&error)) {
        Ok(_) => Ok(()),
        Err(fault) if version.is_some() && fault.is_forbidden() => {
            request.send().await.map(|_| ()).map_err(|error| Fault::of(&error))
        }
        Err(fault) => Err(fault),
    }
}
