//! What people and clients see of Mediaport, over HTTP against the real server; what the house promises about itself.
#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod access;
mod accounts;
mod apps;
mod audit;
mod config;
mod connectors;
mod deliveries;
mod deliveries_log;
mod doctor;
mod endpoints;
mod faults;
mod house;
mod intake;
mod leaks;
mod limits;
mod lists;
mod mailing;
mod names;
mod openapi;
mod origin;
mod outbound;
mod poison;
mod problems;
mod receivers;
mod schema;
mod support;
mod tokens;
mod web;
