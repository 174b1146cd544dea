//! The sidebar and the palette: what each role can go to.

use crate::platform::web::shell::{NavGroup, NavItem};
use crate::platform::web::{Menu, Role};

struct Place {
    group: Option<&'static str>,
    label: &'static str,
    href: &'static str,
    icon: &'static str,
    roles: &'static [Role],
}

const PLACES: &[Place] = &[
    Place { group: None, label: "Dashboard", href: "/", icon: "layout-dashboard", roles: Role::ALL },
    Place {
        group: Some("Storage"),
        label: "Media endpoints",
        href: "/endpoints",
        icon: "hard-drive-upload",
        roles: &[Role::Admin, Role::Auditor],
    },
    Place {
        group: Some("Storage"),
        label: "Use cases",
        href: "/use-cases",
        icon: "split",
        roles: &[Role::Admin, Role::Auditor],
    },
    Place {
        group: Some("Storage"),
        label: "Deliveries",
        href: "/deliveries",
        icon: "send",
        roles: &[Role::Admin, Role::Auditor],
    },
    Place {
        group: Some("Administration"),
        label: "HTTP API",
        href: "/api/docs",
        icon: "file-text",
        roles: &[Role::Admin],
    },
];

/// Lists the places for a role and marks the one that `path` belongs to.
pub(super) fn menu(role: Role, path: &str) -> Menu {
    let mut groups: Vec<NavGroup> = Vec::new();
    for place in PLACES.iter().filter(|place| place.roles.contains(&role)) {
        let current = path == place.href || (place.href != "/" && path.starts_with(place.href));
        let item = NavItem { label: place.label, href: place.href, icon: place.icon, current, count: None };
        match groups.iter_mut().find(|group| group.heading == place.group) {
            Some(group) => group.items.push(item),
            None => groups.push(NavGroup { heading: place.group, items: vec![item] }),
        }
    }
    let add =
        NavItem { label: "Add End Point", href: "/endpoints/new", icon: "plus", current: false, count: None };
    Menu { groups, actions: if role == Role::Admin { vec![add] } else { Vec::new() } }
}
