//! Machine clients: an app owns conversations and media, and its keys open the HTTP API to that app's data alone.
//!
//! A key is looked up with every request and never remembered, so one that is revoked opens nothing from the next
//! request on.

pub mod actions;
pub mod api;
mod model;
pub mod operations;
mod store;

use futures_util::FutureExt;

pub use model::{App, AppForm, AppId, KeyTerms, Scope};

use crate::features::accounts;
use crate::platform::clock::Timestamp;
use crate::platform::db::{Db, DbError, DbResult, Tx};
use crate::platform::ids;
use crate::platform::keys::{Key, Purpose, Uses};
use crate::platform::web::Machine;

/// Uses written down in one transaction, so that it stays short.
const BATCH: usize = 200;

/// Finds the app behind a key while the key is good, and notes that it was used.
pub async fn machine_of_key(
    tx: &mut Tx,
    key: &Key,
    uses: &Uses,
    now: Timestamp,
) -> DbResult<Option<Machine>> {
    let found = store::find_key(tx, &key.id, now).await?;
    // An unknown key costs a comparison as well.
    let stored = found.as_ref().map_or("", |row| &row.secret_hash);
    let (true, Some(row)) = (key.matches(stored), &found) else { return Ok(None) };
    uses.note(key.id.clone(), row.used_at, now);
    let scopes = row.scopes.split(' ').map(str::to_owned).collect();
    Ok(Some(Machine { app: row.app_id.uuid(), name: row.app_name.clone(), key: key.id.to_string(), scopes }))
}

/// Writes down when keys and tokens were last used: call each second, and once more when the last request has ended.
pub async fn save_uses(db: &Db, uses: &Uses) -> DbResult<()> {
    loop {
        let batch = uses.take(BATCH);
        if batch.is_empty() {
            return Ok(());
        }
        let written = db.write(move |tx| {
            async move {
                for (key, at) in batch {
                    match key.purpose() {
                        Purpose::App => store::save_key_use(tx, &key, at).await?,
                        Purpose::Token => accounts::save_token_use(tx, &key, at).await?,
                    }
                }
                Ok::<_, DbError>(())
            }
            .boxed()
        });
        written.await?;
    }
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
