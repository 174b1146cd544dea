//! `GET /deliveries`: the log of all endpoints.

use askama::Template;
use futures_util::FutureExt;

use super::log_view::{self, LogParams, LogView};
use super::rows::Drawing;
use crate::features::endpoints;
use crate::platform::db::DbResult;
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Params, Reply, Visit};

#[derive(Template)]
#[template(path = "deliveries/index.html")]
struct Index {
    shell: Shell,
    log: LogView,
}

/// `GET /deliveries?state=&endpoint=&q=&after=`.
pub async fn index(visit: Visit, params: Params<LogParams>) -> Reply {
    let (filter, after) = (params.0.filter()?, params.0.after());
    let behind = after.behind()?;
    let (facts, endpoints) = visit
        .read(move |tx| {
            async move {
                let facts = log_view::read(tx, filter, after, behind).await?;
                DbResult::Ok((facts, endpoints::list(tx).await?))
            }
            .boxed()
        })
        .await?;
    let shell = visit.shell("Deliveries", vec![Crumb::here("Deliveries")]);
    visit.page(Index { shell, log: LogView::everywhere(facts, &endpoints, &Drawing::of(&visit)) })
}
