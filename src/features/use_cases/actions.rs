//! What can be done with use cases.

use serde_json::{Value, json};

use super::error::UseCaseError;
use super::model::{Assignments, Change, Link, Serves, Side, UseCaseForm, UseCaseId};
use super::store;
use crate::features::audit::{self, Act};
use crate::features::endpoints::{self, EndpointForm, EndpointId};
use crate::formats::kinds::Purpose;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, Tx};
use crate::platform::vault::Vault;
use crate::platform::web::Actor;

/// Adds a use case with its endpoints.
pub async fn create(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    form: &UseCaseForm,
) -> Result<UseCaseId, UseCaseError> {
    let id = UseCaseId::fresh();
    store::insert(tx, id, &form.name, now).await.map_err(name_taken)?;
    let act = Act::on("use_case.created", "use_case", id).with("name", form.name.as_str());
    audit::record(tx, actor, now, act).await?;
    assign_lists(tx, actor, now, id, form).await?;
    Ok(id)
}

/// Gives a use case the name and the endpoints that were submitted.
pub async fn update(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: UseCaseId,
    form: &UseCaseForm,
) -> Result<(), UseCaseError> {
    rename(tx, actor, now, id, &form.name).await?;
    assign_lists(tx, actor, now, id, form).await
}

/// Changes the name; the same name again is no change.
pub async fn rename(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: UseCaseId,
    name: &str,
) -> Result<(), UseCaseError> {
    let before = store::find(tx, id).await?.ok_or(DbError::NotFound)?;
    if before.name == name {
        return Ok(());
    }
    store::rename(tx, id, name, now).await.map_err(name_taken)?;
    let act = Act::on("use_case.renamed", "use_case", id).with("from", before.name).with("to", name);
    Ok(audit::record(tx, actor, now, act).await?)
}

/// Adds an endpoint that has passed its test, together with the use cases that it serves.
pub async fn add_endpoint(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    now: Timestamp,
    (form, serves): (&EndpointForm, &Serves),
) -> Result<EndpointId, UseCaseError> {
    let id = endpoints::actions::create(tx, vault, actor, now, form).await?;
    assign(tx, actor, now, Purpose::Pictures, &Side::Endpoint(id, serves.pictures.clone())).await?;
    assign(tx, actor, now, Purpose::Recordings, &Side::Endpoint(id, serves.recordings.clone())).await?;
    Ok(id)
}

/// Changes an endpoint that has passed its test, together with the use cases that it serves.
pub async fn change_endpoint(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    now: Timestamp,
    (id, revision): (EndpointId, i64),
    (form, serves): (&EndpointForm, &Serves),
) -> Result<(), UseCaseError> {
    let side = |use_cases: &[UseCaseId]| Side::Endpoint(id, use_cases.to_vec());
    if form.takes_pictures_only() {
        // before its type is such that the database refuses these links
        assign(tx, actor, now, Purpose::Recordings, &side(&[])).await?;
        assign(tx, actor, now, Purpose::Other, &side(&[])).await?;
    }
    let kept = store::take_links_of_endpoint(tx, id).await?;
    endpoints::actions::update(tx, vault, actor, now, (id, revision), form).await?;
    for link in kept {
        store::insert_link(tx, link, form.connector.key()).await?;
    }
    assign(tx, actor, now, Purpose::Pictures, &side(&serves.pictures)).await?;
    assign(tx, actor, now, Purpose::Recordings, &side(&serves.recordings)).await
}

/// Sets which endpoints receive what, the whole set of one side and purpose at once. The only writer of that relation.
pub async fn assign(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    purpose: Purpose,
    side: &Side,
) -> Result<(), UseCaseError> {
    // two people who save the same side at once come one after the other, so the audit log tells what each one changed
    match side {
        Side::UseCase(id, _) => store::touch(tx, *id, now).await?,
        Side::Endpoint(id, _) => endpoints::touch(tx, *id, now).await?,
    }
    let present = store::links_of(tx, side, purpose).await?.into_iter().collect();
    let mut change = Change::between(&present, &side.links(purpose));
    if change.is_empty() {
        return Ok(());
    }
    let all = super::assignments(tx).await?;
    let mut added = Vec::new();
    for link in change.added {
        if store::insert_link(tx, link, &admitted_type(&all, link)?).await? {
            added.push(link);
        }
    }
    change.added = added;
    for &link in &change.removed {
        store::delete_link(tx, link).await?;
    }
    audit::record(tx, actor, now, act_of(&change, purpose, side, &all)).await?;
    Ok(())
}

async fn assign_lists(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: UseCaseId,
    form: &UseCaseForm,
) -> Result<(), UseCaseError> {
    for (purpose, endpoints) in form.lists() {
        assign(tx, actor, now, purpose, &Side::UseCase(id, endpoints.to_vec())).await?;
    }
    Ok(())
}

/// Refuses links to what does not exist, and files that the endpoint's type does not take; gives the type.
fn admitted_type(all: &Assignments, link: Link) -> Result<String, UseCaseError> {
    let field = link.purpose.as_str();
    if all.use_case(link.use_case_id).is_none() {
        return Err(UseCaseError::field(field, "One of these use cases does not exist any more"));
    }
    let Some(endpoint) = all.endpoint(link.endpoint_id) else {
        return Err(UseCaseError::field(field, "One of these endpoints does not exist any more"));
    };
    if endpoint.leaving.is_some() {
        let message = format!("{} is being removed and takes nothing new", endpoint.name);
        return Err(UseCaseError::field(field, message));
    }
    if link.purpose != Purpose::Pictures && endpoint.takes_pictures_only() {
        let message = format!("{} accepts pictures only", endpoint.name);
        return Err(UseCaseError::field(field, message));
    }
    Ok(endpoint.type_key.clone())
}

/// Says what changed, seen from the side on which somebody changed it.
fn act_of(change: &Change, purpose: Purpose, side: &Side, all: &Assignments) -> Act {
    let named = |links: &[Link]| -> Value {
        let of_side = |link: &Link| match side {
            Side::UseCase(..) => {
                json!({"id": link.endpoint_id, "name": all.endpoint(link.endpoint_id).map(|found| &found.name)})
            }
            Side::Endpoint(..) => {
                json!({"id": link.use_case_id, "name": all.use_case(link.use_case_id).map(|found| &found.name)})
            }
        };
        links.iter().map(of_side).collect()
    };
    let act = match side {
        Side::UseCase(id, _) => Act::on("use_case.endpoints_changed", "use_case", *id),
        Side::Endpoint(id, _) => Act::on("endpoint.use_cases_changed", "endpoint", *id),
    };
    act.with("purpose", purpose.as_str())
        .with("added", named(&change.added))
        .with("removed", named(&change.removed))
}

fn name_taken(error: DbError) -> UseCaseError {
    if error.duplicates("use_cases.name") {
        UseCaseError::field("name", "Another use case has this name")
    } else {
        error.into()
    }
}
