//! Pages of deliveries: all of them, those of one endpoint, and one with its attempts.

mod deliveries;
mod views;

pub use deliveries::{index, latest, rows_of_endpoint, show};
pub use views::DeliveryRow;
