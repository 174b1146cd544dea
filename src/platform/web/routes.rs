//! The table of routes: what exists, who may pass, and which handler answers. Registration and guard read the same rows,
//! so a route without a door cannot exist.

use std::collections::HashMap;

use actix_web::http::Method;
use actix_web::{Route, guard, web};

use super::actor::Role;
use super::operation::Operation;

/// Who may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Anybody: signing in, health, assets. Writes still need the form token.
    Open,
    /// Signed-in people with one of these roles.
    People(&'static [Role]),
    /// The HTTP API: app keys with this scope (none: no app key at all), and personal tokens of people with one of
    /// these roles.
    Api {
        /// What an app key must carry.
        scope: Option<&'static str>,
        /// Whose personal tokens are accepted.
        roles: &'static [Role],
    },
}

/// One row of the table.
pub struct Entry {
    /// The method; `GET` rows answer `HEAD` as well.
    pub method: Method,
    /// The address with `{…}` segments.
    pub path: &'static str,
    /// Who may pass.
    pub door: Door,
    /// What the documentation says of it; only the HTTP API is described.
    pub operation: Option<&'static Operation>,
    /// Makes the route with its handler.
    pub route: fn() -> Route,
}

/// Tells whether programs are answered at this address: everything below `/api/` but the documentation, which people read.
pub(super) fn is_for_programs(path: &str) -> bool {
    let docs = path.strip_prefix("/api/docs");
    path.starts_with("/api/") && !docs.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Adds every row to the application, in order: put fixed addresses before those with a segment in the same place.
pub fn register(table: &[Entry], config: &mut web::ServiceConfig) {
    for entry in table {
        let route = (entry.route)();
        let route = if entry.method == Method::GET {
            route.guard(guard::Any(guard::Get()).or(guard::Head()))
        } else {
            route.method(entry.method.clone())
        };
        config.route(entry.path, route);
    }
}

/// Makes the guard's look-up from the table.
#[must_use]
pub fn doors(table: &[Entry]) -> HashMap<(Method, String), Door> {
    table.iter().map(|entry| ((entry.method.clone(), entry.path.to_owned()), entry.door)).collect()
}
