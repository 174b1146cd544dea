//! Requests that are done once, however often they are sent: the header `Idempotency-Key`.

use std::fmt::Display;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::actor::{Actor, Who};
use super::failure::Failure;
use super::problem::{IDEMPOTENCY_KEY_IN_USE, IDEMPOTENCY_KEY_REUSED};
use super::visit::{Call, Reply};
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::idempotency::{Claim, Done, Fingerprint, Kept, Name, Ticket};

/// The request header.
const HEADER: &str = "Idempotency-Key";
/// Says in an answer that it was given before.
const REPLAYED: (&str, &str) = ("Idempotency-Replayed", "true");

/// A JSON document that answers a request, written within the transaction that does the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    kept: Kept,
    is_replay: bool,
}

impl Answer {
    /// Writes an answer.
    pub fn json(status: StatusCode, value: &impl Serialize) -> DbResult<Self> {
        let body = serde_json::to_string(value).map_err(|error| DbError::Broken(error.into()))?;
        Ok(Self { kept: Kept { status: status.as_u16(), body }, is_replay: false })
    }
}

impl TryFrom<Answer> for HttpResponse {
    type Error = Failure;

    fn try_from(answer: Answer) -> Reply {
        let status = StatusCode::from_u16(answer.kept.status).map_err(|error| Failure::Bug(error.into()))?;
        let mut builder = HttpResponse::build(status);
        if answer.is_replay {
            builder.insert_header(REPLAYED);
        }
        Ok(builder.content_type(mime::APPLICATION_JSON).body(answer.kept.body))
    }
}

/// A request's place under its key: it is the first, or it was done before. Clones stand for the same place.
#[derive(Debug, Clone)]
pub struct Once(Place);

#[derive(Debug, Clone)]
enum Place {
    /// The first of its key, or without one.
    First(Option<Arc<Ticket>>),
    Again(Arc<Done>),
}

impl Once {
    /// Gives the former answer when there is one; refuses when something else was asked for with this key.
    pub fn former(&self, fingerprint: &Fingerprint) -> Result<Option<Answer>, Failure> {
        match &self.0 {
            Place::First(_) => Ok(None),
            Place::Again(done) => replay(done, fingerprint).map(Some),
        }
    }

    /// Keeps the answer, in the transaction that does the work. Fails with [`DbError::Busy`] when a repetition has taken
    /// the key over, or was done before: the work must not be done twice.
    pub async fn settle(&self, tx: &mut Tx, fingerprint: &Fingerprint, answer: &Answer) -> DbResult<()> {
        match &self.0 {
            Place::First(None) => Ok(()),
            Place::First(Some(ticket)) => ticket.settle(tx, fingerprint, &answer.kept).await,
            Place::Again(_) => Err(DbError::Busy),
        }
    }
}

fn replay(done: &Done, fingerprint: &Fingerprint) -> Result<Answer, Failure> {
    let kept = done.reply_to(fingerprint).ok_or_else(|| {
        Failure::refused(
            &IDEMPOTENCY_KEY_REUSED,
            "This Idempotency-Key came with another request before. Use a new key for each new request",
        )
    })?;
    Ok(Answer { kept: kept.clone(), is_replay: true })
}

fn in_use(left: std::time::Duration) -> Failure {
    let detail = "A request with this Idempotency-Key is still running. Send it again after a while";
    Failure::refused(&IDEMPOTENCY_KEY_IN_USE, detail).retry_after(left.as_secs().clamp(1, 5))
}

/// What a transaction found or did.
enum Outcome {
    New(Answer),
    Claimed(Claim),
}

impl Call {
    /// Takes the print of a request: where it went and what it carried.
    pub fn fingerprint(&self, content: &impl Display) -> Fingerprint {
        Fingerprint::of(&[self.request.path().as_bytes(), content.to_string().as_bytes()])
    }

    /// Does the work of a request in one transaction, and keeps the answer in it for repetitions with the same key.
    pub async fn once<E, F>(&self, fingerprint: Fingerprint, work: F) -> Reply
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<Answer, E>> + Send + 'static,
        E: From<DbError> + Into<Failure> + Send + 'static,
    {
        let Some(name) = self.idempotency_key()? else {
            return self.write(work).await?.try_into();
        };
        let (replies, print) = (self.site.replies.clone(), fingerprint.clone());
        let outcome = self.write(move |tx| {
            async move {
                let ticket = match replies.claim(tx, &name).await? {
                    Claim::Ours(ticket) => ticket,
                    other => return Ok::<_, E>(Outcome::Claimed(other)),
                };
                let done = work(tx).await;
                let kept = match &done {
                    Ok(answer) => ticket.settle(tx, &print, &answer.kept).await,
                    Err(_) => Ok(()),
                };
                // Whatever the outcome, claim and work share it.
                ticket.close();
                kept?;
                done.map(Outcome::New)
            }
            .boxed()
        });
        match outcome.await? {
            Outcome::New(answer) => answer.try_into(),
            Outcome::Claimed(Claim::Done(done)) => replay(&done, &fingerprint)?.try_into(),
            Outcome::Claimed(Claim::Running(left)) => Err(in_use(left)),
            Outcome::Claimed(Claim::Ours(_)) => Err(Failure::Bug(anyhow::anyhow!("a claim was not used"))),
        }
    }

    /// Does work that no transaction can hold under the request's key. The work asks for the former answer as soon as it
    /// knows what is asked, and settles in the transaction that concludes it; the key is held meanwhile, and given back
    /// when nothing comes of it.
    pub async fn at_length(&self, work: impl AsyncFnOnce(Once) -> Result<Answer, Failure>) -> Reply {
        let Some(name) = self.idempotency_key()? else {
            return Box::pin(work(Once(Place::First(None)))).await?.try_into();
        };
        let ticket = match self.site.replies.claim_alone(name).await? {
            Claim::Ours(ticket) => Arc::new(ticket),
            Claim::Done(done) => return Box::pin(work(Once(Place::Again(Arc::new(done))))).await?.try_into(),
            Claim::Running(left) => return Err(in_use(left)),
        };
        let working = Box::pin(work(Once(Place::First(Some(Arc::clone(&ticket))))));
        let done = ticket.while_held(working).await;
        match &done {
            Ok(_) => ticket.close(),
            Err(_) => ticket.release().await,
        }
        done?.try_into()
    }

    fn idempotency_key(&self) -> Result<Option<Name>, Failure> {
        let mut values = self.request.headers().get_all(HEADER);
        let Some(value) = values.next() else { return Ok(None) };
        let name = value.to_str().ok().and_then(|key| Name::new(principal(&self.actor)?, key.trim()));
        if name.is_none() || values.next().is_some() {
            return Err(Failure::malformed(
                "Send one Idempotency-Key of 1 to 255 visible ASCII characters, such as a UUID",
            ));
        }
        Ok(name)
    }
}

/// An app's keys share its idempotency keys: a client whose key was exchanged in between repeats its own request.
fn principal(actor: &Actor) -> Option<String> {
    match &actor.who {
        Who::Machine(machine) => Some(format!("app:{}", machine.app)),
        Who::Person(person) => Some(format!("person:{}", person.id)),
        Who::Nobody | Who::System(_) => None,
    }
}
