//! `/endpoints/new`, `/endpoints/{id}` and `/endpoints/{id}/edit`.

use futures_util::FutureExt;
use serde::Deserialize;

use super::draft::About;
use super::form;
use super::show::{self, Tab};
use crate::features::deliveries::pages::LogParams;
use crate::features::endpoints::{self, Endpoint, EndpointId};
use crate::features::use_cases;
use crate::formats::kinds::Purpose;
use crate::platform::db::DbResult;
use crate::platform::form::FormFields;

use crate::platform::web::{Failure, Params, Reply, Segment, Visit};

/// What people read after an endpoint was saved.
const ADDED: &str = "End point added. Its test has passed.";
const SAVED: &str = "End point saved. Its test has passed.";

/// Which type the form begins with.
#[derive(Debug, Deserialize)]
pub struct Beginning {
    #[serde(default, rename = "type")]
    type_key: String,
    copy: Option<EndpointId>,
}

/// Shows the form, empty or filled like another endpoint.
pub async fn new(visit: Visit, beginning: Params<Beginning>) -> Reply {
    let beginning = beginning.0;
    let Some(id) = beginning.copy else {
        let form = FormFields::default().set("type", beginning.type_key);
        return form::answer(&visit, About::New, form, None).await;
    };
    let (endpoint, form) = filled(&visit, id).await?;
    let name = format!("{} copy", endpoint.summary.name);
    let form = form.set("name", name).set("copy_of", id.to_string());
    form::answer(&visit, About::Copy(id), form, None).await
}

/// Shows the form with what is stored.
pub async fn edit(visit: Visit, id: Segment<EndpointId>) -> Reply {
    let id = id.0;
    let (endpoint, form) = filled(&visit, id).await?;
    let form = form.set("change", id.to_string()).set("revision", endpoint.revision.to_string());
    form::answer(&visit, About::Change(id), form, None).await
}

/// Fills the form from what is stored; secrets are not among it.
async fn filled(visit: &Visit, id: EndpointId) -> Result<(Endpoint, FormFields), Failure> {
    let reading = visit.read(move |tx| {
        async move { DbResult::Ok((endpoints::find(tx, id).await?, use_cases::assignments(tx).await?)) }
            .boxed()
    });
    let (endpoint, all) = reading.await?;
    let endpoint = endpoint.ok_or(Failure::NotFound)?;
    let summary = &endpoint.summary;
    let mut form = summary.connector().map(|connector| connector.filled(summary.settings.value()));
    let mut form = form.take().unwrap_or_default();
    for purpose in [Purpose::Pictures, Purpose::Recordings] {
        for use_case in all.use_cases_of(id, purpose) {
            form.push(purpose.as_str(), use_case.id.to_string());
        }
    }
    let form = form
        .set("name", summary.name.as_str())
        .set("type", summary.type_key.as_str())
        .set("archive", endpoint.archive.as_str());
    Ok((endpoint, form))
}

/// Which part of an endpoint is looked at.
#[derive(Debug, Deserialize)]
pub struct View {
    #[serde(default)]
    tab: String,
    added: Option<String>,
    saved: Option<String>,
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
    if view.0.saved.is_some() {
        page.say(SAVED);
    }
    visit.page(page)
}
