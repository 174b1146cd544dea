//! The only way out.

/// The way out.
#[derive(Debug, Clone)]
pub struct Outbound;
