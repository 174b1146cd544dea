//! Adding apps and keys.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::model::{App, AppForm, AppId, KeyTerms, Scope};
use super::store;
use crate::features::audit::{self, Act};
use crate::features::use_cases::{self, UseCaseId};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, Tx};
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::keys::{Key, KeyId, Purpose};
use crate::platform::secret::Secret;
use crate::platform::web::{Actor, Failure};

/// Why an app or key could not be added or changed; the command line shows it as it stands.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Another app has that name.
    #[error("an app named {0:?} exists already")]
    NameTaken(String),
    /// What was entered cannot be saved.
    #[error("{}", sentences(.0))]
    Invalid(FieldErrors),
    /// There is no such app.
    #[error("there is no app named {0:?}; `mediaport app add` makes one")]
    Unknown(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

fn sentences(errors: &FieldErrors) -> String {
    errors.iter().map(|(field, message)| format!("{field}: {message}")).collect::<Vec<_>>().join("; ")
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::NameTaken(_) => Self::Invalid(FieldErrors::one("name", "Another app has this name")),
            AppError::Invalid(errors) => Self::Invalid(errors),
            AppError::Unknown(_) => Self::NotFound,
            AppError::Db(error) => error.into(),
        }
    }
}

/// Adds an app of this name.
pub async fn add(tx: &mut Tx, actor: &Actor, name: &str, now: Timestamp) -> Result<App, AppError> {
    let form = AppForm::parse(&FormFields::default().set("name", name)).map_err(AppError::Invalid)?;
    create(tx, actor, now, &form).await
}

/// Adds an app.
pub async fn create(tx: &mut Tx, actor: &Actor, now: Timestamp, form: &AppForm) -> Result<App, AppError> {
    let use_case = default_use_case(tx, form).await?;
    let app =
        App { id: AppId::fresh(), name: form.name.clone(), default_use_case_id: use_case, created_at: now };
    store::insert(tx, &app).await.map_err(|error| name_taken(error, &app.name))?;
    let mut act = Act::on("app.added", "app", app.id).with("name", app.name.as_str());
    if let Some(use_case) = use_case {
        act = act.with("default_use_case", use_case.to_string());
    }
    audit::record(tx, actor, now, act).await?;
    Ok(app)
}

/// Changes name and default use case of an app; what stays as it was leaves no row.
pub async fn update(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: AppId,
    form: &AppForm,
) -> Result<(), AppError> {
    // Of two who save at once, the second one's row tells what the first one left.
    store::hold(tx, id).await?;
    let before = store::find(tx, id).await?.ok_or(DbError::NotFound)?;
    let use_case = default_use_case(tx, form).await?;
    let after = App { name: form.name.clone(), default_use_case_id: use_case, ..before.clone() };
    if after == before {
        return Ok(());
    }
    store::save(tx, &after).await.map_err(|error| name_taken(error, &after.name))?;
    Ok(audit::record(tx, actor, now, act_of(&before, &after)).await?)
}

fn act_of(before: &App, after: &App) -> Act {
    let mut act = Act::on("app.changed", "app", after.id);
    if after.name != before.name {
        act = act.with("name", json!({"from": before.name, "to": after.name}));
    }
    if after.default_use_case_id != before.default_use_case_id {
        let change = json!({"from": before.default_use_case_id, "to": after.default_use_case_id});
        act = act.with("default_use_case", change);
    }
    act
}

async fn default_use_case(tx: &mut Tx, form: &AppForm) -> Result<Option<UseCaseId>, AppError> {
    if form.default_use_case.is_empty() {
        return Ok(None);
    }
    let found = use_cases::find_by_name_or_id(tx, &form.default_use_case).await?;
    let unknown = || FieldErrors::one("default_use_case", "There is no use case of this id or name");
    found.map(|use_case| Some(use_case.id)).ok_or_else(|| AppError::Invalid(unknown()))
}

fn name_taken(error: DbError, name: &str) -> AppError {
    if error.duplicates("apps.name") { AppError::NameTaken(name.to_owned()) } else { error.into() }
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
    let terms = KeyTerms { scopes: scopes.to_vec(), life };
    Ok(create_key(tx, actor, now, found.id, &terms).await?.reveal())
}

/// Adds a key to an app that is there.
pub(super) async fn create_key(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    app: AppId,
    terms: &KeyTerms,
) -> Result<Key, AppError> {
    let scopes = terms.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
    let (key, end) = (Key::mint(Purpose::App), now.plus(terms.life));
    let row = store::NewKey {
        id: &key.id,
        app,
        secret_hash: &key.stored(),
        scopes: &scopes,
        created_at: now,
        expires_at: end,
    };
    store::insert_key(tx, &row).await?;
    let act = Act::on("key.added", "app", app).with("key", key.id.as_str()).with("scopes", scopes.as_str());
    audit::record(tx, actor, now, act.with("expires_at", end.to_string())).await?;
    Ok(key)
}

/// Revokes an app's key: it opens nothing from the next request on. Doing so again changes nothing.
pub(super) async fn revoke_key(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    app: AppId,
    key: &KeyId,
) -> Result<(), AppError> {
    if !store::revoke_key(tx, app, key, now).await? {
        return store::show_key(tx, app, key).await?.map(drop).ok_or_else(|| DbError::NotFound.into());
    }
    let act = Act::on("key.revoked", "app", app).with("key", key.as_str());
    Ok(audit::record(tx, actor, now, act).await?)
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
