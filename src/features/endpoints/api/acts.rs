//! What is done with an endpoint: testing it, letting its deliveries wait and run, letting it go.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use futures_util::FutureExt;

use super::views::{TestView, view};
use crate::features::Services;
use crate::features::deliveries::leaving::{self, Removal, RemovalError, Removed};
use crate::features::endpoints::pages::{draft, life, testing, trial};
use crate::features::endpoints::{EndpointId, PausedReason, TestLimit, actions};
use crate::platform::web::{Answer, Call, Nothing, Query, Reply, Segment};

/// Tests an endpoint as it is stored. A test that fails is an answer like any other.
pub async fn test(
    call: Call,
    id: Segment<EndpointId>,
    _: Nothing,
    services: Data<Services>,
    limit: Data<TestLimit>,
) -> Reply {
    let (id, print) = (id.0, call.fingerprint(&""));
    call.at_length(async |once| {
        if let Some(former) = once.former(&print)? {
            return Ok(former);
        }
        let stored = draft::stored(&services, id).await?;
        limit.take(&call.actor)?;
        let (steps, outcome) = testing::run((stored.connector, stored.configuration), services.clone()).await;
        let answer = Answer::json(StatusCode::OK, &TestView::of(outcome, &steps))?;
        trial::note(&services, call.actor.clone(), id, (outcome, steps)).await?;
        let kept = answer.clone();
        call.write(move |tx| async move { once.settle(tx, &print, &kept).await }.boxed()).await?;
        Ok(answer)
    })
    .await
}

/// Lets deliveries wait.
pub async fn pause(call: Call, id: Segment<EndpointId>, _: Nothing) -> Reply {
    let (id, actor, now) = (id.0, call.actor.clone(), call.now());
    let pausing = call.once(call.fingerprint(&""), move |tx| {
        async move {
            actions::pause(tx, &actor, now, id, PausedReason::Person).await?;
            Answer::json(StatusCode::OK, &view(tx, id).await?)
        }
        .boxed()
    });
    pausing.await
}

/// Lets deliveries run again, and what waits be tried now.
pub async fn resume(call: Call, id: Segment<EndpointId>, _: Nothing) -> Reply {
    let (id, actor, now) = (id.0, call.actor.clone(), call.now());
    let resuming = call.once(call.fingerprint(&""), move |tx| {
        async move {
            life::resumed(tx, &actor, now, id).await?;
            Answer::json(StatusCode::OK, &view(tx, id).await?)
        }
        .boxed()
    });
    resuming.await
}

/// Lets an endpoint go, when the query says what becomes of those who use it and of what is open.
pub async fn destroy(call: Call, id: Segment<EndpointId>, decided: Query<Removal>) -> Reply {
    let (id, actor, now, decided) = (id.0, call.actor.clone(), call.now(), decided.0);
    let removing = call.write(move |tx| {
        async move {
            let removed = leaving::remove(tx, &actor, now, id, &decided).await?;
            let left = match removed {
                Removed::Leaving => Some(view(tx, id).await?),
                Removed::Gone | Removed::Settling => None,
            };
            Ok::<_, RemovalError>(left)
        }
        .boxed()
    });
    match removing.await? {
        Some(left) => call.json(StatusCode::ACCEPTED, &left),
        None => Ok(HttpResponse::NoContent().finish()),
    }
}
