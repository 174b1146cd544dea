//! Mediaport: a self-hosted media hub for contact centres.
//!
//! The house has floors, and imports point down only: `app` and `config` wire everything, `features` hold what people
//! and clients can do, `connectors` and `formats` are product knowledge without database, web or clock, `platform` is
//! technical ground. `ARCHITECTURE.md` draws the map; `tests/it/house.rs` holds it.

pub mod app;
pub mod cli;
pub mod config;
pub mod connectors;
pub mod features;
pub mod formats;
pub mod platform;
pub mod telemetry;
