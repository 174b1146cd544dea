//! `/`: the dashboard.

use crate::platform::web::{Reply, Visit};

/// Stub.
pub async fn home(visit: Visit) -> Reply {
    visit.go("/login")
}
