//! Proof that a stored blob is the item.

use azure_core::http::Etag;
use azure_storage_blob::models::{BlobClientDeleteOptions, BlobClientGetPropertiesResultHeaders};
use futures_util::StreamExt;
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::item::inspect;
use super::super::{DeliveryError, Item, ItemProblem, Receipt, VerifiedBy};
use super::client::Container;
use super::fault::Fault;

const LOOK: &str = "look at blobs";
const READ: &str = "read blobs";
/// Up to this size blobs of services that are not Microsoft's are read back: of them it is known only what they say.
const READ_BACK: u64 = 16 * 1024 * 1024;

/// What the service said of the blob that it made.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Expected {
    /// Nothing when an equal blob was there before; then it is not ours to remove.
    pub(super) etag: Option<String>,
}

impl Expected {
    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// What has a name before we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// Nothing.
    Nothing,
    /// The very item.
    Equal,
    /// We may not look.
    Hidden,
}

/// What the service says of a blob.
struct Head {
    length: Option<u64>,
    md5: Option<Vec<u8>>,
    etag: Option<String>,
}

/// What looking at a blob proves.
enum Verdict {
    Proven(VerifiedBy),
    Differs,
    Hidden,
}

/// Verifies a stored item; a damaged blob that we wrote is removed, so that a retry can succeed.
pub(super) async fn run(
    container: &Container<'_>,
    item: &Item,
    receipt: &Receipt,
) -> Result<VerifiedBy, DeliveryError> {
    let name = name_of(receipt)?;
    let head = match head(container, name).await? {
        Ok(head) => head,
        Err(fault) if fault.is_forbidden() => return Ok(VerifiedBy::Acknowledged),
        Err(fault) if fault.is_missing() => {
            return Err(DeliveryError::transient(
                "The stored blob has gone from the container; it is written again",
            ));
        }
        Err(fault) => return Err(fault.delivery(LOOK)),
    };
    match judge(container, name, item, &head).await? {
        Verdict::Proven(by) => Ok(by),
        Verdict::Hidden => Ok(VerifiedBy::Acknowledged),
        Verdict::Differs => {
            remove_ours(container, name, receipt, &head).await;
            Err(DeliveryError::transient(
                "The stored copy differs from the original and does not count as delivered. Check the service if this goes \
                 on",
            ))
        }
    }
}

/// Gives the name that a receipt speaks of.
pub(super) fn name_of(receipt: &Receipt) -> Result<&str, DeliveryError> {
    let name = receipt.location["name"].as_str();
    name.ok_or_else(|| DeliveryError::endpoint("The receipt of this delivery names no blob"))
}

/// Looks whether a name is free. Another blob there is a conflict.
pub(super) async fn existing(
    container: &Container<'_>,
    name: &str,
    item: &Item,
) -> Result<Existing, DeliveryError> {
    let head = match head(container, name).await? {
        Ok(head) => head,
        Err(fault) if fault.is_missing_container() => return Err(fault.delivery(LOOK)),
        Err(fault) if fault.is_missing() => return Ok(Existing::Nothing),
        Err(fault) if fault.is_forbidden() => return Ok(Existing::Hidden),
        Err(fault) => return Err(fault.delivery(LOOK)),
    };
    match judge(container, name, item, &head).await? {
        Verdict::Proven(_) => Ok(Existing::Equal),
        Verdict::Hidden => Ok(Existing::Hidden),
        Verdict::Differs => Err(DeliveryError::item(
            ItemProblem::Conflict,
            "Another blob already has this name in the container. It was left as it is; move it away and retry",
        )),
    }
}

async fn head(container: &Container<'_>, name: &str) -> Result<Result<Head, Fault>, DeliveryError> {
    let answer = match container.blob(name)?.get_properties(None).await {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(Fault::of(&error))),
    };
    Ok(Ok(Head {
        length: answer.content_length().ok().flatten(),
        md5: answer.content_md5().ok().flatten(),
        etag: answer.etag().ok().flatten().map(|etag| etag.to_string()),
    }))
}

/// Compares length, then MD5, then the bytes. Only the bytes themselves prove that a blob differs.
async fn judge(
    container: &Container<'_>,
    name: &str,
    item: &Item,
    head: &Head,
) -> Result<Verdict, DeliveryError> {
    if head.length != Some(item.size) {
        return Ok(Verdict::Differs);
    }
    let says_equal = match &head.md5 {
        Some(said) => *said == md5_of(item).await?,
        None => false,
    };
    let enough = container.settings.is_microsoft() || item.size > READ_BACK;
    if says_equal && enough {
        return Ok(Verdict::Proven(VerifiedBy::Md5));
    }
    match read_back(container, name, item).await? {
        Ok(true) => Ok(Verdict::Proven(VerifiedBy::ReadBack)),
        Ok(false) => Ok(Verdict::Differs),
        Err(fault) if fault.is_forbidden() || fault.is_archived() => {
            Ok(if says_equal { Verdict::Proven(VerifiedBy::Md5) } else { Verdict::Hidden })
        }
        Err(fault) => Err(fault.delivery(READ)),
    }
}

async fn md5_of(item: &Item) -> Result<Vec<u8>, DeliveryError> {
    let mut md5 = Md5::new();
    inspect(item, |bytes| md5.update(bytes)).await?;
    Ok(md5.finalize().to_vec())
}

/// Reads the blob back and tells whether it is the item.
async fn read_back(
    container: &Container<'_>,
    name: &str,
    item: &Item,
) -> Result<Result<bool, Fault>, DeliveryError> {
    let mut stored = match container.blob(name)?.download(None).await {
        Ok(answer) => answer.body,
        Err(error) => return Ok(Err(Fault::of(&error))),
    };
    let (mut sha256, mut length) = (Sha256::new(), 0);
    while let Some(piece) = stored.next().await {
        match piece {
            Ok(piece) => {
                sha256.update(&piece);
                length += piece.len() as u64;
            }
            Err(error) => return Ok(Err(Fault::of(&error))),
        }
    }
    Ok(Ok(length == item.size && hex::encode(sha256.finalize()) == item.sha256))
}

/// Removes a blob that turned out damaged, if it is still the one that we wrote.
async fn remove_ours(container: &Container<'_>, name: &str, receipt: &Receipt, head: &Head) {
    let written: Expected = serde_json::from_value(receipt.proof.clone()).unwrap_or_default();
    if written.etag.is_none() || written.etag != head.etag {
        return;
    }
    match remove(container, name, written.etag).await {
        Ok(Ok(())) => (),
        Ok(Err(fault)) => tracing::debug!(?fault, "a damaged blob stays"),
        Err(error) => tracing::debug!(%error, "a damaged blob stays"),
    }
}

/// Removes a blob, with an `ETag` only if it is still that one.
pub(super) async fn remove(
    container: &Container<'_>,
    name: &str,
    etag: Option<String>,
) -> Result<Result<(), Fault>, DeliveryError> {
    let options =
        BlobClientDeleteOptions { if_match: etag.map(Etag::from), ..BlobClientDeleteOptions::default() };
    let removed = container.blob(name)?.delete(Some(options)).await;
    Ok(removed.map(|_| ()).map_err(|error| Fault::of(&error)))
}
