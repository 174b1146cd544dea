//! The only way out.

/// The way out.
#[derive(Debug, Clone)]
pub struct Outbound;

impl Outbound {
    /// New.
    pub fn new(_allow: Vec<ipnet::IpNet>) -> anyhow::Result<Self> {
        Ok(Self)
    }
}
