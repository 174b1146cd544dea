//! Adding apps and keys.

use std::time::Duration;

use serde::Serialize;

use super::model::{App, AppId, Scope};
use super::store;
use crate::features::audit::{self, Act};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, Tx};
use crate::platform::keys::{Key, Purpose};
use crate::platform::secret::Secret;
use crate::platform::web::Actor;

/// Why an app or key could not be added; the command line shows it as it stands.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Another app has that name.
    #[error("an app named {0:?} exists already")]
    NameTaken(String),
    /// The name is empty or too long.
    #[error("give the app a name of 1 to 100 characters without control characters")]
    BadName,
    /// There is no such app.
    #[error("there is no app named {0:?}; `mediaport app add` makes one")]
    Unknown(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Adds an app.
pub async fn add(tx: &mut Tx, actor: &Actor, name: &str, now: Timestamp) -> Result<App, AppError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(AppError::BadName);
    }
    let app = App { id: AppId::fresh(), name: name.to_owned(), default_use_case_id: None, created_at: now };
    store::insert(tx, &app).await.map_err(|error| {
        if error.duplicates("apps.name") { AppError::NameTaken(name.to_owned()) } else { error.into() }
    })?;
    audit::record(tx, actor, now, Act::on("app.added", "app", app.id).with("name", name)).await?;
    Ok(app)
}

/// Adds a key to an app and gives it, the only time it is seen.
pub async fn add_key(
    tx: &mut Tx,
    actor: &Actor,
    app: &str,
    scopes: &[Scope],
    life: Duration,
    now: Timestamp,
) -> Result<Secret<String>, AppError> {
    let found = super::find_by_name_or_id(tx, app).await?.ok_or_else(|| AppError::Unknown(app.to_owned()))?;
    let scopes = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
    let key = Key::mint(Purpose::App);
    let row = store::NewKey {
        id: &key.id,
        app: found.id,
        secret_hash: &key.stored(),
        scopes: &scopes,
        created_at: now,
        expires_at: now.plus(life),
    };
    store::insert_key(tx, &row).await?;
    let act = Act::on("key.added", "app", found.id).with("key", key.id.as_str()).with("scopes", scopes.as_str());
    audit::record(tx, actor, now, act).await?;
    Ok(key.reveal())
}

/// What `mediaport app show` prints.
#[derive(Debug, Serialize)]
pub struct AppView {
    id: AppId,
    name: String,
    account_sid: String,
    workspace_sid: String,
    created_at: Timestamp,
    keys: i64,
    conversations: i64,
    media: i64,
}

/// Describes an app with its counts.
pub async fn show(tx: &mut Tx, app: &str) -> Result<AppView, AppError> {
    let app = super::find_by_name_or_id(tx, app).await?.ok_or_else(|| AppError::Unknown(app.to_owned()))?;
    let (keys, conversations, media) = store::counts(tx, app.id).await?;
    Ok(AppView {
        account_sid: app.account_sid(),
        workspace_sid: app.workspace_sid(),
        id: app.id,
        name: app.name,
        created_at: app.created_at,
        keys,
        conversations,
        media,
    })
}
