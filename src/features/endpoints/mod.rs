//! Media endpoints: the places of the business where files are delivered.
//!
//! An endpoint is saved only after its test has passed, with the code that delivers. Its secrets are sealed, bound to
//! the endpoint's identifier, opened only for a delivery or a test, and never part of an answer. What the types are and
//! how they work is the connectors' knowledge; which files go where is that of the use cases.

pub mod actions;
pub mod api;
mod error;
mod limit;
mod model;
pub mod operations;
pub mod pages;
mod store;
#[cfg(test)]
pub(super) mod tests;

use crate::connectors;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::vault::Vault;
use crate::platform::web::Code;

pub use error::EndpointError;
pub use limit::TestLimit;
pub use model::{
    Archive, Destination, Endpoint, EndpointId, EndpointState, EndpointSummary, Health, NewEndpoint, Settings,
};

/// The words of refusals.
pub const CODES: &[Code] = &[error::UNKNOWN_TYPE, api::TEST_FAILED, api::TEST_WARNINGS];

/// Lists the endpoints by name; at most a thousand, which no installation comes near.
pub async fn list(tx: &mut Tx) -> DbResult<Vec<EndpointSummary>> {
    store::list(tx).await
}

/// Finds an endpoint that has not been deleted.
pub async fn find(tx: &mut Tx, id: EndpointId) -> DbResult<Option<Endpoint>> {
    store::find(tx, id).await
}

/// Tells whether an endpoint has this name already.
pub async fn is_name_taken(tx: &mut Tx, name: &str) -> DbResult<bool> {
    store::is_name_taken(tx, name).await
}

/// Marks an endpoint as changed, and thereby keeps other writers of it waiting until this transaction ends.
pub async fn touch(tx: &mut Tx, id: EndpointId, now: Timestamp) -> DbResult<()> {
    store::touch(tx, id, now).await
}

/// Lists the sealed records of every endpoint, to see at the start whether they can be opened.
pub async fn list_sealed(tx: &mut Tx) -> DbResult<Vec<Vec<u8>>> {
    store::list_sealed(tx).await
}

/// Opens everything that a delivery to an endpoint needs; nothing when the endpoint was deleted.
pub async fn destination(
    tx: &mut Tx,
    vault: &Vault,
    id: EndpointId,
) -> Result<Option<Destination>, EndpointError> {
    let Some(row) = store::find_sealed(tx, id).await? else { return Ok(None) };
    let Some(connector) = connectors::find(&row.type_key) else {
        return Err(EndpointError::UnknownType(row.type_key));
    };
    let secrets = vault.open(&model::secrets_place(id), &row.sealed_secrets)?;
    let configuration = connectors::Configuration { settings: row.settings.into(), secrets };
    Ok(Some(Destination { id, name: row.name, connector, configuration, state: row.state }))
}

/// Writes down how a delivery ended: success ends a failure, the first failure begins one, later ones only say why.
pub async fn note_outcome(
    tx: &mut Tx,
    id: EndpointId,
    now: Timestamp,
    outcome: Result<(), &str>,
) -> DbResult<()> {
    match outcome {
        Ok(()) => store::save_success(tx, id, now).await,
        Err(message) => store::save_failure(tx, id, now, message).await,
    }
}
