//! `/endpoints`, `/endpoints/new` and `/endpoints/{id}`.

use askama::Template;
use futures_util::FutureExt;
use serde::Deserialize;

use super::form;
use super::show::{self, Tab};
use super::views::{TypeChoice, icon, types};
use crate::features::deliveries::pages::LogParams;
use crate::features::endpoints::{EndpointId, EndpointSummary};
use crate::features::use_cases::{self, Assignments};
use crate::platform::clock::Timestamp;
use crate::platform::form::FormFields;
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Params, Reply, Role, Segment, Visit};

/// What people read after an endpoint was saved.
pub(super) const ADDED: &str = "End point added. Its test has passed.";

/// What the list is narrowed to.
#[derive(Debug, Default, Deserialize)]
pub struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default, rename = "type")]
    type_key: String,
}

impl Filter {
    fn is_set(&self) -> bool {
        !(self.q.trim().is_empty() && self.type_key.is_empty())
    }

    fn admits(&self, endpoint: &EndpointSummary) -> bool {
        let words = self.q.trim().to_lowercase();
        let fits = |text: &str| text.to_lowercase().contains(&words);
        (self.type_key.is_empty() || endpoint.type_key == self.type_key)
            && (fits(&endpoint.name) || fits(&endpoint.address()))
    }
}

#[derive(Template)]
#[template(path = "endpoints/index.html")]
struct Index {
    shell: Shell,
    endpoints: Vec<EndpointRow>,
    may_edit: bool,
    is_filtered: bool,
    q: String,
    type_key: String,
    types: Vec<TypeChoice>,
}

struct EndpointRow {
    id: String,
    name: String,
    place: String,
    type_label: String,
    icon: &'static str,
    used_by: Vec<String>,
    state_kind: &'static str,
    state_label: &'static str,
    delivered_at: Option<Timestamp>,
}

impl EndpointRow {
    fn of(endpoint: &EndpointSummary, all: &Assignments) -> Self {
        let health = endpoint.health();
        Self {
            id: endpoint.id.to_string(),
            name: endpoint.name.clone(),
            place: endpoint.address(),
            type_label: endpoint.type_label().to_owned(),
            icon: icon(&endpoint.type_key),
            used_by: all.users_of(endpoint.id).map(|use_case| use_case.name.clone()).collect(),
            state_kind: health.kind(),
            state_label: health.label(),
            delivered_at: endpoint.delivered_at,
        }
    }
}

/// Lists the endpoints.
pub async fn index(visit: Visit, filter: Params<Filter>) -> Reply {
    let filter = filter.0;
    let all = visit.read(|tx| use_cases::assignments(tx).boxed()).await?;
    let found = all.endpoints.iter().filter(|endpoint| filter.admits(endpoint));
    visit.page(Index {
        shell: visit.shell("Media endpoints", vec![Crumb::here("Media endpoints")]),
        endpoints: found.map(|endpoint| EndpointRow::of(endpoint, &all)).collect(),
        may_edit: may_edit(&visit),
        is_filtered: filter.is_set(),
        q: filter.q,
        type_key: filter.type_key,
        types: types(),
    })
}

/// Which type the form begins with.
#[derive(Debug, Deserialize)]
pub struct Beginning {
    #[serde(default, rename = "type")]
    type_key: String,
}

/// Shows the empty form.
pub async fn new(visit: Visit, beginning: Params<Beginning>) -> Reply {
    let form = FormFields::default().set("type", beginning.0.type_key);
    form::answer(&visit, form, None).await
}

/// Which part of an endpoint is looked at.
#[derive(Debug, Deserialize)]
pub struct View {
    #[serde(default)]
    tab: String,
    added: Option<String>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    q: String,
    after: Option<String>,
}

/// Shows one endpoint.
pub async fn show(visit: Visit, id: Segment<EndpointId>, view: Params<View>) -> Reply {
    let tab = view.0.tab.parse().unwrap_or(Tab::General);
    let mut page = show::load(&visit, id.0, tab).await?;
    if tab == Tab::Deliveries {
        let params = LogParams::new(view.0.state, view.0.q, view.0.after);
        page = page.with_deliveries(&visit, id.0, &params).await?;
    }
    if view.0.added.is_some() {
        page.say(ADDED);
    }
    visit.page(page)
}

/// Tells whether the visitor may change endpoints; auditors may look.
pub(super) fn may_edit(visit: &Visit) -> bool {
    visit.actor.person().is_some_and(|person| person.role == Role::Admin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::endpoints::EndpointState;

    #[test]
    fn a_filter_looks_at_name_and_place() {
        let endpoint = EndpointSummary {
            id: EndpointId::fresh(),
            name: "Claims archive".into(),
            type_key: "folder".into(),
            settings: r#"{"directory": "emea/claims"}"#.to_owned().try_into().expect("JSON"),
            state: EndpointState::Active,
            last_error: None,
            failing_since: None,
            delivered_at: None,
        };
        let admits =
            |q: &str, type_key: &str| Filter { q: q.into(), type_key: type_key.into() }.admits(&endpoint);

        assert!(admits("", "") && admits(" ARCHIVE ", "folder") && admits("emea", ""));
        assert!(!admits("archive", "s3") && !admits("legal", ""));
        assert!(!Filter { q: " ".into(), type_key: String::new() }.is_set());
    }
}
