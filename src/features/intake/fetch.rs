//! Fetching a file that was ordered: a short transaction to begin, the transfer without one, and one to conclude.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use http::header::{ACCEPT, ACCEPT_ENCODING};
use http_body_util::BodyDataStream;
use tokio::time::Instant;

use super::answer::{self, Head};
use super::door::Door;
use super::model::Expected;
use super::orders::url_place;
use super::pipeline::{Acceptance, Row, receive, record, settle, type_of};
use super::setback::{Setback, wait_after};
use super::store;
use crate::features::conversations::{self, Reach};
use crate::features::media::{self, FailedReason, Media, MediaId, MediaState};
use crate::features::{Services, audit};
use crate::formats::names;
use crate::platform::blobs::{BlobError, Incoming};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::jobs::{JobError, Lease, roll};
use crate::platform::secret::Secret;
use crate::platform::web::Actor;

/// How long to wait when the fault is here: a disk is not emptied in seconds.
const OUR_WAIT: Duration = Duration::from_mins(1);
/// A server that drips holds a slot of the queue; below this many bytes a second it counts as gone. Slow enough for a
/// bad line, and the largest accepted file needs far more anyway.
const SLOWEST: u64 = 16 * 1024;
/// What a server may take before it has to keep that pace.
const GRACE: Duration = Duration::from_mins(2);
/// The bytes are here, so a database that is only busy is asked again before they are thrown away.
const BUSY_TRIES: u32 = 10;
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// An attempt that has begun.
struct Ongoing {
    media: Media,
    url: Secret<String>,
    expected: Expected,
    declared: Option<String>,
    /// How many attempts have failed before.
    attempts: i64,
}

/// Makes one attempt.
pub(super) async fn attempt(services: &Arc<Services>, lease: &Lease, id: MediaId) -> Result<(), JobError> {
    let (ground, held) = (Arc::clone(services), lease.clone());
    let begun = services.db.write(move |tx| async move { begin(tx, &ground, &held, id).await }.boxed());
    let Some(ongoing) = begun.await? else { return Ok(()) };
    set_leftover_aside(services, id).await?;
    match transfer(services, &ongoing).await {
        Ok(media) => stored(services, lease, media).await,
        Err(setback) => failed(services, lease, &ongoing, setback).await,
    }
}

/// Gives nothing when there is nothing to fetch any more.
async fn begin(tx: &mut Tx, services: &Services, lease: &Lease, id: MediaId) -> DbResult<Option<Ongoing>> {
    if !lease.holds(tx).await? {
        return Ok(None);
    }
    let media = media::find(tx, id, Reach::All).await?.filter(|media| media.state == MediaState::Fetching);
    let (Some(media), Some(fetch)) = (media, store::find(tx, id).await?) else {
        store::delete(tx, id).await?;
        return Ok(None);
    };
    let url = services.vault.open(&url_place(id), &fetch.sealed_url);
    Ok(Some(Ongoing {
        media,
        url: url.map_err(|error| DbError::Broken(error.into()))?,
        expected: Expected {
            size: fetch.expected_size.and_then(|size| u64::try_from(size).ok()),
            sha256: fetch.expected_sha256,
        },
        declared: fetch.declared_type,
        attempts: fetch.attempts,
    }))
}

/// Clears the place of what a run left that died between keeping its bytes and saying so. The lease is ours and the
/// media is on its way, so nobody was promised them; an operator may still look at them.
async fn set_leftover_aside(services: &Services, id: MediaId) -> Result<(), BlobError> {
    match services.blobs.set_aside(id.uuid()).await {
        Err(BlobError::NotFound) => Ok(()),
        other => other.inspect(|()| tracing::warn!(media = %id, "set bytes of an unfinished fetch aside")),
    }
}

/// Brings the file and makes it durable.
async fn transfer(services: &Services, ongoing: &Ongoing) -> Result<Media, Setback> {
    let door = Door::new(services);
    door.admit(0).await?;
    let request = http::Request::get(ongoing.url.expose().as_str())
        .header(ACCEPT, "*/*")
        .header(ACCEPT_ENCODING, "identity")
        .body(reqwest::Body::default())
        .map_err(|_| Setback::Final(FailedReason::RefusedByPolicy))?;
    let answer = services.ground.outbound.send(request).await?;
    let head = Head::of(&answer, &ongoing.expected, services.clock.now())?;
    if head.length.is_some_and(|length| length > door.most()) {
        return Err(Setback::Final(FailedReason::TooLarge));
    }
    door.admit(head.length.unwrap_or(0)).await?;
    let mut incoming = door.open().await?;
    pull(&door, answer.into_body(), &mut incoming).await?;
    // The client has noticed a short body by now; this holds whatever it does.
    if head.length.is_some_and(|length| length != incoming.size()) {
        return Err(Setback::passing(FailedReason::Incomplete));
    }
    let received = receive(incoming, &ongoing.expected).await?;
    Ok(settle(described(ongoing, head), received).await?)
}

