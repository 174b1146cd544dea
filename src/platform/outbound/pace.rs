//! Time limits that count from the last progress, not from the start: a large upload may take hours, but not stand still.
//!
//! The HTTP client's own read time-out starts with the request, so it would cut every upload that takes longer.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::header::{CONTENT_LENGTH, HeaderValue};
use http_body_util::{BodyDataStream, BodyExt};
use tokio::time::{Instant, sleep_until, timeout};

use super::OutboundError;

/// How long an exchange may stand still.
const IDLE: Duration = Duration::from_mins(1);
/// What is given to the connection at once. Progress is seen only between pieces, so they must pass even a slow line in
/// much less than [`IDLE`].
const PIECE: usize = 64 * 1024;

/// When an exchange last moved. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    start: Instant,
    millis: Arc<AtomicU64>,
    limit: Duration,
}

impl Default for Progress {
    fn default() -> Self {
        Self { start: Instant::now(), millis: Arc::default(), limit: IDLE }
    }
}

impl Progress {
    fn mark(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    /// Waits for `exchange` as long as it moves.
    pub(super) async fn watch<F: Future>(&self, exchange: F) -> Result<F::Output, OutboundError> {
        let mut exchange = pin!(exchange);
        loop {
            let last = self.millis.load(Ordering::Relaxed);
            let deadline = self.start + Duration::from_millis(last) + self.limit;
            tokio::select! {
                done = &mut exchange => return Ok(done),
                () = sleep_until(deadline) => {
                    if self.millis.load(Ordering::Relaxed) == last {
                        return Err(OutboundError::TimedOut);
                    }
                }
            }
        }
    }
}

/// Gives a request its body in pieces that mark progress, and its length when that is known.
pub(super) fn set_body(request: &mut reqwest::Request, body: reqwest::Body, progress: &Progress) {
    let size = exact_size(&body);
    if size == Some(0) {
        *request.body_mut() = Some(body);
        return;
    }
    if let Some(size) = size {
        request.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(size));
    }
    let progress = progress.clone();
    let pieces = BodyDataStream::new(body).flat_map(split).inspect(move |_| progress.mark()).fuse();
    *request.body_mut() = Some(reqwest::Body::wrap_stream(pieces));
}

/// Being generic lends the methods of `Body` without naming the crate that declares it.
fn exact_size<B: BodyExt>(body: &B) -> Option<u64> {
    body.size_hint().exact()
}

fn split<E>(chunk: Result<Bytes, E>) -> impl Stream<Item = Result<Bytes, E>> {
    let pieces = match chunk {
        Ok(mut rest) => {
            let mut pieces = Vec::with_capacity(rest.len() / PIECE + 1);
            while rest.len() > PIECE {
                pieces.push(Ok(rest.split_to(PIECE)));
            }
            pieces.push(Ok(rest));
            pieces
        }
        Err(error) => vec![Err(error)],
    };
    stream::iter(pieces)
}

/// Gives the body of an answer, which ends with an error when nothing comes for a while.
pub(super) fn answer(body: reqwest::Body) -> reqwest::Body {
    if exact_size(&body) == Some(0) {
        return body;
    }
    let chunks = stream::unfold(Some(BodyDataStream::new(body)), async |body| {
        let mut body = body?;
        match timeout(IDLE, body.next()).await {
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(body))),
            Ok(Some(Err(error))) => Some((Err(io::Error::other(error.without_url())), None)),
            Ok(None) => None,
            Err(late) => Some((Err(io::Error::from(late)), None)),
        }
    });
    // Readers of bodies may ask again after the end.
    reqwest::Body::wrap_stream(chunks.fuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn standing_still_ends_an_exchange_and_moving_does_not() {
        let progress = Progress { limit: Duration::from_millis(300), ..Progress::default() };
        let moving = async {
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                progress.mark();
            }
        };
        assert!(progress.watch(moving).await.is_ok());

        let stuck = progress.watch(std::future::pending::<()>()).await;
        assert!(matches!(stuck, Err(OutboundError::TimedOut)));
    }

    #[tokio::test]
    async fn large_chunks_are_given_in_pieces() {
        let pieces: Vec<_> = split(Ok::<_, io::Error>(Bytes::from(vec![1; 3 * PIECE + 5]))).collect().await;
        let sizes: Vec<_> = pieces.iter().map(|piece| piece.as_ref().unwrap().len()).collect();
        assert_eq!(sizes, [PIECE, PIECE, PIECE, 5]);
    }
}
