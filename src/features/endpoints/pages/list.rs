//! `/endpoints`: the list, narrowed, sorted and turned by its address.

use std::cmp::Reverse;
use std::collections::HashMap;

use askama::Template;
use futures_util::FutureExt;
use serde::Deserialize;

use super::views::{TypeChoice, icon, percent, types};
use crate::features::endpoints::{self, EndpointId, EndpointSummary, Figures, Health};
use crate::features::use_cases::{self, Assignments};
use crate::platform::clock::Timestamp;
use crate::platform::db::DbResult;
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Params, Reply, Visit};
use crate::text_enum;

/// As many rows as a page shows.
const PAGE: usize = 50;

text_enum! {
    in pub(super),
    /// How endpoints do, as the list is narrowed to.
    Status {
        /// Tested, and nothing has failed since.
        Healthy = "healthy",
        /// The last delivery failed, or somebody else answers there.
        Failing = "failing",
        /// Deliveries wait, or the endpoint goes.
        Paused = "paused",
        /// No use case sends there.
        Unused = "unused",
    }
}

text_enum! {
    in pub(super),
    /// By what the list is sorted.
    Sort {
        /// By name.
        Name = "name",
        /// The busiest first.
        Files = "files",
        /// The least successful first.
        Success = "success",
        /// The latest delivery first.
        Last = "last",
    }
}

/// What the list is narrowed to, how it is sorted, and which part of it is shown.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default, rename = "type")]
    type_key: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    page: usize,
    /// An endpoint that has just gone, for the way back without script.
    removed: Option<EndpointId>,
}

impl Filter {
    fn is_set(&self) -> bool {
        !(self.q.trim().is_empty() && self.type_key.is_empty() && self.status.is_empty())
    }

    fn admits(&self, endpoint: &EndpointSummary, all: &Assignments) -> bool {
        let words = self.q.trim().to_lowercase();
        let fits = |text: &str| text.to_lowercase().contains(&words);
        (self.type_key.is_empty() || endpoint.type_key == self.type_key)
            && self.status.parse().map_or(true, |status| has(endpoint, all, status))
            && (fits(&endpoint.name) || fits(&endpoint.address()))
    }

