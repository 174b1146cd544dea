//! Pages of deliveries.

pub mod acts;
pub mod deliveries;
pub mod live;
mod log_view;
mod rows;
pub mod show;
pub(in crate::features) mod views;

pub use log_view::{EndpointChoice, LogParams, LogView, StateChoice};
pub use rows::{Acts, DeliveryRow, latest};
pub use views::size;
