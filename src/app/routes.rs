//! Every route with its door, in one place: what a test walks, what the guard enforces, what the server registers.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};

use super::{Installation, health, reference};
use crate::features::{
    accounts, apps, audit, conversations, deliveries, endpoints, intake, media, overview, use_cases,
};
use crate::platform::web::{Door, Entry, Role, assets};

const ADMIN: Door = Door::People(&[Role::Admin]);
const WATCHERS: Door = Door::People(&[Role::Admin, Role::Auditor]);
/// Who may see media; agents those of their own conversations.
const VIEWERS: Door = Door::People(&[Role::Admin, Role::Agent]);
const ANYBODY_SIGNED_IN: Door = Door::People(Role::ALL);
const ADMIN_TOKEN: Door = Door::Api { scope: None, roles: &[Role::Admin] };

const ANY_TOKEN: Door = Door::Api { scope: None, roles: Role::ALL };
const WATCHER_TOKEN: Door = Door::Api { scope: None, roles: &[Role::Admin, Role::Auditor] };

const fn api(scope: &'static str) -> Door {
    Door::Api { scope: Some(scope), roles: &[Role::Admin] }
}

macro_rules! entry {
    ($method:ident $path:literal $door:expr => $handler:path) => {
        Entry {
            method: Method::$method,
            path: $path,
            door: $door,
            operation: None,
            route: || web::to($handler),
        }
    };
    ($method:ident $path:literal $door:expr => $handler:path, $operation:path) => {
        Entry {
            method: Method::$method,
            path: $path,
            door: $door,
            operation: Some(&$operation),
            route: || web::to($handler),
        }
    };
}

/// Lists the routes; fixed addresses stand before those with a segment in the same place.
#[must_use]
pub fn table() -> Vec<Entry> {
    [open(), people(), storage(), http_api(), administration()].into_iter().flatten().collect()
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
        entry!(GET "/api/docs" Door::Open => reference::pages::index),
        entry!(GET "/api/docs/{call}" Door::Open => reference::pages::show),
    ]
}

fn people() -> Vec<Entry> {
    vec![
        entry!(GET "/" ANYBODY_SIGNED_IN => overview::pages::home),
        entry!(GET "/library/{id}" VIEWERS => media::pages::show),
        entry!(GET "/library/{id}/content" VIEWERS => media::pages::content),
        entry!(GET "/deliveries" WATCHERS => deliveries::pages::deliveries::index),
        entry!(GET "/deliveries/live" WATCHERS => deliveries::pages::live::index),
        entry!(GET "/deliveries/{id}" WATCHERS => deliveries::pages::show::show),
        entry!(GET "/deliveries/{id}/live" WATCHERS => deliveries::pages::show::live),
        entry!(POST "/deliveries/{id}/retry" ADMIN => deliveries::pages::acts::retry),
        entry!(POST "/deliveries/{id}/cancel" ADMIN => deliveries::pages::acts::cancel),
    ]
}

fn storage() -> Vec<Entry> {
    use endpoints::pages::{
        endpoints as endpoint_pages, fields, life, list, pictures, removal, saving, trial,
        use_cases as assignments,
    };
    vec![
        entry!(GET "/endpoints" WATCHERS => list::index),
        entry!(GET "/endpoints/new" ADMIN => endpoint_pages::new),
        entry!(POST "/endpoints" ADMIN => saving::create),
        entry!(POST "/endpoints/fields" ADMIN => fields::create),
        entry!(GET "/endpoints/{id}" WATCHERS => endpoint_pages::show),
        entry!(POST "/endpoints/{id}" ADMIN => saving::update),
        entry!(GET "/endpoints/{id}/edit" ADMIN => endpoint_pages::edit),
        entry!(POST "/endpoints/{id}/test" ADMIN => trial::create),
        entry!(POST "/endpoints/{id}/pause" ADMIN => life::pause),
        entry!(POST "/endpoints/{id}/resume" ADMIN => life::resume),
        entry!(POST "/endpoints/{id}/hurry" ADMIN => life::hurry),
        entry!(GET "/endpoints/{id}/delete" ADMIN => removal::new),
        entry!(POST "/endpoints/{id}/delete" ADMIN => removal::create),
        entry!(POST "/endpoints/{id}/restore" ADMIN => removal::destroy),
        entry!(POST "/endpoints/{id}/use-cases" ADMIN => assignments::update),
        entry!(POST "/endpoints/{id}/test-picture" ADMIN => pictures::create),
        entry!(GET "/use-cases" WATCHERS => use_cases::pages::index),
        entry!(POST "/use-cases" ADMIN => use_cases::pages::create),
        entry!(GET "/use-cases/{id}" WATCHERS => use_cases::pages::show),
        entry!(POST "/use-cases/{id}" ADMIN => use_cases::pages::update),
    ]
}