async fn pull(door: &Door<'_>, body: reqwest::Body, incoming: &mut Incoming) -> Result<(), Setback> {
    let started = Instant::now();
    let mut pieces = BodyDataStream::new(body);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Setback::passing(FailedReason::Incomplete))?;
        door.pass(incoming, piece).await?;
        if started.elapsed() > GRACE + Duration::from_secs(incoming.size() / SLOWEST) {
            return Err(Setback::passing(FailedReason::Unreachable));
        }
    }
    Ok(())
}

/// Fills in what the order left open from what the server says, and the name at last from the address.
fn described(ongoing: &Ongoing, head: Head) -> Media {
    let mut media = ongoing.media.clone();
    if media.file_name.is_empty() {
        let name = if head.name.is_empty() { answer::name_in(ongoing.url.expose()) } else { head.name };
        names::display(&name).trim().clone_into(&mut media.file_name);
    }
    if ongoing.declared.is_none() {
        media.mime_type = type_of(head.declared.as_deref());
    }
    media
}

/// Concludes an attempt that brought the file, unless another run has taken over.
async fn stored(services: &Services, lease: &Lease, media: Media) -> Result<(), JobError> {
    let mut tries = 0;
    loop {
        let (lease, media, now) = (lease.clone(), media.clone(), services.clock.now());
        let written = services.db.write(move |tx| {
            async move { if lease.finish(tx).await? { accept(tx, media, now).await } else { Ok(()) } }.boxed()
        });
        match written.await {
            Err(DbError::Busy) if tries < BUSY_TRIES => tries += 1,
            other => return Ok(other?),
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    }
}

async fn accept(tx: &mut Tx, media: Media, now: Timestamp) -> DbResult<()> {
    let conversation = conversations::find(tx, media.conversation_id, Reach::All).await?;
    let conversation = conversation.ok_or(DbError::NotFound)?;
    let id = media.id;
    record(tx, &Acceptance { actor: fetcher(), conversation, media, row: Row::Waiting, now }).await?;
    store::delete(tx, id).await
}

/// Concludes an attempt that did not bring the file: it comes again, or the media says why not.
async fn failed(
    services: &Services,
    lease: &Lease,
    ongoing: &Ongoing,
    setback: Setback,
) -> Result<(), JobError> {
    let (reason, wait) = match setback {
        Setback::Ours(why) => return Err(JobError::retry(OUR_WAIT, why)),
        Setback::Broken(error) => return Err(JobError::Failed(error)),
        Setback::Final(reason) => (reason, None),
        Setback::Passing { reason, asked } => (reason, wait_after(ongoing.attempts + 1, asked, roll())),
    };
    let (lease, id, now) = (lease.clone(), ongoing.media.id, services.clock.now());
    let ours = services.db.write(move |tx| {
        async move {
            let ours = if wait.is_some() { lease.holds(tx).await? } else { lease.finish(tx).await? };
            match wait {
                _ if !ours => {}
                Some(_) => store::save_attempt(tx, id, reason, now).await?,
                None => give_up(tx, id, reason, now).await?,
            }
            Ok::<_, DbError>(ours)
        }
        .boxed()
    });
    match (ours.await?, wait) {
        (true, Some(wait)) => Err(JobError::retry(wait, reason.as_str())),
        _ => Ok(()),
    }
}

async fn give_up(tx: &mut Tx, id: MediaId, reason: FailedReason, now: Timestamp) -> DbResult<()> {
    store::delete(tx, id).await?;
    if media::save_failed(tx, id, reason).await? {
        let act = audit::Act::on("media.failed", "media", id).with("reason", reason.as_str());
        audit::record(tx, &fetcher(), now, act).await?;
    }
    Ok(())
}

/// Shows that fetching a file broke the program again and again.
pub(super) async fn poisoned(services: &Services, id: MediaId) -> DbResult<()> {
    let now = services.clock.now();
    let write =
        services.db.write(move |tx| async move { give_up(tx, id, FailedReason::Poison, now).await }.boxed());
    write.await
}

fn fetcher() -> Actor {
    Actor::system("fetch")
}
