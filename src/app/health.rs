//! `/healthz`: the process answers. `/readyz`: it can take work, and if not, why not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use futures_util::FutureExt;

use crate::features::Services;
use crate::platform::jobs::queue;

/// Whether this process is about to go.
#[derive(Debug, Clone, Default)]
pub(super) struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says that no new work should come here.
    pub(super) fn leave(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Answers as long as the process does.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// Answers 200 while database and media store can take work, else 503 with one line for each thing that is wrong.
pub(super) async fn readyz(services: Data<Services>, readiness: Data<Readiness>) -> HttpResponse {
    let mut wrong = Vec::new();
    let is_database_there = services.db.ping().await.is_ok();
    if readiness.0.load(Ordering::SeqCst) {
        wrong.push("stopping");
    }
    if !is_database_there {
        wrong.push("the database does not answer");
    }
    if !services.blobs.healthy() {
        wrong.push("the media store cannot write durably");
    }
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut lines = if wrong.is_empty() {
        vec!["ready".to_owned()]
    } else {
        wrong.into_iter().map(str::to_owned).collect()
    };
    // Whoever asks is not kept waiting a second time for a database that is away.
    if is_database_there
        && let Ok(depth) = services.db.read(|tx| async move { queue::depth(tx).await }.boxed()).await
    {
        lines.push(format!("queue: {} queued, {} running, {} held", depth.queued, depth.running, depth.held));
    }
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(lines.join("\n") + "\n")
}
