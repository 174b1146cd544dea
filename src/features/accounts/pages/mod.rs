//! Pages of people: getting in and out, and how the portal looks to them.

pub mod setups;
pub mod sign_ins;
pub mod themes;
