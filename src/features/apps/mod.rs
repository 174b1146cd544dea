//! Machine clients: an app owns conversations and media, and its keys open the HTTP API to that app's data alone.

pub mod actions;
mod model;
mod store;

pub use model::{App, AppId, Scope};

use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::ids;
use crate::platform::keys::Key;
use crate::platform::web::Machine;

/// Finds the app behind a key while the key is good.
pub async fn machine_of_key(tx: &mut Tx, key: &Key, now: Timestamp) -> DbResult<Option<Machine>> {
    let found = store::find_key(tx, &key.id, now).await?;
    // An unknown key costs a comparison as well.
    let stored = found.as_ref().map_or("", |row| &row.secret_hash);
    let (true, Some(row)) = (key.matches(stored), &found) else { return Ok(None) };
    let scopes = row.scopes.split(' ').map(str::to_owned).collect();
    Ok(Some(Machine { app: row.app_id.uuid(), name: row.app_name.clone(), key: key.id.clone(), scopes }))
}

/// Finds an app by its identifier.
pub async fn find(tx: &mut Tx, id: AppId) -> DbResult<Option<App>> {
    store::find(tx, id).await
}

/// Finds an app by its identifier or its exact name.
pub async fn find_by_name_or_id(tx: &mut Tx, text: &str) -> DbResult<Option<App>> {
    match ids::parse(text) {
        Ok(uuid) => store::find(tx, AppId::from_uuid(uuid)).await,
        Err(_) => store::find_by_name(tx, text).await,
    }
}

/// Lists the identifiers of all apps; an installation has a handful.
pub async fn list_ids(tx: &mut Tx) -> DbResult<Vec<AppId>> {
    store::list_ids(tx).await
}

/// Counts the keys that were ever made, for the list of first steps.
pub async fn count_keys(tx: &mut Tx) -> DbResult<i64> {
    store::count_keys(tx).await
}
