//! How endpoints do when nobody looks.
//!
//! Once a day, at night, each endpoint is tested as it is stored, with the test that a person starts by a button; one that
//! was added or changed is tested within the hour. What the tests showed is kept, with what an endpoint rests on for some
//! time only: a certificate, a signature. When an endpoint breaks or works again, and before something ends, people are
//! told once.

mod actions;
pub mod jobs;
mod model;
mod store;
mod telling;

pub use actions::{note, remember};
pub use model::{Checkup, Occasion, PastTest, warning};
pub use store::{all, checkup, history};
