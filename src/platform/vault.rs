//! Sealing.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a record could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[error("sealing failed")]
pub struct VaultError;

/// Seals secrets.
#[derive(Debug, Clone)]
pub struct Vault;

impl Vault {
    /// Opens.
    pub fn open_or_create(_path: &std::path::Path) -> anyhow::Result<(Self, bool)> {
        Ok((Self, false))
    }

    /// Derives.
    #[must_use]
    pub fn derive(&self, _purpose: &str) -> [u8; 64] {
        [7; 64]
    }

    /// Seals a value for a place.
    pub fn seal<T: Serialize>(&self, _context: &str, _value: &T) -> Result<Vec<u8>, VaultError> {
        Err(VaultError)
    }

    /// Opens a sealed value of a place.
    pub fn open<T: DeserializeOwned>(&self, _context: &str, _sealed: &[u8]) -> Result<T, VaultError> {
        Err(VaultError)
    }
}
