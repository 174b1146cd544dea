//! `GET /deliveries/live`: rows of the log as they change, for the newest page of it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::log_view::LogParams;
use super::rows::{self, DeliveryRow, Drawing};
use crate::features::deliveries::log::{self, LogFilter, LogPage};
use crate::features::deliveries::model::{DeliveryId, DeliveryState};
use crate::features::deliveries::store::listing::{self, Listed};
use crate::platform::clock::{Clock, Timestamp};
use crate::platform::db::{Db, DbResult};
use crate::platform::web::live::{Feed, Streams};
use crate::platform::web::pagination::{LATEST, PAGE};
use crate::platform::web::{Failure, Message, Params, Reply, Visit};

/// How long a change may take to be seen by others after the instant that is written with it: transactions are short,
/// and clocks of several processes differ by little.
const OVERLAP: Duration = Duration::from_secs(10);
/// Changes told at once. More than these in a second are news of another kind.
const MOST_CHANGES: i64 = 200;
/// Rows that a stream remembers to be on the page; a page keeps fewer.
const MOST_ROWS: usize = 1_000;

/// Which log, and since when.
#[derive(Debug, Deserialize)]
pub struct LiveParams {
    #[serde(default)]
    state: String,
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    q: String,
    /// When the page was drawn, in milliseconds since 1970.
    since: Option<i64>,
}

/// Tells what changes in a log.
pub async fn index(visit: Visit, params: Params<LiveParams>) -> Reply {
    let LiveParams { state, endpoint, q, since } = params.0;
    let filter = LogParams::new(state, q, None).of_endpoint(endpoint).filter()?;
    let lost =
        visit.request.headers().get("Last-Event-ID").and_then(|value| value.to_str().ok()?.parse().ok());
    let seen = lost.or(since).map_or_else(|| visit.now(), Timestamp::from_millis);
    let wanted = filter.clone();
    let page: LogPage =
        visit.read(move |tx| async move { log::read(tx, &wanted, LATEST, PAGE).await }.boxed()).await?;
    let feed = LogFeed {
        db: visit.site.db.clone(),
        clock: visit.site.clock.clone(),
        drawing: Drawing::of(&visit),
        on_page: OnPage::of(&page),
        filter,
        seen,
        told: HashMap::new(),
    };
    Streams::watch(&visit, feed)
}

/// The rows that the page has, as far as the server knows.
struct OnPage {
    rows: BTreeSet<DeliveryId>,
    /// Older ones are on other pages.
    floor: Option<DeliveryId>,
}

impl OnPage {
    fn of(page: &LogPage) -> Self {
        let rows: BTreeSet<_> = page.page.rows.iter().map(|row| row.delivery.id).collect();
        let floor = page.page.next.as_ref().and_then(|next| next.parse().ok());
        Self { rows, floor }
    }

    fn has_room_for(&self, id: DeliveryId) -> bool {
        self.rows.contains(&id) || self.floor.is_none_or(|floor| id > floor)
    }

    fn add(&mut self, id: DeliveryId) {
        self.rows.insert(id);
        if self.rows.len() > MOST_ROWS {
            self.floor = self.rows.pop_first();
        }
    }
}

/// What tells one change of a delivery from the next, even within a millisecond.
type Mark = (Timestamp, DeliveryState, i64);

struct LogFeed {
    db: Db,
    clock: Clock,
    drawing: Drawing,
    filter: LogFilter,
    on_page: OnPage,
    seen: Timestamp,
    /// Changes within the overlap that were told already.
    told: HashMap<DeliveryId, Mark>,
}

impl Feed for LogFeed {
    fn changes(&mut self) -> LocalBoxFuture<'_, Result<Vec<Message>, Failure>> {
        async move {
            let since = self.seen.minus(OVERLAP);
            let changed: DbResult<Vec<Listed>> = self
                .db
                .read(move |tx| async move { listing::changed(tx, since, MOST_CHANGES).await }.boxed())
                .await;
            self.messages(changed?)
        }
        .boxed_local()
    }
}

impl LogFeed {
    /// Makes messages of changes that come the latest first.
    fn messages(&mut self, changed: Vec<Listed>) -> Result<Vec<Message>, Failure> {
        let is_full = i64::try_from(changed.len()).is_ok_and(|count| count >= MOST_CHANGES);
        let news: Vec<Listed> = changed.into_iter().filter(|row| self.is_news(row)).collect();
        let is_crowded = is_full && i64::try_from(news.len()).is_ok_and(|count| count >= MOST_CHANGES);
        self.drawing.now = self.clock.now();
        let mut messages = Vec::new();
        for listed in news.into_iter().rev() {
            let (id, at) = (listed.delivery.id, listed.delivery.updated_at);
            self.seen = self.seen.max(at);
            if let Some(row) = self.row(id, listed) {
                messages.push(Message::Marked {
                    id: at.millis().to_string(),
                    html: rows::draw(row, &self.drawing)?,
                });
            }
        }
        if is_crowded {
            messages.push(Message::Named("crowded", String::new()));
        }
        let settled = self.seen.minus(OVERLAP);
        self.told.retain(|_, (at, ..)| *at > settled);
        Ok(messages)
    }

    fn is_news(&mut self, listed: &Listed) -> bool {
        let delivery = &listed.delivery;
        let mark = (delivery.updated_at, delivery.state, delivery.attempts);
        self.told.insert(delivery.id, mark) != Some(mark)
    }

    /// Gives the row to show, if the page has a place for it. One that does not belong there any more stays where it is,
    /// so that nothing moves, and says so.
    fn row(&mut self, id: DeliveryId, listed: Listed) -> Option<DeliveryRow> {
        if self.filter.admits(&listed) {
            let has_room = self.on_page.has_room_for(id);
            if has_room {
                self.on_page.add(id);
            }
            return has_room.then(|| DeliveryRow::new(listed, self.drawing.now, self.drawing.may_edit));
        }
        let has_left = self.on_page.rows.remove(&id);
        has_left.then(|| DeliveryRow {
            has_left,
            ..DeliveryRow::new(listed, self.drawing.now, self.drawing.may_edit)
        })
    }
}
