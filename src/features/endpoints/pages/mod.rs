//! Pages of the endpoints: the list, the form with its test, one endpoint, and the picture that is sent on trial.

pub mod creation;
pub(super) mod draft;
pub mod endpoints;
pub mod fields;
mod form;
pub mod pictures;
mod show;
pub(super) mod testing;
pub mod use_cases;
mod views;
