//! Storing a file once: under an identifier of its own, in a folder where nothing has its name.

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::item::{inspect, is_relative};
use super::super::{DeliveryError, Item, ItemProblem, Receipt};
use super::api::{Drive, FILE, File, Likeness, Sums};
use super::fault::Trouble;
use super::folders::Parent;
use super::{folders, upload};

pub(super) const ADD: &str = "add files to this folder";
const LOOK: &str = "look at what it has stored";

/// The identifier that every attempt at a delivery uses, and for whom Google has made it.
#[derive(Debug, Serialize, Deserialize)]
struct Reservation {
    file_id: String,
    account: String,
}

/// What verification needs beside the file's identifier.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Proof {
    pub(super) sums: Sums,
    /// Whether we wrote it, and may remove it when it is damaged.
    pub(super) is_ours: bool,
}

/// Has an identifier made, unless there is one that can still become the file.
pub(super) async fn reserve(
    drive: &Drive<'_>,
    item: &Item,
) -> Result<Option<serde_json::Value>, DeliveryError> {
    if let Some(kept) = kept(drive, item) {
        match drive.file(&kept.file_id, FILE).await {
            // nothing has been stored under it so far
            Err(trouble) if trouble.is_missing() => return Ok(None),
            Err(trouble) => return Err(trouble.delivery(drive, LOOK)),
            Ok(file) if !file.trashed && file.likeness(&Sums::of(item)) != Likeness::Differs => {
                return Ok(None);
            }
            // damaged, or thrown away: no other file can have its identifier
            Ok(_) => {}
        }
    }
    let generated = drive.generate_id().await;
    let file_id = generated.map_err(|trouble| trouble.delivery(drive, "have identifiers made"))?;
    let reservation = Reservation { file_id, account: drive.settings.account().to_owned() };
    Ok(Some(json!(reservation)))
}

/// Stores an item unless exactly it is there already.
pub(super) async fn run(drive: &Drive<'_>, item: &Item) -> Result<Receipt, DeliveryError> {
    if !is_relative(&item.path) {
        return Err(DeliveryError::unsafe_path());
    }
    let mut md5 = Md5::new();
    inspect(item, |bytes| md5.update(bytes)).await?;
    let sums = Sums { md5: Some(hex::encode(md5.finalize())), ..Sums::of(item) };

    let (directory, name) = item.path.rsplit_once('/').unwrap_or(("", &item.path));
    let parent = folders::find_or_make(drive, directory).await?;
    let id = kept(drive, item).map(|kept| kept.file_id);
    let place = (parent.id.as_str(), parent.drive_id.as_deref());
    let found = drive.named(place, name, false).await;
    let found = match found {
        Ok(found) => found,
        Err(trouble) => return Err(lost(drive, trouble, LOOK).await),
    };
    if let Some(equal) = found.iter().find(|file| file.likeness(&sums) != Likeness::Differs) {
        let is_ours = id.as_ref() == Some(&equal.id);
        return Ok(receipt(equal, &parent, &Proof { sums, is_ours }));
    }
    if !found.is_empty() {
        return Err(DeliveryError::item(
            ItemProblem::Conflict,
            "Another file already has this name in the folder. It was left as it is; move it away and retry",
        ));
    }
    match upload::run(drive, item, &parent, name, id.as_deref()).await {
        Ok(file) => Ok(receipt(&file, &parent, &Proof { sums, is_ours: true })),
        Err(trouble) => match (trouble.status(), id) {
            (Some(409), Some(id)) => taken(drive, &id, &parent, sums).await,
            _ => Err(lost(drive, trouble, ADD).await),
        },
    }
}

/// Gives what was reserved for this account. What was for another one is of no use.
fn kept(drive: &Drive<'_>, item: &Item) -> Option<Reservation> {
    let kept: Reservation = serde_json::from_value(item.reservation.clone()?).ok()?;
    Some(kept).filter(|kept| kept.account == drive.settings.account())
}

/// Forgets the folders when one of them may have gone.
async fn lost(drive: &Drive<'_>, trouble: Trouble, doing: &str) -> DeliveryError {
    if trouble.is_missing() || trouble.is_forbidden() {
        folders::forget(drive).await;
    }
    trouble.delivery(drive, doing)
}

/// Looks at what has the identifier: the file, when the answer to an earlier attempt was lost.
async fn taken(drive: &Drive<'_>, id: &str, parent: &Parent, sums: Sums) -> Result<Receipt, DeliveryError> {
    let gone = "The identifier that was reserved for this file is taken, and what has it cannot be seen. Retry: the \
        file gets another one";
    match drive.file(id, FILE).await {
        Ok(file) if file.trashed => {
            Err(DeliveryError::transient("The stored file lies in the trash; it is written again"))
        }
        Ok(file) if file.likeness(&sums) != Likeness::Differs => {
            Ok(receipt(&file, parent, &Proof { sums, is_ours: true }))
        }
        Ok(_) => Err(DeliveryError::item(
            ItemProblem::Conflict,
            "Something else has the identifier that was reserved for this file. Retry: the file gets another one",
        )),
        Err(trouble) if trouble.is_missing() => Err(DeliveryError::item(ItemProblem::Conflict, gone)),
        Err(trouble) => Err(trouble.delivery(drive, LOOK)),
    }
}

fn receipt(file: &File, parent: &Parent, proof: &Proof) -> Receipt {
    let url = format!("https://drive.google.com/file/d/{}/view", file.id);
    let mut location = json!({"file_id": file.id, "url": url});
    if let Some(drive_id) = &parent.drive_id {
        location["drive_id"] = json!(drive_id);
    }
    Receipt { location, proof: json!(proof) }
}
