//! `/deliveries` and `/deliveries/{id}`.

use askama::Template;
use futures_util::FutureExt;
use serde::Deserialize;

use super::super::model::{Delivery, DeliveryId, DeliveryState};
use super::super::store::{self, Scope};
use super::views::{AttemptView, DeliveryRow, DeliveryView};
use crate::features::endpoints::EndpointId;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::web::pagination::{After, PAGE, Page};
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Failure, Params, Reply, Segment, Visit};

/// What the list may be narrowed by.
#[derive(Debug, Deserialize)]
pub struct Filter {
    state: Option<String>,
    endpoint: Option<String>,
    after: Option<String>,
}

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

#[derive(Template)]
#[template(path = "deliveries/show.html")]
struct Show {
    shell: Shell,
    delivery: DeliveryView,
    attempts: Vec<AttemptView>,
}

/// Lists deliveries, newest first.
pub async fn index(visit: Visit, filter: Params<Filter>) -> Reply {
    let filter = filter.0;
    let wrong = || Failure::malformed("The filter is not understood");
    let named = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let state =
        named(&filter.state).map(|text| text.parse::<DeliveryState>()).transpose().map_err(|_| wrong())?;
    let endpoint =
        named(&filter.endpoint).map(|text| text.parse::<EndpointId>()).transpose().map_err(|_| wrong())?;
    let after = After { after: filter.after };
    let scope = Scope { endpoint, state, media: None };
    let page = page_of(&visit, scope, &after).await?;
    let base = address(state, endpoint);
    let index = Index {
        shell: visit.shell("Deliveries", vec![Crumb { label: "Deliveries".to_owned(), href: None }]),
        deliveries: page.rows,
        filters: state_filters(state, endpoint),
        is_filtered: state.is_some() || endpoint.is_some(),
        newer: after.after.is_some().then(|| base.clone()),
        older: page.next.map(|next| with_after(&base, &next)),
    };
    if visit.wants("results") { visit.page(index.as_results()) } else { visit.page(index) }
}

/// Shows one delivery with its attempts.
pub async fn show(visit: Visit, id: Segment<DeliveryId>) -> Reply {
    let found = visit.read(move |tx| {
        async move {
            let Some(delivery) = store::find(tx, id.0).await? else { return Ok::<_, DbError>(None) };
            Ok(Some((delivery, store::attempts(tx, id.0).await?)))
        }
        .boxed()
    });
    let (delivery, attempts) = found.await?.ok_or(Failure::NotFound)?;
    let crumbs = vec![
        Crumb { label: "Deliveries".to_owned(), href: Some("/deliveries".to_owned()) },
        Crumb { label: delivery.file_name.clone(), href: None },
    ];
    visit.page(Show {
        shell: visit.shell(&delivery.file_name, crumbs),
        delivery: DeliveryView::from(&delivery),
        attempts: attempts.iter().map(AttemptView::from).collect(),
    })
}

/// Gives one page of an endpoint's deliveries, for the endpoint's own page.
pub async fn rows_of_endpoint(
    visit: &Visit,
    endpoint: EndpointId,
    after: &After,
) -> Result<Page<DeliveryRow>, Failure> {
    page_of(visit, Scope { endpoint: Some(endpoint), ..Scope::default() }, after).await
}

/// Gives the latest deliveries, for the dashboard.
pub async fn latest(tx: &mut Tx, limit: i64) -> DbResult<Vec<DeliveryRow>> {
    let rows = store::list(tx, Scope::default(), "g", limit).await?;
    Ok(rows.iter().map(DeliveryRow::from).collect())
}

async fn page_of(visit: &Visit, scope: Scope, after: &After) -> Result<Page<DeliveryRow>, Failure> {
    let behind = after.behind()?;
    let rows = visit.read(move |tx| {
        async move { store::list(tx, scope, &behind, PAGE + 1).await }.boxed()
    });
    let page = Page::cut(rows.await?, PAGE, |row: &Delivery| row.id.to_string());
    Ok(Page { rows: page.rows.iter().map(DeliveryRow::from).collect(), next: page.next })
}

fn state_filters(current: Option<DeliveryState>, endpoint: Option<EndpointId>) -> Vec<StateFilter> {
    let offered = [
        ("All", None),
        ("Delivered", Some(DeliveryState::Delivered)),
        ("Queued", Some(DeliveryState::Queued)),
        ("Retrying", Some(DeliveryState::Retrying)),
        ("Held", Some(DeliveryState::Held)),
    ];
    let filter =
        |(label, state)| StateFilter { label, href: address(state, endpoint), is_current: state == current };
    offered.into_iter().map(filter).collect()
}

fn address(state: Option<DeliveryState>, endpoint: Option<EndpointId>) -> String {
    let state = state.map(|state| format!("state={state}"));
    let endpoint = endpoint.map(|endpoint| format!("endpoint={endpoint}"));
    let query: Vec<String> = state.into_iter().chain(endpoint).collect();
    if query.is_empty() { "/deliveries".to_owned() } else { format!("/deliveries?{}", query.join("&")) }
}

fn with_after(base: &str, after: &str) -> String {
    let joint = if base.contains('?') { '&' } else { '?' };
    format!("{base}{joint}after={after}")
}
