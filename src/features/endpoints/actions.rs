//! What can be done with endpoints.

use super::error::EndpointError;
use super::model::{EndpointId, NewEndpoint, secrets_place};
use super::store;
use crate::features::audit::{self, Act};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, Tx};
use crate::platform::form::FieldErrors;
use crate::platform::vault::Vault;
use crate::platform::web::Actor;

/// What stands beside the field when another endpoint has the name.
pub const NAME_TAKEN: &str = "Another endpoint has this name";

/// Adds an endpoint. The caller has tested it with these very settings and secrets, and the test has passed.
pub async fn create(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    now: Timestamp,
    new: &NewEndpoint,
) -> Result<EndpointId, EndpointError> {
    let id = EndpointId::fresh();
    let configuration = &new.configuration;
    let row = store::Row {
        id,
        name: &new.name,
        type_key: new.connector.key(),
        settings: configuration.settings.to_string(),
        sealed_secrets: vault.seal(&secrets_place(id), &configuration.secrets)?,
        archive: new.archive,
    };
    store::insert(tx, row, now).await.map_err(name_taken)?;
    let act = Act::on("endpoint.created", "endpoint", id)
        .with("name", new.name.as_str())
        .with("type", new.connector.key())
        .with("address", new.connector.address(&configuration.settings));
    audit::record(tx, actor, now, act).await?;
    Ok(id)
}

fn name_taken(error: DbError) -> EndpointError {
    if error.duplicates("endpoints.name") {
        EndpointError::Invalid(FieldErrors::one("name", NAME_TAKEN))
    } else {
        error.into()
    }
}
