//! Media endpoints: the places of the business where files are delivered.
//!
//! An endpoint is saved only after its test has passed, with the code that delivers. Its secrets are sealed, bound to
//! the endpoint's identifier, opened only for a delivery or a test, and never part of an answer. What the types are and
//! how they work is the connectors' knowledge; which files go where is that of the use cases.

pub mod actions;
pub mod api;
mod error;
mod form;
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
pub use form::EndpointForm;
pub use limit::TestLimit;
pub use model::{
    Archive, Destination, Endpoint, EndpointId, EndpointState, EndpointSummary, Health, Leaving,
    PausedReason, Settings,
};
pub use store::{Figures, hours, last_day, note_outcome};

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

/// Finds the endpoint that has a name.
pub async fn find_named(tx: &mut Tx, name: &str) -> DbResult<Option<EndpointId>> {
    store::find_named(tx, name).await
}

/// Says what becomes of the open deliveries of an endpoint that goes or has gone, and who gets them.
pub async fn leaving(tx: &mut Tx, id: EndpointId) -> DbResult<Option<(Leaving, Option<EndpointId>)>> {
    store::find_leaving(tx, id).await
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
    let (archive, revision) = (row.archive, row.revision);
    Ok(Some(Destination {
        id,
        name: row.name,
        connector,
        configuration,
        state: row.state,
        archive,
        revision,
    }))
}
