//! Technical ground without any product noun: time, secrets, database, queue, files, the way out, mail, the web.

pub mod blobs;
pub mod clock;
pub mod db;
pub mod form;
pub mod idempotency;
pub mod ids;
pub mod jobs;
pub mod keys;
pub mod mail;
pub mod outbound;
pub mod secret;
pub mod tasks;
pub mod vault;
pub mod web;
