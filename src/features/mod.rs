//! What people and clients can do.
//!
//! Each feature owns its tables; it sees another one only through what that one's `mod.rs` shows, and only downwards in
//! the order of [`ORDER`]. Pages and the HTTP API may read any of them.

pub mod accounts;
pub mod apps;
pub mod audit;
pub mod conversations;
pub mod deliveries;
pub mod doctor;
pub mod endpoints;
pub mod events;
pub mod intake;
pub mod media;
pub mod overview;
mod services;
pub mod use_cases;

pub use services::Services;

/// The features from the lowest to the highest: a feature imports only those before it, pages and `api.rs` apart.
pub const ORDER: &[&str] = &[
    "audit",
    "accounts",
    "events",
    "endpoints",
    "use_cases",
    "apps",
    "conversations",
    "media",
    "deliveries",
    "doctor",
    "intake",
    "overview",
];
