//! What can be done with endpoints.

use serde_json::json;

use super::error::EndpointError;
use super::form::EndpointForm;
use super::model::{Endpoint, EndpointId, Leaving, PausedReason, secrets_place};
use super::store;
use crate::connectors::{Outcome, Step, StepState};
use crate::features::audit::{self, Act};
use crate::features::events::{self, EventType};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::form::FieldErrors;
use crate::platform::jobs::queue;
use crate::platform::vault::Vault;
use crate::platform::web::Actor;

/// What stands beside the field when another endpoint has the name.
pub const NAME_TAKEN: &str = "Another endpoint has this name";

/// Adds an endpoint. The caller has tested it with these very settings and secrets, and the test has passed.
pub async fn create(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    now: Timestamp,
    form: &EndpointForm,
) -> Result<EndpointId, EndpointError> {
    let id = EndpointId::fresh();
    store::insert(tx, row(vault, id, form)?, now).await.map_err(name_taken)?;
    let act = Act::on("endpoint.created", "endpoint", id)
        .with("name", form.name.as_str())
        .with("type", form.connector.key())
        .with("address", form.connector.address(&form.configuration.settings));
    audit::record(tx, actor, now, act).await?;
    Ok(id)
}

/// Changes an endpoint. The caller has tested it with these very settings and secrets, and the test has passed; what
/// links it with use cases is given up first when the type changes.
pub async fn update(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    now: Timestamp,
    (id, revision): (EndpointId, i64),
    form: &EndpointForm,
) -> Result<(), EndpointError> {
    store::touch(tx, id, now).await?;
    let before = super::find(tx, id).await?.ok_or(DbError::NotFound)?;
    if before.revision != revision {
        return Err(EndpointError::Invalid(FieldErrors::one("name", CHANGED_MEANWHILE)));
    }
    store::update(tx, row(vault, id, form)?, now).await.map_err(name_taken)?;
    audit::record(tx, actor, now, act_of_update(&before, form)).await?;
    Ok(trust_again(tx, actor, now, id).await?)
}

/// Resumes an endpoint that was paused because somebody else seemed to answer there: a test has just proven that it is the
/// one that was confirmed.
async fn trust_again(tx: &mut Tx, actor: &Actor, now: Timestamp, id: EndpointId) -> DbResult<()> {
    let endpoint = super::find(tx, id).await?.ok_or(DbError::NotFound)?;
    match endpoint.summary.paused_reason {
        Some(PausedReason::Identity) => resume(tx, actor, now, id).await,
        Some(PausedReason::Person) | None => Ok(()),
    }
}

fn row<'a>(vault: &Vault, id: EndpointId, form: &'a EndpointForm) -> Result<store::Row<'a>, EndpointError> {
    Ok(store::Row {
        id,
        name: &form.name,
        type_key: form.connector.key(),
        settings: form.configuration.settings.to_string(),
        sealed_secrets: vault.seal(&secrets_place(id), &form.configuration.secrets)?,
        archive: form.archive,
    })
}

/// Says what was and what is, without secrets.
fn act_of_update(before: &Endpoint, form: &EndpointForm) -> Act {
    let summary = &before.summary;
    Act::on("endpoint.updated", "endpoint", summary.id)
        .with(
            "before",
            json!({
                "name": summary.name, "type": summary.type_key, "settings": summary.settings.value(),
                "archive": before.archive,
            }),
        )
        .with(
            "after",
            json!({
                "name": form.name, "type": form.connector.key(), "settings": form.configuration.settings,
                "archive": form.archive,
            }),
        )
}

/// Lets deliveries wait. What is under way at this moment still ends.
pub async fn pause(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: EndpointId,
    reason: PausedReason,
) -> DbResult<()> {
    let endpoint = super::find(tx, id).await?.ok_or(DbError::NotFound)?;
    if !store::pause(tx, id, reason, now).await? {
        return Ok(());
    }
    queue::set_width(tx, &lane(id), Some(0)).await?;
    let act = Act::on("endpoint.paused", "endpoint", id)
        .with("name", endpoint.summary.name.as_str())
        .with("reason", reason.as_str());
    audit::record(tx, actor, now, act).await?;
    announce(tx, EventType::EndpointPaused, &endpoint, Some(reason), now).await
}

/// Lets deliveries run again.
pub async fn resume(tx: &mut Tx, actor: &Actor, now: Timestamp, id: EndpointId) -> DbResult<()> {
    let endpoint = super::find(tx, id).await?.ok_or(DbError::NotFound)?;
    if !store::resume(tx, id, now).await? {
        return Ok(());
    }
    queue::set_width(tx, &lane(id), None).await?;
    let act = Act::on("endpoint.resumed", "endpoint", id).with("name", endpoint.summary.name.as_str());
    audit::record(tx, actor, now, act).await?;
    announce(tx, EventType::EndpointResumed, &endpoint, None, now).await
}

