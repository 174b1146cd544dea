//! Pages that stay up to date: streams of events that look for changes each second for as long as somebody watches.
//!
//! What a stream shows is its [`Feed`]; here is what all of them have in common. There are only so many, for each person
//! and in all. The session behind one is looked at every half minute and is not made longer by it: when it has ended, the
//! page is told so by the event `signed-out`. When the process stops, streams end first, so that nothing waits for them,
//! and browsers go on where they were as soon as a process answers again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::web::Data;
use futures_util::future::LocalBoxFuture;
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::actor::Person;
use super::failure::Failure;
use super::problem;
use super::site::Site;
use super::stream::{Message, event_stream};
use super::visit::{Reply, Visit};
use crate::platform::clock::Timestamp;

/// How often a stream looks for changes: soon enough to be called live, seldom enough that many may watch.
const EACH: Duration = Duration::from_secs(1);
/// How often something travels when nothing changes; proxies give a silent connection up after 30 seconds or more.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a stream may outlive its session.
const RECHECK: Duration = Duration::from_secs(30);
/// What one person may watch at once; browsers open no more connections to one host over HTTP/1.1.
const MOST_OF_A_PERSON: usize = 6;
/// What all people may watch at once: as many reads each second.
const MOST: usize = 200;
/// After how many seconds a browser that was refused may ask again.
const ASK_AGAIN: u64 = 15;

/// The event that tells a page that its session has ended; the page then closes the stream for good.
const SIGNED_OUT: &str = "signed-out";

/// What a stream shows.
pub trait Feed: 'static {
    /// Gives what changed since it was asked before; asked for the first time, since the page was drawn.
    fn changes(&mut self) -> LocalBoxFuture<'_, Result<Vec<Message>, Failure>>;
}

/// The streams of this process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Streams {
    open: Arc<Mutex<HashMap<Uuid, usize>>>,
    stop: CancellationToken,
}

impl Streams {
    /// Answers with a stream that shows a feed until the browser leaves, the session ends or the process stops.
    pub fn watch(visit: &Visit, feed: impl Feed) -> Reply {
        let (site, person) = (visit.site.clone(), visit.person()?.clone());
        let place = site.streams.take(person.id)?;
        let (stop, now) = (site.streams.stop.clone(), visit.now());
        let live =
            Live { feed, site, person, stop, said: None, checked: now, phase: Phase::First, _place: place };
        let rounds = stream::unfold(live, |mut live| async move {
            let messages = live.round().await?;
            Some((stream::iter(messages), live))
        });
        Ok(event_stream(rounds.flatten()))
    }

    /// Ends all of them; none begins any more.
    pub fn end(&self) {
        self.stop.cancel();
    }

    fn take(&self, person: Uuid) -> Result<Place, Failure> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stop.is_cancelled() || open.values().sum::<usize>() >= MOST {
            let sentence =
                "So many pages are being watched that this one stays as it is: load it again to see changes";
            return Err(Failure::refused(&problem::UNAVAILABLE, sentence).retry_after(ASK_AGAIN));
        }
        let own = open.entry(person).or_default();
        if *own >= MOST_OF_A_PERSON {
            let sentence =
                "You watch as many pages as one person may: close one, or load this one again to see changes";
            return Err(Failure::refused(&problem::TOO_MANY_REQUESTS, sentence).retry_after(ASK_AGAIN));
        }
        *own += 1;
        Ok(Place { streams: self.clone(), person })
    }
}

/// The right to one stream; given back when it is dropped.
struct Place {
    streams: Streams,
    person: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.person) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.person);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    First,
    Watching,
    Over,
}

struct Live<F> {
    feed: F,
    site: Data<Site>,
    person: Person,
    stop: CancellationToken,
    said: Option<Timestamp>,
    checked: Timestamp,
    phase: Phase,
    _place: Place,
}

impl<F: Feed> Live<F> {
    /// Waits for the next look and gives what is to be said; nothing when the stream ends.
    async fn round(&mut self) -> Option<Vec<Message>> {
        match self.phase {
            Phase::Over => return None,
            Phase::First => self.phase = Phase::Watching,
            Phase::Watching => self.stop.run_until_cancelled(tokio::time::sleep(EACH)).await?,
        }
        match self.look().await {
            Ok(messages) => Some(messages),
            // The browser comes again, later each time, and learns what is wrong.
            Err(failure) => {
                tracing::warn!(%failure, "a live page could not be kept up to date");
                None
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<Message>, Failure> {
        let now = self.site.clock.now();
        if now.since(self.checked) >= RECHECK {
            self.checked = now;
            if let Some(end) = self.end_of_session().await? {
                self.phase = Phase::Over;
                return Ok(end);
            }
        }
        let mut messages = self.feed.changes().await?;
        if messages.is_empty() && self.said.is_none_or(|said| now.since(said) >= HEARTBEAT) {
            messages.push(Message::Heartbeat);
        }
        if !messages.is_empty() {
            self.said = Some(now);
        }
        Ok(messages)
    }

    /// Gives the last messages when the person may not go on as they came.
    async fn end_of_session(&self) -> Result<Option<Vec<Message>>, Failure> {
        let (id, session) = (self.person.id, &self.person.session);
        let person = self.site.doorkeeper.person(id, session.clone()).await?;
        if person.is_none() || !self.site.sessions.goes_on(id, session).await? {
            return Ok(Some(vec![Message::Named(SIGNED_OUT, String::new())]));
        }
        // With another role the browser comes again, through the door.
        Ok((person.as_ref() != Some(&self.person)).then(Vec::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_for_each_person_and_in_all_and_come_back() {
        let streams = Streams::default();
        let somebody = Uuid::now_v7();
        let mut held: Vec<_> = (0..MOST_OF_A_PERSON).map(|_| streams.take(somebody).ok()).collect();
        let refusal = |person| streams.take(person).err().map(|failure| failure.code().name);

        assert!(held.iter().all(Option::is_some));
        assert_eq!(refusal(somebody), Some("too_many_requests"));
        held.extend((MOST_OF_A_PERSON..MOST).map(|_| streams.take(Uuid::now_v7()).ok()));
        assert_eq!(refusal(Uuid::now_v7()), Some("unavailable"));
        held.clear();
        assert!(streams.open.lock().unwrap().is_empty());
        assert_eq!(refusal(somebody), None);
        streams.end();
        assert_eq!(refusal(somebody), Some("unavailable"));
    }
}
