//! Pages of deliveries.

pub mod deliveries;
mod views;

pub use views::{DeliveryRow, rows_for_endpoint};