/// Deliveries to one endpoint share a lane of the queue under its identifier.
fn lane(id: EndpointId) -> String {
    id.to_string()
}

async fn announce(
    tx: &mut Tx,
    kind: EventType,
    endpoint: &Endpoint,
    reason: Option<PausedReason>,
    now: Timestamp,
) -> DbResult<()> {
    let summary = &endpoint.summary;
    let mut data = json!({
        "endpoint": { "id": summary.id, "name": summary.name, "type": summary.type_key },
        "url": format!("/endpoints/{}", summary.id),
    });
    if let Some(reason) = reason {
        data["reason"] = json!(reason);
    }
    let version = u64::try_from(now.millis()).unwrap_or_default();
    events::record(tx, kind, summary.id.uuid(), version, &data, now).await.map(drop)
}

/// Writes down that somebody tested an endpoint as it is stored; a test that passed ends a failure.
pub async fn note_test(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: EndpointId,
    (outcome, steps): (Outcome, &[Step]),
) -> DbResult<()> {
    if outcome != Outcome::Failed {
        store::save_passed(tx, id, now).await?;
        trust_again(tx, actor, now, id).await?;
    }
    let failed = steps.iter().find(|step| step.state == StepState::Failed);
    let act = Act::on("endpoint.tested", "endpoint", id)
        .with("outcome", outcome.as_str())
        .with("failed_step", failed.map(|step| step.name.as_str()));
    audit::record(tx, actor, now, act).await
}

/// Writes down that a test of nobody in particular has failed: the endpoint counts as failing until something works.
pub async fn note_broken(tx: &mut Tx, id: EndpointId, message: &str, now: Timestamp) -> DbResult<()> {
    store::save_broken(tx, id, message, now).await
}

/// Writes down that somebody lets everything that waits be tried at once.
pub async fn note_hurry(tx: &mut Tx, actor: &Actor, now: Timestamp, id: EndpointId) -> DbResult<()> {
    store::touch(tx, id, now).await?;
    audit::record(tx, actor, now, Act::on("endpoint.retried", "endpoint", id)).await
}

/// Lets an endpoint go: at once, or with [`Leaving::Deliver`] when its last delivery is through. Whoever calls this has
/// taken care of its open deliveries in the same transaction.
pub async fn leave(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: EndpointId,
    leaving: Option<(Leaving, Option<EndpointId>)>,
) -> DbResult<()> {
    let endpoint = super::find(tx, id).await?.ok_or(DbError::NotFound)?;
    let stays = matches!(leaving, Some((Leaving::Deliver, _)));
    store::leave(tx, id, leaving, (!stays).then_some(now), now).await?;
    if !stays {
        // what still lies in its lane finds out by itself that it is over
        queue::set_width(tx, &lane(id), None).await?;
    }
    let word = if stays { "endpoint.leaving" } else { "endpoint.deleted" };
    let act = Act::on(word, "endpoint", id)
        .with("name", endpoint.summary.name.as_str())
        .with("open_deliveries", leaving.map(|(how, _)| how.as_str()))
        .with("to", leaving.and_then(|(_, to)| to).map(|to| to.to_string()));
    audit::record(tx, actor, now, act).await
}

/// Ends an endpoint whose last delivery is through.
pub async fn leave_for_good(tx: &mut Tx, now: Timestamp, id: EndpointId) -> DbResult<()> {
    store::leave(tx, id, Some((Leaving::Deliver, None)), Some(now), now).await?;
    queue::set_width(tx, &lane(id), None).await?;
    let act = Act::on("endpoint.deleted", "endpoint", id).with("open_deliveries", Leaving::Deliver.as_str());
    audit::record(tx, &Actor::system("deliveries"), now, act).await
}

/// Takes a deletion back, with the use cases that were linked; only one that left no delivery to anybody else.
pub async fn restore(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: EndpointId,
) -> Result<(), EndpointError> {
    if !store::restore(tx, id, now).await.map_err(name_taken)? {
        return Err(DbError::NotFound.into());
    }
    let endpoint = super::find(tx, id).await?.ok_or(DbError::NotFound)?;
    if endpoint.summary.paused_reason.is_some() {
        queue::set_width(tx, &lane(id), Some(0)).await?;
    }
    let act = Act::on("endpoint.restored", "endpoint", id).with("name", endpoint.summary.name.as_str());
    Ok(audit::record(tx, actor, now, act).await?)
}

/// What stands beside the name when two people edit at once.
const CHANGED_MEANWHILE: &str =
    "Somebody else has changed this endpoint meanwhile. Open it again, look at it, and change it then";

fn name_taken(error: DbError) -> EndpointError {
    if error.duplicates("endpoints.name") {
        EndpointError::Invalid(FieldErrors::one("name", NAME_TAKEN))
    } else {
        error.into()
    }
}
