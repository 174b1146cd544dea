//! The append-only record of who did or saw what.
//!
//! An act that changes something writes its row in its own transaction, so an act without a row does not happen. Rows
//! are unchained at first; a job puts them in order into a hash chain, in batches. There is no way to change or remove a
//! row. Verification says which rows fit the chain and how many still wait for their place in it.

pub mod api;
mod chain;
pub mod jobs;
mod model;
pub mod operations;
mod store;

use futures_util::FutureExt;

use crate::platform::clock::Timestamp;
use crate::platform::db::{Db, DbResult, Tx};
use crate::platform::web::Actor;

pub use chain::{Verdict, verify};
pub use model::{Act, AuditEntryId};

use model::NewEntry;

/// Views of one thing by one session are told apart by quarters of an hour.
const VIEW_WINDOW_MS: i64 = 15 * 60 * 1000;

/// Writes down that `actor` did `act`, in the transaction of the act itself.
pub async fn record(tx: &mut Tx, actor: &Actor, now: Timestamp, act: Act) -> DbResult<()> {
    store::insert(tx, &NewEntry::new(actor, now, act)).await
}

/// Writes down that a person is about to see a media: once for media, session and quarter of an hour, however many
/// ranges a player asks for. Must be durable before the first byte leaves.
pub async fn record_view(tx: &mut Tx, actor: &Actor, now: Timestamp, media: &str) -> DbResult<()> {
    store::insert_once(tx, &view_of(actor, now, Act::on("media.viewed", "media", media), media))
        .await
        .map(drop)
}

/// Writes down that a person reads the log itself, as views are: before the first row leaves, once for session and
/// quarter of an hour. So the log does not grow with each page of it that is read.
async fn record_reading(db: &Db, actor: &Actor, now: Timestamp) -> DbResult<()> {
    let entry = view_of(actor, now, Act::of("audit.viewed", "audit"), "audit");
    let id = entry.id;
    if db.read(move |tx| async move { store::exists(tx, id).await }.boxed()).await? {
        return Ok(());
    }
    db.write(move |tx| async move { store::insert_once(tx, &entry).await.map(drop) }.boxed()).await
}

fn view_of(actor: &Actor, now: Timestamp, act: Act, what: &str) -> NewEntry {
    let session = actor.person().map(|person| person.session.clone()).unwrap_or_default();
    let quarter = now.millis() / VIEW_WINDOW_MS;
    let name = format!("view|{what}|{session}|{quarter}");
    NewEntry::new(actor, now, act.with("session", session)).once(&name)
}

/// Queues the chaining of rows that have no place yet; costs one index read when there are none.
///
/// Writers of rows do not queue it themselves: all of them would meet on that one row of the queue.
pub async fn chain_waiting(db: &Db, now: Timestamp) -> DbResult<()> {
    if db.read(|tx| async move { store::unchained(tx, 1).await }.boxed()).await?.is_empty() {
        return Ok(());
    }
    db.write(move |tx| async move { jobs::queue_chain(tx, now).await }.boxed()).await
}
