//! Apps and their keys over the HTTP API.

pub mod apps;
pub mod keys;
