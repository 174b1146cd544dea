//! The outbox queue: work that follows from a change, stored in the transaction that makes the change.
//!
//! Promises: what was committed is run at least once, and at most one run of a job can conclude, because concluding
//! needs the lease (see [`Lease::holds`]). A process that dies loses its leases, and another takes over; one that stops
//! in order gives them back at once. A job that kills its workers is put aside (module `rules`). Lanes share the slots
//! fairly, and a long lane costs the others nothing.
//!
//! What it does not do: it keeps no history (the row goes when the job is done; features keep their own records), it
//! promises no order, and it never gives up by count of orderly retries.

mod job;
mod lease;
mod pick;
pub mod queue;
mod registry;
mod rules;
mod run_one;
mod schedule;
mod settings;
#[cfg(test)]
mod tests;
mod worker;

pub use job::{Job, JobError, JobId, Poison};
pub use lease::{Lease, void_leases};
pub use registry::Registry;
pub use rules::{backoff, roll, spread};
pub use settings::JobSettings;
pub use worker::Worker;
