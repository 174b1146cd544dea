//! `/endpoints/{id}/use-cases`: which use cases send their pictures or recordings here.

use futures_util::FutureExt;

use super::show::{self, Tab};
use crate::features::endpoints::EndpointId;
use crate::features::use_cases::{Side, UseCaseId, actions};
use crate::platform::web::{Failure, Form, Reply, Segment, Visit};

/// Saves the list of one tab.
pub async fn update(visit: Visit, id: Segment<EndpointId>, form: Form) -> Reply {
    let (id, form) = (id.0, form.0);
    let tab = form.value("tab").parse().unwrap_or(Tab::General);
    let purpose = tab.purpose().ok_or_else(|| Failure::malformed("The form names no list of use cases"))?;
    let mut check = form.check();
    let ticked = check.each::<UseCaseId>(purpose.as_str(), "One of these use cases is not known");
    let saved = match check.finish(ticked) {
        Ok(ticked) => {
            let (actor, now) = (visit.actor.clone(), visit.now());
            let side = Side::Endpoint(id, ticked);
            visit
                .write(move |tx| {
                    async move { actions::assign(tx, &actor, now, purpose, &side).await }.boxed()
                })
                .await
        }
        Err(errors) => Err(Failure::Invalid(errors)),
    };
    match saved {
        Ok(()) => visit.redirect(&format!("/endpoints/{id}?tab={tab}"), "Use cases saved"),
        Err(Failure::Invalid(errors)) => {
            visit.unprocessable(show::load(&visit, id, tab).await?.with_form(form.with_errors(errors)))
        }
        Err(failure) => Err(failure),
    }
}
