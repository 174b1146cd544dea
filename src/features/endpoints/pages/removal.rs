//! `/endpoints/{id}/delete` and `/restore`: letting an endpoint go, and taking that back.

use askama::Template;
use futures_util::FutureExt;

use super::form::crumbs;
use super::life::{CHANGED, back};
use crate::features::deliveries::leaving::{self, Removal, RemovalError, Removed};
use crate::features::endpoints::{self, EndpointId, actions};
use crate::features::{deliveries, use_cases};
use crate::platform::db::{DbError, DbResult};
use crate::platform::form::FormFields;
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::toast::Toast;
use crate::platform::web::{Failure, Form, Reply, Segment, Visit};

/// Another endpoint, which could get what is open.
struct Target {
    id: String,
    name: String,
    type_label: String,
}

/// What a person has to know and to decide before an endpoint goes.
#[derive(Template)]
#[template(path = "endpoints/delete.html")]
struct Delete {
    shell: Shell,
    id: String,
    name: String,
    form: FormFields,
    use_cases: Vec<String>,
    open: i64,
    is_paused: bool,
    targets: Vec<Target>,
}

impl Delete {
    async fn load(visit: &Visit, id: EndpointId, form: FormFields) -> Result<Self, Failure> {
        let reading = visit.read(move |tx| {
            async move {
                let all = use_cases::assignments(tx).await?;
                DbResult::Ok((all, deliveries::count_open(tx, id).await?))
            }
            .boxed()
        });
        let (all, open) = reading.await?;
        let endpoint = all.endpoint(id).ok_or(Failure::NotFound)?;
        let others = all.endpoints.iter().filter(|other| other.id != id && other.leaving.is_none());
        let mut crumbs = crumbs("Remove");
        crumbs.insert(1, Crumb::link(&endpoint.name, &format!("/endpoints/{id}")));
        Ok(Self {
            shell: visit.shell(&format!("Remove {}", endpoint.name), crumbs),
            id: id.to_string(),
            name: endpoint.name.clone(),
            form,
            use_cases: all.users_of(id).map(|use_case| use_case.name.clone()).collect(),
            open,
            is_paused: endpoint.paused_reason.is_some(),
            targets: others
                .map(|other| Target {
                    id: other.id.to_string(),
                    name: other.name.clone(),
                    type_label: other.type_label().to_owned(),
                })
                .collect(),
        })
    }
}

/// Shows what breaks and asks what becomes of what is open.
pub async fn new(visit: Visit, id: Segment<EndpointId>) -> Reply {
    visit.page(Delete::load(&visit, id.0, FormFields::default()).await?)
}

/// Lets an endpoint go as the person has decided; asks first when something has to be decided.
pub async fn create(visit: Visit, id: Segment<EndpointId>, form: Form) -> Reply {
    let (id, form) = (id.0, form.0);
    let decided = match Removal::parse(&form) {
        Ok(decided) => decided,
        Err(errors) => return visit.unprocessable(Delete::load(&visit, id, form.with_errors(errors)).await?),
    };
    let (actor, now) = (visit.actor.clone(), visit.now());
    // not through `Visit::write`: what is left to decide is shown, not refused
    let removing = visit.site.db.write(move |tx| {
        async move {
            let endpoint = endpoints::find(tx, id).await?.ok_or(DbError::NotFound)?;
            let removed = leaving::remove(tx, &actor, now, id, &decided).await?;
            Ok::<_, RemovalError>((removed, endpoint.summary.name))
        }
        .boxed()
    });
    match removing.await {
        Ok((removed, name)) => say(&visit, id, removed, &name),
        Err(RemovalError::InUse(_) | RemovalError::Undelivered(_)) if visit.is_fragment() => {
            visit.go(&format!("/endpoints/{id}/delete"))
        }
        Err(RemovalError::InUse(_)) => ask(&visit, id, form, "use_cases", CONFIRM_USE_CASES).await,
        Err(RemovalError::Undelivered(_)) => ask(&visit, id, form, "open", CHOOSE_OPEN).await,
        Err(RemovalError::Invalid(errors)) => {
            visit.unprocessable(Delete::load(&visit, id, form.with_errors(errors)).await?)
        }
        Err(error) => Err(error.into()),
    }
}

async fn ask(visit: &Visit, id: EndpointId, form: FormFields, field: &str, words: &str) -> Reply {
    let errors = crate::platform::form::FieldErrors::one(field, words);
    visit.unprocessable(Delete::load(visit, id, form.with_errors(errors)).await?)
}

const CONFIRM_USE_CASES: &str = "Confirm that these use cases send nothing there any more";
const CHOOSE_OPEN: &str = "Choose what becomes of the open deliveries";

/// A deletion that left nothing behind can be taken back for a while, from the word in the corner.
fn say(visit: &Visit, id: EndpointId, removed: Removed, name: &str) -> Reply {
    let words = match removed {
        Removed::Gone => format!("{name} was removed."),
        Removed::Settling => format!("{name} was removed. Its open deliveries are being taken care of."),
        Removed::Leaving => {
            format!("{name} takes nothing new. It goes when its open deliveries are through.")
        }
    };
    let undo = (removed == Removed::Gone).then(|| format!("/endpoints/{id}/restore"));
    if visit.is_fragment() {
        return Ok(Toast::done(&words).with_undo(undo.as_deref()).with_event(CHANGED).alone());
    }
    let restorable = undo.map(|_| format!("/endpoints?removed={id}"));
    visit.redirect(restorable.as_deref().unwrap_or("/endpoints"), &words)
}

/// Brings an endpoint back that has just gone.
pub async fn destroy(visit: Visit, id: Segment<EndpointId>) -> Reply {
    let id = id.0;
    let (actor, now) = (visit.actor.clone(), visit.now());
    let restoring =
        visit.write(move |tx| async move { actions::restore(tx, &actor, now, id).await }.boxed()).await;
    match restoring {
        Ok(()) => back(&visit, &format!("/endpoints/{id}"), "End point restored, with its use cases."),
        Err(Failure::Invalid(_)) => {
            back(&visit, "/endpoints", "It was not restored: another end point has its name by now.")
        }
        Err(failure) => Err(failure),
    }
}
