//! Pages of the endpoints: the list, the form with its test, one endpoint, and the picture that is sent on trial.

pub(super) mod draft;
pub mod endpoints;
pub mod fields;
mod form;
pub mod life;
pub mod list;
pub mod pictures;
pub mod removal;
pub mod saving;
mod show;
mod stream;
pub(super) mod testing;
pub mod trial;
pub mod use_cases;
mod views;