    /// Gives the address of the same list with another order or part.
    fn address(&self, sort: &str, page: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in
            [("q", self.q.trim()), ("type", &self.type_key), ("status", &self.status), ("sort", sort)]
        {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if page > 0 {
            query.append_pair("page", &page.to_string());
        }
        let query = query.finish();
        if query.is_empty() { "/endpoints".to_owned() } else { format!("/endpoints?{query}") }
    }
}

fn has(endpoint: &EndpointSummary, all: &Assignments, status: Status) -> bool {
    match (status, endpoint.health()) {
        (Status::Unused, _) => all.users_of(endpoint.id).next().is_none(),
        (Status::Healthy, health) => health == Health::Healthy,
        (Status::Failing, health) => matches!(health, Health::Failing | Health::Distrusted),
        (Status::Paused, health) => matches!(health, Health::Paused | Health::Leaving),
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
    status: String,
    sort: String,
    types: Vec<TypeChoice>,
    columns: Vec<Column>,
    /// This very list.
    address: String,
    /// How many are shown of how many.
    shown: String,
    previous: Option<String>,
    next: Option<String>,
    /// Where an endpoint that has just gone is brought back.
    restore: Option<String>,
}

/// A heading that sorts.
struct Column {
    label: &'static str,
    href: String,
    is_current: bool,
    is_number: bool,
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
    is_paused: bool,
    is_leaving: bool,
    files: i64,
    success: String,
    delivered_at: Option<Timestamp>,
}

impl EndpointRow {
    fn of(endpoint: &EndpointSummary, all: &Assignments, figures: Figures) -> Self {
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
            is_paused: endpoint.paused_reason.is_some(),
            is_leaving: endpoint.leaving.is_some(),
            files: figures.delivered,
            success: figures.success().map(percent).unwrap_or_default(),
            delivered_at: endpoint.delivered_at,
        }
    }
}

/// Lists the endpoints.
pub async fn index(visit: Visit, filter: Params<Filter>) -> Reply {
    let (filter, now) = (filter.0, visit.now());
    let reading = visit.read(move |tx| {
        async move { DbResult::Ok((use_cases::assignments(tx).await?, endpoints::last_day(tx, now).await?)) }
            .boxed()
    });
    let (all, figures) = reading.await?;
    let figures: HashMap<EndpointId, Figures> = figures.into_iter().collect();
    let of = |endpoint: &EndpointSummary| figures.get(&endpoint.id).copied().unwrap_or_default();
    let mut found: Vec<_> = all.endpoints.iter().filter(|endpoint| filter.admits(endpoint, &all)).collect();
    sort(&mut found, filter.sort.parse().unwrap_or(Sort::Name), of);
    let pages = found.len().div_ceil(PAGE);
    let page = filter.page.min(pages.saturating_sub(1));
    let rows = found.iter().skip(page * PAGE).take(PAGE);
    visit.page(Index {
        shell: visit.shell("Media endpoints", vec![Crumb::here("Media endpoints")]),
        endpoints: rows.map(|endpoint| EndpointRow::of(endpoint, &all, of(endpoint))).collect(),
        may_edit: visit.may_edit(),
        is_filtered: filter.is_set(),
        types: types(),
        columns: columns(&filter),
        address: filter.address(&filter.sort, page),
        shown: format!("{} of {} endpoints", found.len(), all.endpoints.len()),
        previous: page.checked_sub(1).map(|page| filter.address(&filter.sort, page)),
        next: (page + 1 < pages).then(|| filter.address(&filter.sort, page + 1)),
        restore: filter.removed.map(|id| format!("/endpoints/{id}/restore")),
        q: filter.q,
        type_key: filter.type_key,
        status: filter.status,
        sort: filter.sort,
    })
}

/// Sorts; equal ones stay by name, as they come.
fn sort(found: &mut [&EndpointSummary], by: Sort, figures: impl Fn(&EndpointSummary) -> Figures) {
    match by {
        Sort::Name => {}
        Sort::Files => found.sort_by_key(|endpoint| Reverse(figures(endpoint).delivered)),
        Sort::Success => {
            found.sort_by_key(|endpoint| figures(endpoint).success().unwrap_or(i64::MAX));
        }
        Sort::Last => found.sort_by_key(|endpoint| Reverse(endpoint.delivered_at)),
    }
}

fn columns(filter: &Filter) -> Vec<Column> {
    let current = filter.sort.parse().unwrap_or(Sort::Name);
    let column = |label, sort: Option<Sort>, is_number| Column {
        label,
        href: sort
            .map(|sort| filter.address(if sort == Sort::Name { "" } else { sort.as_str() }, 0))
            .unwrap_or_default(),
        is_current: sort == Some(current),
        is_number,
    };
    vec![
        column("Name", Some(Sort::Name), false),
        column("Type", None, false),
        column("Used by", None, false),
        column("Status", None, false),
        column("Files, 24 h", Some(Sort::Files), true),
        column("Success", Some(Sort::Success), true),
        column("Last delivery", Some(Sort::Last), false),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::endpoints::{EndpointState, PausedReason};

    fn endpoint() -> EndpointSummary {
        EndpointSummary {
            id: EndpointId::fresh(),
            name: "Claims archive".into(),
            type_key: "folder".into(),
            settings: r#"{"directory": "emea/claims"}"#.to_owned().try_into().expect("JSON"),
            state: EndpointState::Active,
            paused_reason: None,
            paused_at: None,
            leaving: None,
            last_error: None,
            failing_since: None,
            delivered_at: None,
        }
    }

    #[test]
    fn a_filter_looks_at_name_place_and_state() {
        let mut endpoint = endpoint();
        let all = Assignments::new(Vec::new(), vec![endpoint.clone()], Vec::new());
        let filter = |q: &str, type_key: &str, status: &str| Filter {
            q: q.into(),
            type_key: type_key.into(),
            status: status.into(),
            ..Filter::default()
        };
        let admits = |endpoint: &EndpointSummary, filter: &Filter| filter.admits(endpoint, &all);

        for fits in
            [filter("", "", ""), filter(" ARCHIVE ", "folder", "healthy"), filter("emea", "", "unused")]
        {
            assert!(admits(&endpoint, &fits), "{fits:?}");
        }
        for other in [filter("archive", "s3", ""), filter("legal", "", ""), filter("", "", "paused")] {
            assert!(!admits(&endpoint, &other), "{other:?}");
        }
        endpoint.state = EndpointState::Paused;
        endpoint.paused_reason = Some(PausedReason::Identity);
        assert!(
            admits(&endpoint, &filter("", "", "failing")) && !admits(&endpoint, &filter("", "", "paused"))
        );
        assert!(!filter(" ", "", "").is_set());
    }

    #[test]
    fn addresses_keep_what_was_typed() {
        let filter = Filter { q: "a&b ".into(), status: "failing".into(), ..Filter::default() };

        assert_eq!(filter.address("files", 2), "/endpoints?q=a%26b&status=failing&sort=files&page=2");
        assert_eq!(Filter::default().address("", 0), "/endpoints");
    }

    #[test]
    fn shares_are_said_with_one_decimal() {
        assert_eq!(
            (percent(1000), percent(989), percent(0)),
            ("100 %".into(), "98.9 %".into(), "0.0 %".into())
        );
    }
}
