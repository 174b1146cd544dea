//! The folder of an endpoint and the folders in it.
//!
//! The service knows folders by identifiers and allows several of one name, so that whoever makes one has to look first,
//! and look again afterwards: of several, the oldest counts for everybody. Within one process only one looks at a time,
//! and what was found is remembered for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::super::DeliveryError;
use super::api::{Drive, FILE, FOLDER, File};
use super::settings::is_id;
use super::token;

/// How long a folder is believed to be where it was. People move and remove folders; a delivery that comes to one that
/// has gone notices, and forgets.
const FRESH: Duration = Duration::from_mins(10);
/// How many endpoints are remembered before those that were not used for a while are forgotten.
const ENDPOINTS: usize = 64;
const MAKE: &str = "make folders in this folder";

type Slot = Arc<tokio::sync::Mutex<Option<Known>>>;

static KNOWN: Mutex<Option<HashMap<[u8; 32], Slot>>> = Mutex::new(None);

/// What is known of the folders of one endpoint.
struct Known {
    drive_id: Option<String>,
    /// Identifiers by paths below the endpoint's folder.
    folders: HashMap<String, String>,
    since: Instant,
}

/// A folder that takes files.
#[derive(Debug)]
pub(super) struct Parent {
    pub(super) id: String,
    /// The shared drive that it is in.
    pub(super) drive_id: Option<String>,
}

/// Gives the folder of a path below the endpoint's own, making what is missing.
pub(super) async fn find_or_make(drive: &Drive<'_>, path: &str) -> Result<Parent, DeliveryError> {
    let slot = slot(drive);
    let mut slot = slot.lock().await;
    let known = match slot.as_mut().filter(|known| known.since.elapsed() < FRESH) {
        Some(known) => known,
        None => slot.insert(Known {
            drive_id: look(drive).await?.drive_id,
            folders: HashMap::new(),
            since: Instant::now(),
        }),
    };
    let (mut id, mut below) = (drive.settings.folder_id.clone(), String::new());
    for name in path.split('/').filter(|name| !name.is_empty()) {
        below = format!("{below}/{name}");
        if let Some(found) = known.folders.get(&below) {
            id.clone_from(found);
            continue;
        }
        id = child(drive, (&id, known.drive_id.as_deref()), name).await?;
        known.folders.insert(below.clone(), id.clone());
    }
    Ok(Parent { id, drive_id: known.drive_id.clone() })
}

/// Looks at the endpoint's own folder, which must be one that takes files.
pub(super) async fn look(drive: &Drive<'_>) -> Result<File, DeliveryError> {
    let fields = format!("{FILE},capabilities(canAddChildren)");
    let found = drive.file(&drive.settings.folder_id, &fields).await;
    let folder = found.map_err(|trouble| trouble.delivery(drive, "look at this folder"))?;
    if folder.mime_type != FOLDER {
        return Err(DeliveryError::endpoint("The folder ID is that of a file. Enter that of a folder"));
    }
    if folder.trashed {
        return Err(DeliveryError::endpoint(
            "The folder lies in the trash. Restore it, or enter another one",
        ));
    }
    if drive.settings.shared_drive_id.is_some() && drive.settings.shared_drive_id != folder.drive_id {
        return Err(DeliveryError::endpoint(
            "The folder is not in the shared drive of this ID. Check both, or leave the shared drive empty",
        ));
    }
    if folder.capabilities.can_add_children == Some(false) {
        return Err(DeliveryError::endpoint(format!(
            "{} may not add files to this folder. Make it a Content manager of the shared drive, or an Editor of the folder",
            drive.settings.account()
        )));
    }
    // it goes into searches
    let drive_id = folder.drive_id.clone().filter(|id| is_id(id));
    Ok(File { drive_id, ..folder })
}

/// Forgets where folders are, because one of them is not there any more.
pub(super) async fn forget(drive: &Drive<'_>) {
    let slot = slot(drive);
    *slot.lock().await = None;
}

async fn child(drive: &Drive<'_>, parent: (&str, Option<&str>), name: &str) -> Result<String, DeliveryError> {
    let refused = |trouble: super::fault::Trouble| trouble.delivery(drive, MAKE);
    let oldest = async || {
        let found = drive.named(parent, name, true).await.map_err(refused)?;
        Ok::<_, DeliveryError>(found.into_iter().next().map(|folder| folder.id))
    };
    if let Some(id) = oldest().await? {
        return Ok(id);
    }
    let made = drive.make_folder(parent.0, name).await.map_err(refused)?;
    // another process may have made one in the same moment; a search that lags behind shows neither
    Ok(oldest().await?.unwrap_or(made))
}

fn slot(drive: &Drive<'_>) -> Slot {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if known.len() >= ENDPOINTS {
        let is_used = |slot: &Slot| match slot.try_lock() {
            Ok(known) => known.as_ref().is_some_and(|known| known.since.elapsed() < FRESH),
            Err(_) => true,
        };
        known.retain(|_, slot| is_used(slot));
    }
    let shared_drive = drive.settings.shared_drive_id.as_deref().unwrap_or_default();
    let digest = Sha256::new().chain_update(token::account(drive)).chain_update(&drive.settings.folder_id);
    let digest = digest.chain_update([0]).chain_update(shared_drive);
    known.entry(digest.finalize().into()).or_default().clone()
}
