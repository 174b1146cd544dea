//! The outbox queue.
