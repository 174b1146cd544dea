//! `/endpoints/{id}/pause`, `/resume` and `/hurry`: letting deliveries wait, run, and run now.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::features::deliveries;
use crate::features::endpoints::{EndpointId, PausedReason, actions};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::web::toast::Toast;
use crate::platform::web::{Actor, Reply, Segment, Visit};

/// Lets deliveries wait.
pub async fn pause(visit: Visit, id: Segment<EndpointId>) -> Reply {
    let id = id.0;
    change(visit, &page(id), "End point paused. Its files wait.", move |tx, actor, now| {
        async move { actions::pause(tx, actor, now, id, PausedReason::Person).await }.boxed()
    })
    .await
}

/// Lets deliveries run again, and what waits be tried now.
pub async fn resume(visit: Visit, id: Segment<EndpointId>) -> Reply {
    let id = id.0;
    change(visit, &page(id), "End point resumed. What waits is tried now.", move |tx, actor, now| {
        async move { resumed(tx, actor, now, id).await }.boxed()
    })
    .await
}

/// Lets everything that waits or needs a person be tried now.
pub async fn hurry(visit: Visit, id: Segment<EndpointId>) -> Reply {
    let id = id.0;
    change(
        visit,
        &format!("{}?tab=deliveries", page(id)),
        "Everything that waits for this end point is tried now.",
        move |tx, actor, now| {
            async move {
                actions::note_hurry(tx, actor, now, id).await?;
                deliveries::steering::hurry(tx, id, true, now).await
            }
            .boxed()
        },
    )
    .await
}

/// Resumes an endpoint with what waits for it.
pub(in crate::features::endpoints) async fn resumed(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: EndpointId,
) -> DbResult<()> {
    actions::resume(tx, actor, now, id).await?;
    deliveries::steering::hurry(tx, id, false, now).await
}

fn page(id: EndpointId) -> String {
    format!("/endpoints/{id}")
}

async fn change<F>(visit: Visit, path: &str, words: &str, work: F) -> Reply
where
    F: for<'t> FnOnce(&'t mut Tx, &'t Actor, Timestamp) -> BoxFuture<'t, DbResult<()>> + Send + 'static,
{
    let (actor, now) = (visit.actor.clone(), visit.now());
    visit.write(move |tx| async move { work(tx, &actor, now).await }.boxed()).await?;
    back(&visit, path, words)
}

/// Returns to where the person was: on a list the rows are read again, elsewhere the page.
pub(super) fn back(visit: &Visit, path: &str, words: &str) -> Reply {
    if visit.is_fragment() {
        return Ok(Toast::done(words).with_event(CHANGED).alone());
    }
    visit.redirect(path, words)
}

/// Lets lists of endpoints read their rows again.
pub(super) const CHANGED: &str = "endpoints-changed";
