//! What actions and jobs stand on.

use std::sync::{Arc, OnceLock};

use crate::connectors::Ground;
use crate::platform::blobs::Blobs;
use crate::platform::clock::Clock;
use crate::platform::db::Db;
use crate::platform::vault::Vault;
use crate::platform::web::PublicUrl;

/// The ground under the features: handed to handlers as shared data and to jobs as their context.
pub struct Services {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Seals the secrets of endpoints.
    pub vault: Vault,
    /// Where media bytes lie.
    pub blobs: Blobs,
    /// What connectors may touch.
    pub ground: Ground,
    /// The largest accepted file in bytes.
    pub max_upload: u64,
    /// Intake stops when less than this share of the media disk would stay free.
    pub keep_free_percent: u8,
    /// Where people reach the portal; known once it is served.
    pub public: Arc<OnceLock<PublicUrl>>,
}

impl Services {
    /// Gives the absolute address of a path of the portal; nothing before it is served, when nobody needs one.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        self.public.get().map(|public| public.join(path)).unwrap_or_default()
    }
}
