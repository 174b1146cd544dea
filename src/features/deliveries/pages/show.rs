//! `GET /deliveries/{id}`: one delivery with its attempts, and the stream that keeps the page up to date.

use askama::Template;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::rows::{Acts, Drawing};
use super::views;
use crate::features::deliveries::model::{Attempt, DeliveryId, DeliveryState};
use crate::features::deliveries::store;
use crate::features::deliveries::store::listing::{self, Listed};
use crate::platform::clock::Timestamp;
use crate::platform::db::{Db, DbResult};
use crate::platform::web::live::{Feed, Streams};
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Failure, Message, Reply, Segment, Visit};

/// As many attempts as anybody reads; the newest ones.
const MOST_ATTEMPTS: i64 = 100;

struct DeliveryView {
    id: String,
    file_name: String,
    kind: &'static str,
    mime_type: String,
    size: String,
    sha256: String,
    media_id: String,
    state_kind: &'static str,
    state_label: &'static str,
    is_held: bool,
    last_error: String,
    location: String,
    endpoint_id: String,
    endpoint_name: String,
    use_case: String,
    contact: String,
    created_at: Timestamp,
    delivered_at: Option<Timestamp>,
    next_attempt_at: Option<Timestamp>,
    running: Option<Running>,
    acts: Acts,
}

/// An attempt that has not ended.
struct Running {
    title: String,
    since: Timestamp,
}

impl DeliveryView {
    fn new(listed: Listed, may_edit: bool) -> Self {
        let delivery = listed.delivery;
        let word = match delivery.state {
            DeliveryState::Sending => Some("sending"),
            DeliveryState::Verifying => Some("verifying the copy"),
            _ => None,
        };
        Self {
            id: delivery.id.to_string(),
            file_name: listed.file_name,
            kind: views::kind(listed.kind),
            mime_type: listed.mime_type,
            size: views::size(listed.size),
            sha256: listed.sha256,
            media_id: delivery.media_id.to_string(),
            state_kind: delivery.state.kind(),
            state_label: views::state_label(&delivery),
            is_held: delivery.state == DeliveryState::Held,
            location: views::location(&delivery),
            endpoint_id: delivery.endpoint_id.to_string(),
            endpoint_name: listed.endpoint_name,
            use_case: listed.use_case_name.unwrap_or_else(|| "None".to_owned()),
            contact: listed.external_id.unwrap_or_default(),
            created_at: delivery.created_at,
            delivered_at: delivery.delivered_at,
            next_attempt_at: delivery.next_attempt_at,
            running: word.map(|word| Running {
                title: format!("Attempt {}: {word}", delivery.attempts),
                since: delivery.updated_at,
            }),
            acts: Acts::of(delivery.state, may_edit),
            last_error: delivery.last_error.unwrap_or_default(),
        }
    }
}

struct AttemptView {
    kind: &'static str,
    title: String,
    message: String,
    at: Timestamp,
    took: String,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let (kind, title) = views::outcome(&attempt);
        let took = views::took(&attempt);
        Self { kind, title, message: attempt.message.unwrap_or_default(), at: attempt.started_at, took }
    }
}

#[derive(Template)]
#[template(path = "deliveries/show.html")]
struct Show {
    shell: Shell,
    delivery: DeliveryView,
    attempts: Vec<AttemptView>,
}

/// The part of the page that changes.
#[derive(Template)]
#[template(path = "deliveries/_delivery.html")]
struct Part {
    delivery: DeliveryView,
    attempts: Vec<AttemptView>,
    csrf: String,
}

/// Shows one delivery.
pub async fn show(visit: Visit, id: Segment<DeliveryId>) -> Reply {
    let (listed, attempts) = read(&visit.site.db, id.0).await?.ok_or(Failure::NotFound)?;
    let delivery = DeliveryView::new(listed, Drawing::of(&visit).may_edit);
    let crumbs = vec![Crumb::link("Deliveries", "/deliveries"), Crumb::here(&delivery.file_name)];
    let attempts = attempts.into_iter().map(AttemptView::from).collect();
    visit.page(Show { shell: visit.shell(&delivery.file_name, crumbs), delivery, attempts })
}

async fn read(db: &Db, id: DeliveryId) -> DbResult<Option<(Listed, Vec<Attempt>)>> {
    db.read(move |tx| {
        async move {
            let Some(found) = listing::show(tx, id).await? else { return Ok(None) };
            Ok(Some((found, store::attempts(tx, id, MOST_ATTEMPTS).await?)))
        }
        .boxed()
    })
    .await
}

/// `GET /deliveries/{id}/live`: the page's changing part, whenever it has changed.
pub async fn live(visit: Visit, id: Segment<DeliveryId>) -> Reply {
    read(&visit.site.db, id.0).await?.ok_or(Failure::NotFound)?;
    let feed =
        DeliveryFeed { db: visit.site.db.clone(), id: id.0, drawing: Drawing::of(&visit), drawn: None };
    Streams::watch(&visit, feed)
}

struct DeliveryFeed {
    db: Db,
    id: DeliveryId,
    drawing: Drawing,
    /// What tells the last drawing from the next one.
    drawn: Option<(Timestamp, DeliveryState, i64)>,
}

impl Feed for DeliveryFeed {
    fn changes(&mut self) -> LocalBoxFuture<'_, Result<Vec<Message>, Failure>> {
        async move {
            let id = self.id;
            let found: DbResult<Option<Listed>> =
                self.db.read(move |tx| async move { listing::show(tx, id).await }.boxed()).await;
            let mark =
                found?.map(|listed| listed.delivery).map(|now| (now.updated_at, now.state, now.attempts));
            if mark == self.drawn {
                return Ok(Vec::new());
            }
            let Some((listed, attempts)) = read(&self.db, id).await? else { return Ok(Vec::new()) };
            self.drawn = mark;
            let part = Part {
                delivery: DeliveryView::new(listed, self.drawing.may_edit),
                attempts: attempts.into_iter().map(AttemptView::from).collect(),
                csrf: self.drawing.csrf.clone(),
            };
            Ok(vec![Message::Html(part.render()?)])
        }
        .boxed_local()
    }
}
