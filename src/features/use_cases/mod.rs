//! Use cases: what a customer contact is about decides which endpoints get its pictures, recordings and other files.
//!
//! The relation between use cases and endpoints is one table with one writer, [`actions::assign`], whichever side it is
//! edited from. Types that take pictures only are refused elsewhere by the form, by this feature and by the database.

pub mod actions;
pub mod api;
mod error;
mod model;
pub mod operations;
pub mod pages;
mod store;
#[cfg(test)]
mod tests;

use super::endpoints::{self, EndpointId};
use crate::formats::kinds::Purpose;
use crate::platform::db::{DbResult, Tx};

pub use error::UseCaseError;
pub use model::{Assignments, Link, Serves, Side, UseCase, UseCaseForm, UseCaseId};

/// Lists the use cases by name; at most a thousand.
pub async fn list(tx: &mut Tx) -> DbResult<Vec<UseCase>> {
    store::list(tx).await
}

/// Finds a use case.
pub async fn find(tx: &mut Tx, id: UseCaseId) -> DbResult<Option<UseCase>> {
    store::find(tx, id).await
}

/// Finds the use case that a client names by identifier or by exact name; the identifier wins.
pub async fn find_by_name_or_id(tx: &mut Tx, text: &str) -> DbResult<Option<UseCase>> {
    store::find_by_name_or_id(tx, text).await
}

/// Says where files of a purpose go, in a stable order.
pub async fn endpoints_for(tx: &mut Tx, id: UseCaseId, purpose: Purpose) -> DbResult<Vec<EndpointId>> {
    store::endpoints_for(tx, id, purpose).await
}

/// Gives what links the endpoints behind one name up to another, by the names of the use cases.
pub async fn links_of_endpoints(tx: &mut Tx, behind: &str, last: &str) -> DbResult<Vec<Link>> {
    store::links_of_endpoints(tx, behind, last).await
}

/// Reads all use cases, all endpoints and what links them, for pages that show them side by side.
pub async fn assignments(tx: &mut Tx) -> DbResult<Assignments> {
    let use_cases = store::list(tx).await?;
    let endpoints = endpoints::list(tx).await?;
    Ok(Assignments::new(use_cases, endpoints, store::links(tx).await?))
}
