//! Pages of deliveries.

pub mod deliveries;
mod views;

pub use views::size;
pub use views::{DeliveryRow, latest, rows_for_endpoint};
