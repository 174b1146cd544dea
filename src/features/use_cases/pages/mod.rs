//! `/use-cases` and `/use-cases/{id}`.

use askama::Template;
use futures_util::FutureExt;

use super::{Assignments, UseCase, UseCaseForm, UseCaseId, actions};
use crate::features::endpoints::EndpointSummary;
use crate::formats::kinds::Purpose;
use crate::platform::form::FormFields;
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Failure, Form, Reply, Segment, Visit};

#[derive(Template)]
#[template(path = "use_cases/index.html")]
struct Index {
    shell: Shell,
    form: FormFields,
    use_cases: Vec<UseCaseRow>,
    may_edit: bool,
}

struct UseCaseRow {
    id: String,
    name: String,
    pictures: Vec<String>,
    recordings: Vec<String>,
    other: Vec<String>,
}

impl UseCaseRow {
    fn of(use_case: &UseCase, all: &Assignments) -> Self {
        let names =
            |purpose| all.endpoints_of(use_case.id, purpose).map(|endpoint| endpoint.name.clone()).collect();
        Self {
            id: use_case.id.to_string(),
            name: use_case.name.clone(),
            pictures: names(Purpose::Pictures),
            recordings: names(Purpose::Recordings),
            other: names(Purpose::Other),
        }
    }
}

impl Index {
    async fn load(visit: &Visit, form: FormFields) -> Result<Self, Failure> {
        let all = visit.read(|tx| super::assignments(tx).boxed()).await?;
        Ok(Self {
            shell: visit.shell("Use cases", vec![Crumb::here("Use cases")]),
            form,
            use_cases: all.use_cases.iter().map(|use_case| UseCaseRow::of(use_case, &all)).collect(),
            may_edit: visit.may_edit(),
        })
    }
}

#[derive(Template)]
#[template(path = "use_cases/show.html")]
struct Show {
    shell: Shell,
    id: String,
    name: String,
    may_edit: bool,
    form: FormFields,
    endpoints: Vec<EndpointChoice>,
}

struct EndpointChoice {
    id: String,
    name: String,
    type_label: String,
    state_kind: &'static str,
    state_label: &'static str,
    pictures_only: bool,
}

impl From<&EndpointSummary> for EndpointChoice {
    fn from(endpoint: &EndpointSummary) -> Self {
        let health = endpoint.health();
        Self {
            id: endpoint.id.to_string(),
            name: endpoint.name.clone(),
            type_label: endpoint.type_label().to_owned(),
            state_kind: health.kind(),
            state_label: health.label(),
            pictures_only: endpoint.takes_pictures_only(),
        }
    }
}

impl Show {
    /// Reads what the page shows; `form` holds what was submitted, none what is stored.
    async fn load(visit: &Visit, id: UseCaseId, form: Option<FormFields>) -> Result<Self, Failure> {
        let all = visit.read(|tx| super::assignments(tx).boxed()).await?;
        let use_case = all.use_case(id).ok_or(Failure::NotFound)?;
        let crumbs = vec![Crumb::link("Use cases", "/use-cases"), Crumb::here(&use_case.name)];
        Ok(Self {
            shell: visit.shell(&use_case.name, crumbs),
            id: id.to_string(),
            name: use_case.name.clone(),
            may_edit: visit.may_edit(),
            form: form.unwrap_or_else(|| stored(use_case, &all)),
            endpoints: all.endpoints.iter().map(EndpointChoice::from).collect(),
        })
    }
}

fn stored(use_case: &UseCase, all: &Assignments) -> FormFields {
    let mut form = FormFields::default().set("name", use_case.name.as_str());
    for &purpose in Purpose::ALL {
        for endpoint in all.endpoints_of(use_case.id, purpose) {
            form.push(purpose.as_str(), endpoint.id.to_string());
        }
    }
    form
}

/// Lists the use cases, with a form for one more.
pub async fn index(visit: Visit) -> Reply {
    visit.page(Index::load(&visit, FormFields::default()).await?)
}

/// Adds a use case and goes on to its endpoints.
pub async fn create(visit: Visit, form: Form) -> Reply {
    let (actor, now) = (visit.actor.clone(), visit.now());
    let created = match UseCaseForm::parse(&form.0) {
        Ok(new) => {
            visit.write(move |tx| async move { actions::create(tx, &actor, now, &new).await }.boxed()).await
        }
        Err(errors) => Err(Failure::Invalid(errors)),
    };
    match created {
        Ok(id) => visit.redirect(&format!("/use-cases/{id}"), "Use case added. Choose where its files go."),
        Err(Failure::Invalid(errors)) => {
            visit.unprocessable(Index::load(&visit, form.0.with_errors(errors)).await?)
        }
        Err(failure) => Err(failure),
    }
}

/// Shows one use case.
pub async fn show(visit: Visit, id: Segment<UseCaseId>) -> Reply {
    visit.page(Show::load(&visit, id.0, None).await?)
}

/// Saves the name and the three lists.
pub async fn update(visit: Visit, id: Segment<UseCaseId>, form: Form) -> Reply {
    let id = id.0;
    let (actor, now) = (visit.actor.clone(), visit.now());
    let updated = match UseCaseForm::parse(&form.0) {
        Ok(new) => {
            visit
                .write(move |tx| async move { actions::update(tx, &actor, now, id, &new).await }.boxed())
                .await
        }
        Err(errors) => Err(Failure::Invalid(errors)),
    };
    match updated {
        Ok(()) => visit.redirect(&format!("/use-cases/{id}"), "Use case saved"),
        Err(Failure::Invalid(errors)) => {
            visit.unprocessable(Show::load(&visit, id, Some(form.0.with_errors(errors))).await?)
        }
        Err(failure) => Err(failure),
    }
}
