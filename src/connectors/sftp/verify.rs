//! Proof that a stored file is the item.

use super::super::{DeliveryError, Item, Receipt, VerifiedBy};
use super::files::{Files, Found};
use super::session::Session;

/// Up to this size a stored file is read back; larger ones count by their length, since reading back doubles the traffic
/// and the connection itself has protected every byte on the way.
const READ_BACK: u64 = 20 * 1024 * 1024;

/// Verifies a stored item; a damaged file that we wrote is removed, so that a retry can succeed.
pub(super) async fn run(
    session: &Session,
    item: &Item,
    receipt: &Receipt,
) -> Result<VerifiedBy, DeliveryError> {
    let files = &session.files;
    let path = path_of(receipt)?;
    let Some(found) = files.look(path).await? else {
        return Err(DeliveryError::transient(
            "The stored file has gone from the server; it is written again",
        ));
    };
    let has_length = found.is_file && found.size == Some(item.size);
    if has_length && item.size > READ_BACK {
        return Ok(VerifiedBy::Length);
    }
    if has_length && files.sha256(path, item.size).await? == item.sha256 {
        return Ok(VerifiedBy::ReadBack);
    }
    remove_ours(files, path, found, receipt).await;
    Err(DeliveryError::transient(
        "The stored copy differs from the original and does not count as delivered. Check the server's disk if this goes on",
    ))
}

/// Gives the path that a receipt names.
pub(super) fn path_of(receipt: &Receipt) -> Result<&str, DeliveryError> {
    let path = receipt.location["path"].as_str();
    path.ok_or_else(|| DeliveryError::endpoint("The receipt of this delivery names no file"))
}

/// Removes a file that turned out damaged, if nobody has changed it since we wrote it.
async fn remove_ours(files: &Files, path: &str, found: Found, receipt: &Receipt) {
    let written = receipt.proof["modified"].as_u64();
    if !found.is_file || written.is_none() || written != found.modified.map(u64::from) {
        return;
    }
    if let Err(error) = files.remove(path).await {
        tracing::debug!(%error, "a damaged file stays");
    }
}
