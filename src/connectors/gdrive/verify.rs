//! Proof that a stored file is the item, and the removal of one that is not.

use super::super::{DeliveryError, Item, Receipt, VerifiedBy};
use super::api::{Drive, FILE, Likeness};
use super::fault::Trouble;
use super::folders;
use super::put::Proof;

/// Verifies a stored item; a damaged file that we wrote goes into the trash, so that the next attempt finds its name free.
pub(super) async fn run(
    drive: &Drive<'_>,
    item: &Item,
    receipt: &Receipt,
) -> Result<VerifiedBy, DeliveryError> {
    let proof: Option<Proof> = serde_json::from_value(receipt.proof.clone()).ok();
    let (Some(id), Some(proof)) = (receipt.location["file_id"].as_str(), proof) else {
        return Err(DeliveryError::endpoint("The receipt of this delivery cannot be read; it is sent again"));
    };
    let file = match drive.file(id, FILE).await {
        Ok(file) if !file.trashed => file,
        Ok(_) => {
            return Err(gone(
                drive,
                "The stored file lies in the trash, or its folder does; it is written again",
            )
            .await);
        }
        Err(trouble) if trouble.is_missing() => {
            return Err(gone(drive, "The stored file has gone from the folder; it is written again").await);
        }
        Err(trouble) => return Err(trouble.delivery(drive, "look at what it has stored")),
    };
    // what was sent is this item: nothing else is worth a comparison
    let is_same = proof.sums.sha256 == item.sha256 && proof.sums.size == item.size;
    match file.likeness(&proof.sums) {
        Likeness::Sha256 if is_same => Ok(VerifiedBy::Sha256),
        Likeness::Md5 if is_same => Ok(VerifiedBy::Md5),
        Likeness::Length if is_same => Ok(VerifiedBy::Length),
        _ => {
            if proof.is_ours
                && let Err(trouble) = drive.trash(id).await
            {
                tracing::debug!(error = %trouble.delivery(drive, "remove files"), "a damaged file stays");
            }
            Err(DeliveryError::transient(
                "The stored copy differs from the original and does not count as delivered. It is sent again",
            ))
        }
    }
}

async fn gone(drive: &Drive<'_>, sentence: &str) -> DeliveryError {
    folders::forget(drive).await;
    DeliveryError::transient(sentence)
}

/// Removes a file: for good, or into the trash where the account may do no more. False when it may do neither.
pub(super) async fn remove(drive: &Drive<'_>, id: &str) -> Result<bool, DeliveryError> {
    let over = |trouble: &Trouble| trouble.is_forbidden() || trouble.is_missing();
    match drive.delete(id).await {
        Ok(()) => return Ok(true),
        Err(trouble) if over(&trouble) => {}
        Err(trouble) => return Err(trouble.delivery(drive, "remove files")),
    }
    match drive.trash(id).await {
        Ok(()) => Ok(true),
        Err(trouble) if trouble.is_missing() => Ok(true),
        Err(trouble) if trouble.is_forbidden() => Ok(false),
        Err(trouble) => Err(trouble.delivery(drive, "remove files")),
    }
}
