//! A request's body under watch: how much has come, and whether it still comes.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Sleep};

use super::model::IntakeError;
use crate::platform::web::{Failure, problem};

/// A client that sends nothing for so long has gone, or holds the connection on purpose.
const STALL_LIMIT: Duration = Duration::from_mins(1);
/// What may follow the last part of a multipart body.
const MOST_TRAILING: u64 = 64 * 1024;

/// Why a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// The connection broke, or the encoding did.
    Cut,
    Stalled,
    TooLarge,
}

/// A body with limits on its size and on the time without a byte. Clones read on where the others stopped, so that the
/// rest can be looked at after a parser has taken its share.
#[derive(Debug)]
pub(super) struct Body<S>(Rc<RefCell<State<S>>>);

#[derive(Debug)]
struct State<S> {
    bytes: S,
    limit: u64,
    seen: u64,
    stall: Pin<Box<Sleep>>,
    is_waiting: bool,
    broken: Option<Broken>,
}

impl<S> Clone for Body<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S> Body<S> {
    /// Watches `bytes`, of which at most `limit` are taken.
    pub(super) fn new(bytes: S, limit: u64) -> Self {
        let stall = Box::pin(tokio::time::sleep(STALL_LIMIT));
        Self(Rc::new(RefCell::new(State { bytes, limit, seen: 0, stall, is_waiting: false, broken: None })))
    }

    /// Gives how many bytes have come.
    pub(super) fn seen(&self) -> u64 {
        self.0.borrow().seen
    }

    /// Says why the body broke off; `otherwise` when it did not.
    pub(super) fn failure_or(&self, otherwise: impl FnOnce() -> Failure) -> Failure {
        match self.0.borrow().broken {
            None => otherwise(),
            Some(Broken::Cut) => Failure::refused(
                &problem::INCOMPLETE_BODY,
                "The body ended before it was complete. Nothing was stored",
            ),
            Some(Broken::Stalled) => {
                Failure::refused(&problem::BODY_TIMEOUT, "No byte arrived for a minute. Nothing was stored")
            }
            Some(Broken::TooLarge) => IntakeError::TooLarge.into(),
        }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Body<S> {
    /// Reads the next piece; nothing at the end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.next().await {
            None => Ok(None),
            Some(piece) => piece.map(Some).map_err(|error| self.failure_or(|| unreadable(&error))),
        }
    }

    /// Reads what is left, which has to be little: only then is it known that the body was sent to its end.
    pub(super) async fn drain(&mut self) -> Result<(), Failure> {
        let mut length = 0;
        while let Some(piece) = self.piece().await? {
            length += piece.len() as u64;
            if length > MOST_TRAILING {
                return Err(Failure::malformed("There is too much behind the last part of the body"));
            }
        }
        Ok(())
    }
}

fn unreadable(error: &PayloadError) -> Failure {
    Failure::malformed(format!("The body could not be read: {error}"))
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Body<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll(context)
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> State<S> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        if self.broken.is_some() {
            return Poll::Ready(None);
        }
        match self.bytes.poll_next_unpin(context) {
            Poll::Ready(piece) => {
                self.is_waiting = false;
                Poll::Ready(piece.map(|piece| self.judge(piece)))
            }
            Poll::Pending => self.wait(context),
        }
    }

    fn judge(&mut self, piece: Result<Bytes, PayloadError>) -> Result<Bytes, PayloadError> {
        let piece = piece.inspect_err(|_| self.broken = Some(Broken::Cut))?;
        self.seen += piece.len() as u64;
        if self.seen > self.limit {
            self.broken = Some(Broken::TooLarge);
            return Err(PayloadError::Overflow);
        }
        Ok(piece)
    }

    /// Only time spent waiting for the client counts, not what the disk takes in between.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        if !self.is_waiting {
            self.is_waiting = true;
            self.stall.as_mut().reset(Instant::now() + STALL_LIMIT);
        }
        std::task::ready!(self.stall.as_mut().poll(context));
        self.broken = Some(Broken::Stalled);
        Poll::Ready(Some(Err(PayloadError::Incomplete(None))))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn pieces(
        list: Vec<Result<&'static [u8], PayloadError>>,
    ) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin {
        stream::iter(list.into_iter().map(|piece| piece.map(Bytes::from_static)))
    }

    async fn code<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin>(body: &mut Body<S>) -> &'static str {
        while let Some(piece) = body.next().await {
            if piece.is_err() {
                return body.failure_or(|| Failure::NotFound).code().name;
            }
        }
        "whole"
    }

    #[tokio::test]
    async fn a_body_within_its_limit_comes_through() {
        let mut body = Body::new(pieces(vec![Ok(b"abc"), Ok(b"de")]), 5);
        assert_eq!(code(&mut body).await, "whole");
        let mut body = Body::new(pieces(vec![Ok(b"abc"), Ok(b"def")]), 5);
        assert_eq!(code(&mut body).await, "too_large");
        assert!(body.next().await.is_none(), "nothing is read past the limit");
    }

    #[tokio::test]
    async fn a_cut_body_is_incomplete() {
        let mut body = Body::new(pieces(vec![Ok(b"abc"), Err(PayloadError::Incomplete(None))]), 5);
        assert_eq!(code(&mut body).await, "incomplete_body");
    }

    #[tokio::test]
    async fn little_may_follow_the_last_part() {
        let trailing: &'static [u8] = vec![b' '; 64 * 1024].leak();
        assert!(Body::new(pieces(vec![Ok(trailing)]), u64::MAX).drain().await.is_ok());
        assert!(Body::new(pieces(vec![Ok(trailing), Ok(b" ")]), u64::MAX).drain().await.is_err());
    }

    #[tokio::test]
    async fn a_silent_client_times_out() {
        let mut body = Body::new(stream::pending(), 5);
        body.0.borrow_mut().is_waiting = true;
        body.0.borrow_mut().stall.as_mut().reset(Instant::now());
        assert_eq!(code(&mut body).await, "body_timeout");
    }
}