fn http_api() -> Vec<Entry> {
    vec![
        entry!(GET "/api/v1/openapi.json" Door::Open => reference::show),
        entry!(POST "/api/v1/conversations" api("conversations.write") => conversations::api::create, conversations::operations::CREATE),
        entry!(GET "/api/v1/conversations" api("conversations.write") => conversations::api::index, conversations::operations::INDEX),
        entry!(GET "/api/v1/conversations/{id}" api("conversations.write") => conversations::api::show, conversations::operations::SHOW),
        entry!(POST "/api/v1/conversations/{id}/end" api("conversations.write") => conversations::api::end, conversations::operations::END),
        entry!(POST "/api/v1/conversations/{id}/media" api("media.write") => intake::api::create, intake::operations::CREATE),
        entry!(GET "/api/v1/media" api("media.read") => media::api::index, media::operations::INDEX),
        entry!(GET "/api/v1/media/{id}" api("media.read") => media::api::show, media::operations::SHOW),
        entry!(GET "/api/v1/media/{id}/content" api("media.read") => media::api::content, media::operations::CONTENT),
        entry!(GET "/api/v1/endpoints" WATCHER_TOKEN => endpoints::api::index, endpoints::operations::INDEX),
        entry!(POST "/api/v1/endpoints" ADMIN_TOKEN => endpoints::api::create, endpoints::operations::CREATE),
        entry!(GET "/api/v1/endpoints/{id}" WATCHER_TOKEN => endpoints::api::show, endpoints::operations::SHOW),
        entry!(PUT "/api/v1/endpoints/{id}" ADMIN_TOKEN => endpoints::api::update, endpoints::operations::UPDATE),
        entry!(DELETE "/api/v1/endpoints/{id}" ADMIN_TOKEN => endpoints::api::acts::destroy, endpoints::operations::DELETE),
        entry!(POST "/api/v1/endpoints/{id}/test" ADMIN_TOKEN => endpoints::api::acts::test, endpoints::operations::TEST),
        entry!(POST "/api/v1/endpoints/{id}/pause" ADMIN_TOKEN => endpoints::api::acts::pause, endpoints::operations::PAUSE),
        entry!(POST "/api/v1/endpoints/{id}/resume" ADMIN_TOKEN => endpoints::api::acts::resume, endpoints::operations::RESUME),
        entry!(GET "/api/v1/use-cases" WATCHER_TOKEN => use_cases::api::index, use_cases::operations::INDEX),
        entry!(POST "/api/v1/use-cases" ADMIN_TOKEN => use_cases::api::create, use_cases::operations::CREATE),
        entry!(GET "/api/v1/use-cases/{id}" WATCHER_TOKEN => use_cases::api::show, use_cases::operations::SHOW),
        entry!(PUT "/api/v1/use-cases/{id}" ADMIN_TOKEN => use_cases::api::update, use_cases::operations::UPDATE),
        entry!(GET "/api/v1/deliveries" WATCHER_TOKEN => deliveries::api::index, deliveries::operations::INDEX),
        entry!(GET "/api/v1/deliveries/{id}" WATCHER_TOKEN => deliveries::api::show, deliveries::operations::SHOW),
        entry!(POST "/api/v1/deliveries/{id}/retry" ADMIN_TOKEN => deliveries::api::retry, deliveries::operations::RETRY),
        entry!(POST "/api/v1/deliveries/{id}/cancel" ADMIN_TOKEN => deliveries::api::cancel, deliveries::operations::CANCEL),
    ]
}

fn administration() -> Vec<Entry> {
    vec![
        entry!(GET "/api/v1/apps" WATCHER_TOKEN => apps::api::apps::index, apps::operations::INDEX),
        entry!(POST "/api/v1/apps" ADMIN_TOKEN => apps::api::apps::create, apps::operations::CREATE),
        entry!(GET "/api/v1/apps/{id}" WATCHER_TOKEN => apps::api::apps::show, apps::operations::SHOW),
        entry!(PUT "/api/v1/apps/{id}" ADMIN_TOKEN => apps::api::apps::update, apps::operations::UPDATE),
        entry!(GET "/api/v1/apps/{id}/keys" WATCHER_TOKEN => apps::api::keys::index, apps::operations::KEYS),
        entry!(POST "/api/v1/apps/{id}/keys" ADMIN_TOKEN => apps::api::keys::create, apps::operations::CREATE_KEY),
        entry!(DELETE "/api/v1/apps/{id}/keys/{key}" ADMIN_TOKEN => apps::api::keys::destroy, apps::operations::REVOKE_KEY),
        entry!(GET "/api/v1/tokens" ANY_TOKEN => accounts::api::index, accounts::operations::INDEX),
        entry!(POST "/api/v1/tokens" ANY_TOKEN => accounts::api::create, accounts::operations::CREATE),
        entry!(DELETE "/api/v1/tokens/{id}" ANY_TOKEN => accounts::api::destroy, accounts::operations::REVOKE),
        entry!(GET "/api/v1/audit" WATCHER_TOKEN => audit::api::index, audit::operations::INDEX),
        entry!(GET "/api/v1/audit/verification" WATCHER_TOKEN => audit::api::verification, audit::operations::VERIFICATION),
    ]
}

/// What handlers share beside the services.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) endpoint_tests: Data<endpoints::TestLimit>,
    downloads: Data<media::Downloads>,
    reference: Data<reference::Reference>,
}

/// Makes what handlers share, once for all threads of the server.
pub(super) fn shared(installation: &Installation) -> Shared {
    let (rate, burst) = installation.config.limits.endpoint_tests;
    Shared {
        endpoint_tests: Data::new(endpoints::TestLimit::new(rate, burst)),
        downloads: Data::from(Arc::clone(&installation.downloads)),
        reference: Data::default(),
    }
}

impl Shared {
    pub(super) fn add_to(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.endpoint_tests.clone())
            .app_data(self.downloads.clone())
            .app_data(self.reference.clone());
    }
}
