//! `/deliveries/{id}/retry` and `/cancel`: what people do with one delivery.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::rows;
use crate::features::deliveries::model::DeliveryId;
use crate::features::deliveries::steering::{self, SteeringError};
use crate::platform::clock::Timestamp;
use crate::platform::db::Tx;
use crate::platform::web::toast::Toast;
use crate::platform::web::{Actor, Reply, Segment, Visit};

/// Lets a delivery be tried now.
pub async fn retry(visit: Visit, id: Segment<DeliveryId>) -> Reply {
    let id = id.0;
    steer(visit, id, "The file is tried now.", move |tx, actor, now| {
        steering::retry(tx, actor, now, id).boxed()
    })
    .await
}

/// Calls a delivery off.
pub async fn cancel(visit: Visit, id: Segment<DeliveryId>) -> Reply {
    let id = id.0;
    steer(visit, id, "Delivery cancelled. The file is kept.", move |tx, actor, now| {
        steering::cancel(tx, actor, now, id).boxed()
    })
    .await
}

/// Does it and shows the delivery as it is then; one that has ended meanwhile says so instead.
async fn steer<F>(visit: Visit, id: DeliveryId, done: &str, act: F) -> Reply
where
    F: for<'t> FnOnce(&'t mut Tx, &'t Actor, Timestamp) -> BoxFuture<'t, Result<(), SteeringError>>
        + Send
        + 'static,
{
    let (actor, now) = (visit.actor.clone(), visit.now());
    // not through `Visit::write`: whoever acts on a page that is not up to date is shown what has become of it
    let steering = visit.site.db.write(move |tx| async move { act(tx, &actor, now).await }.boxed());
    let toast = match steering.await {
        Ok(()) => Toast::done(done),
        Err(SteeringError::Over(why)) => Toast::refused(&format!("{why}.")),
        Err(error) => return Err(error.into()),
    };
    if !visit.is_fragment() {
        return visit.redirect(&format!("/deliveries/{id}"), toast.text());
    }
    let row = rows::row(&visit, id).await?;
    Ok(HttpResponse::Ok().insert_header(toast.header()).content_type(ContentType::html()).body(row))
}
