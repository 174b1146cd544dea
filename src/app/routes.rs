//! Every route with its door, in one place: what a test walks, what the guard enforces, what the server registers.

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

use super::{Installation, health};
use crate::features::{accounts, overview};
use crate::platform::web::{Door, Entry, Role, assets};

const ADMIN: Door = Door::People(&[Role::Admin]);
const WATCHERS: Door = Door::People(&[Role::Admin, Role::Auditor]);
const ANYBODY_SIGNED_IN: Door = Door::People(Role::ALL);
const ADMIN_TOKEN: Door = Door::Api { scope: None, roles: &[Role::Admin] };

const fn api(scope: &'static str) -> Door {
    Door::Api { scope: Some(scope), roles: &[Role::Admin] }
}

macro_rules! entry {
    ($method:ident $path:literal $door:expr => $handler:path) => {
        Entry { method: Method::$method, path: $path, door: $door, route: || web::to($handler) }
    };
}

/// Lists the routes; fixed addresses stand before those with a segment in the same place.
#[must_use]
pub fn table() -> Vec<Entry> {
    [open(), people()].into_iter().flatten().collect()
}

fn open() -> Vec<Entry> {
    use accounts::pages::{setups, sign_ins, themes};
    vec![
        entry!(GET "/healthz" Door::Open => health::healthz),
        entry!(GET "/readyz" Door::Open => health::readyz),
        entry!(GET "/static/{name}" Door::Open => assets::asset),
        entry!(GET "/setup/{code}" Door::Open => setups::edit),
        entry!(POST "/setup/{code}" Door::Open => setups::update),
        entry!(GET "/login" Door::Open => sign_ins::new),
        entry!(POST "/login" Door::Open => sign_ins::create),
        entry!(POST "/logout" Door::Open => sign_ins::destroy),
        entry!(POST "/theme" Door::Open => themes::update),
    ]
}

fn people() -> Vec<Entry> {
    vec![
        entry!(GET "/" ANYBODY_SIGNED_IN => overview::pages::home),
    ]
}

/// What handlers share beside the services.
#[derive(Clone)]
pub(super) struct Shared {}

/// Makes what handlers share, once for all threads of the server.
pub(super) fn shared(_installation: &Installation) -> Shared {
    Shared {}
}

impl Shared {
    pub(super) fn add_to(&self, _config: &mut ServiceConfig) {}
}
