//! The list of deliveries, and one delivery with its attempts.

use askama::Template;
use futures_util::FutureExt;
use serde::Deserialize;

use super::views::{self, DeliveryRow};
use crate::features::deliveries::model::{Attempt, DeliveryId, DeliveryState};
use crate::features::deliveries::store::{self, Filter, Listed};
use crate::features::endpoints::EndpointId;
use crate::platform::clock::Timestamp;
use crate::platform::db::DbResult;
use crate::platform::web::pagination::{After, PAGE, Page};
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Failure, Params, Reply, Segment, Visit};

/// As many attempts as anybody reads; the newest ones.
const MOST_ATTEMPTS: i64 = 100;

/// What the address asks for.
#[derive(Debug, Deserialize)]
pub struct ListParams {
    state: Option<String>,
    endpoint: Option<String>,
    after: Option<String>,
}

/// A link that narrows the list down to one state.
struct StateFilter {
    label: &'static str,
    href: String,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "deliveries/index.html", blocks = ["results"])]
struct Index {
    shell: Shell,
    deliveries: Vec<DeliveryRow>,
    filters: Vec<StateFilter>,
    is_filtered: bool,
    newer: Option<String>,
    older: Option<String>,
}

/// `GET /deliveries?state=&endpoint=&after=`.
pub async fn index(visit: Visit, params: Params<ListParams>) -> Reply {
    let filter = filter(&params.0)?;
    let after = After { after: params.0.after };
    let (behind, wanted) = (after.behind()?, filter.clone());
    let rows = visit
        .read(move |tx| async move { store::list(tx, &wanted, &behind, PAGE + 1).await }.boxed())
        .await?;
    let page = Page::cut(rows, PAGE, |row| row.delivery.id.to_string());
    let now = visit.now();
    let index = Index {
        shell: visit.shell("Deliveries", vec![Crumb::here("Deliveries")]),
        deliveries: page.rows.into_iter().map(|listed| DeliveryRow::new(listed, now)).collect(),
        filters: state_filters(&filter),
        is_filtered: filter != Filter::default(),
        // Pages go back in time only; from any of them one step leads to the newest.
        newer: after.after.filter(|after| !after.is_empty()).map(|_| address(&filter, None)),
        older: page.next.map(|next| address(&filter, Some(&next))),
    };
    if visit.wants("results") { visit.page(index.as_results()) } else { visit.page(index) }
}

/// A filter that means nothing is an address that does not exist.
fn filter(params: &ListParams) -> Result<Filter, Failure> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let state: Option<DeliveryState> =
        given(&params.state).map(|text| text.parse()).transpose().map_err(|_| Failure::NotFound)?;
    let endpoint: Option<EndpointId> =
        given(&params.endpoint).map(|text| text.parse()).transpose().map_err(|_| Failure::NotFound)?;
    Ok(Filter { state, endpoint, media: None })
}

fn state_filters(current: &Filter) -> Vec<StateFilter> {
    let states = DeliveryState::ALL.iter().map(|state| (state.label(), Some(*state)));
    let all = std::iter::once(("All", None)).chain(states);
    all.map(|(label, state)| StateFilter {
        label,
        href: address(&Filter { state, ..current.clone() }, None),
        is_current: current.state == state,
    })
    .collect()
}

/// Gives the address of a list; only identifiers and states stand in it, which need no encoding.
fn address(filter: &Filter, after: Option<&str>) -> String {
    let parts = [
        filter.state.map(|state| format!("state={state}")),
        filter.endpoint.map(|endpoint| format!("endpoint={endpoint}")),
        after.map(|after| format!("after={after}")),
    ];
    let query = parts.into_iter().flatten().collect::<Vec<_>>().join("&");
    if query.is_empty() { "/deliveries".to_owned() } else { format!("/deliveries?{query}") }
}

struct DeliveryView {
    file_name: String,
    kind: &'static str,
    mime_type: String,
    size: String,
    sha256: String,
    state_kind: &'static str,
    state_label: &'static str,
    last_error: String,
    location: String,
    endpoint_id: String,
    endpoint_name: String,
    use_case: String,
    created_at: Timestamp,
    delivered_at: Option<Timestamp>,
    next_attempt_at: Option<Timestamp>,
}

impl From<Listed> for DeliveryView {
    fn from(listed: Listed) -> Self {
        let delivery = listed.delivery;
        Self {
            file_name: listed.file_name,
            kind: views::kind(listed.kind),
            mime_type: listed.mime_type,
            size: views::size(listed.size),
            sha256: listed.sha256,
            state_kind: delivery.state.kind(),
            state_label: views::state_label(&delivery),
            location: views::location(&delivery),
            last_error: delivery.last_error.unwrap_or_default(),
            endpoint_id: delivery.endpoint_id.to_string(),
            endpoint_name: listed.endpoint_name,
            use_case: listed.use_case_name.unwrap_or_else(|| "None".to_owned()),
            created_at: delivery.created_at,
            delivered_at: delivery.delivered_at,
            next_attempt_at: delivery.next_attempt_at,
        }
    }
}

struct AttemptView {
    kind: &'static str,
    title: String,
    message: String,
    at: Timestamp,
    took: String,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let (kind, title) = views::outcome(&attempt);
        let took = views::took(&attempt);
        Self { kind, title, message: attempt.message.unwrap_or_default(), at: attempt.started_at, took }
    }
}

#[derive(Template)]
#[template(path = "deliveries/show.html")]
struct Show {
    shell: Shell,
    delivery: DeliveryView,
    attempts: Vec<AttemptView>,
}

/// `GET /deliveries/{id}`.
pub async fn show(visit: Visit, id: Segment<DeliveryId>) -> Reply {
    let (found, attempts): (Option<Listed>, Vec<Attempt>) = visit
        .read(move |tx| {
            async move {
                let found = store::show(tx, id.0).await?;
                DbResult::Ok((found, store::attempts(tx, id.0, MOST_ATTEMPTS).await?))
            }
            .boxed()
        })
        .await?;
    let delivery = DeliveryView::from(found.ok_or(Failure::NotFound)?);
    let crumbs = vec![Crumb::link("Deliveries", "/deliveries"), Crumb::here(&delivery.file_name)];
    let attempts = attempts.into_iter().map(AttemptView::from).collect();
    visit.page(Show { shell: visit.shell(&delivery.file_name, crumbs), delivery, attempts })
}
