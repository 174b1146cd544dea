//! A body that arrives whole only when the file is whole.

use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use sha2::{Digest, Sha256};

use super::super::{DeliveryError, Item};
use super::Settings;
use super::multipart::Frame;
use super::settings::Encoding;

/// What a request carries: the file, and what its encoding puts around it.
pub(super) struct Plan {
    pub(super) content_type: String,
    pub(super) before: Bytes,
    pub(super) behind: Bytes,
    pub(super) length: u64,
}

impl Plan {
    pub(super) fn of(settings: &Settings, item: &Item) -> Self {
        let (content_type, before, behind) = match settings.encoding {
            Encoding::Raw => (item.mime_type.clone(), Bytes::new(), Bytes::new()),
            Encoding::Multipart => {
                let frame = Frame::of(item, &settings.field_name);
                (frame.content_type, frame.before, frame.behind)
            }
        };
        let length = item.size + (before.len() + behind.len()) as u64;
        Self { content_type, before, behind, length }
    }

    /// Gives the body, and what tells later how reading the file went.
    pub(super) fn body(&self, item: &Item) -> (Fate, reqwest::Body) {
        let fate = Fate(Arc::default());
        if self.length == 0 {
            fate.decide(Ok(()));
            return (fate, reqwest::Body::default());
        }
        let body = reqwest::Body::wrap_stream(withheld(self, item, fate.clone()));
        (fate, body)
    }
}

/// How reading the file for a request ended. Clones share it.
#[derive(Clone)]
pub(super) struct Fate(Arc<OnceLock<Result<(), DeliveryError>>>);

impl Fate {
    fn decide(&self, ended: Result<(), DeliveryError>) {
        // the first verdict stands; a stream that has ended is not read on
        let _ = self.0.set(ended);
    }

    /// Gives what is wrong with the file here; the answer to a request that we broke off says nothing about it.
    pub(super) fn failure(&self) -> Option<DeliveryError> {
        self.0.get().and_then(|ended| ended.clone().err())
    }

    /// Tells whether the last byte has been handed over.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.0.get(), Some(Ok(())))
    }
}

/// Streams a body and keeps the last piece back until the file before it has proven whole: what is damaged breaks off
/// before its announced length.
fn withheld(plan: &Plan, item: &Item, fate: Fate) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    let reading = Reading {
        pieces: item.read(),
        held: plan.before.clone(),
        behind: plan.behind.clone(),
        left: item.size,
        expected: item.sha256.clone(),
        sha256: Sha256::new(),
        fate,
    };
    stream::unfold(Some(reading), async |reading| Some(reading?.next().await))
}

struct Reading {
    pieces: BoxStream<'static, io::Result<Bytes>>,
    /// What may go out once there is more behind it.
    held: Bytes,
    behind: Bytes,
    left: u64,
    expected: String,
    sha256: Sha256,
    fate: Fate,
}

/// A piece of the body, and what reads on behind it.
type Step = (io::Result<Bytes>, Option<Reading>);

impl Reading {
    async fn next(mut self) -> Step {
        loop {
            match self.pieces.next().await {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    let Some(left) = self.left.checked_sub(piece.len() as u64) else {
                        return self.broken(DeliveryError::damaged());
                    };
                    self.left = left;
                    self.sha256.update(&piece);
                    let ready = std::mem::replace(&mut self.held, piece);
                    if !ready.is_empty() {
                        return (Ok(ready), Some(self));
                    }
                }
                Some(Err(cause)) => {
                    tracing::debug!(%cause, "reading an item failed");
                    return self.broken(DeliveryError::unreadable());
                }
                None => return self.end(),
            }
        }
    }

    fn end(mut self) -> Step {
        let sha256 = hex::encode(self.sha256.finalize_reset());
        if self.left != 0 || sha256 != self.expected {
            return self.broken(DeliveryError::damaged());
        }
        self.fate.decide(Ok(()));
        (Ok([self.held, self.behind].concat().into()), None)
    }

    fn broken(self, error: DeliveryError) -> Step {
        self.fate.decide(Err(error));
        (Err(io::Error::other("the file here is not what it should be")), None)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::super::super::Source;
    use super::*;

    /// Gives these pieces whatever is asked for.
    struct Given(Vec<&'static [u8]>);

    impl Source for Given {
        fn read(&self, _range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
            let pieces: Vec<_> = self.0.iter().map(|piece| Ok(Bytes::from_static(piece))).collect();
            stream::iter(pieces).boxed()
        }
    }

    async fn sent(pieces: &[&'static [u8]]) -> (Vec<u8>, Fate) {
        let item = Item {
            size: 6,
            sha256: hex::encode(Sha256::digest(b"abcdef")),
            source: Arc::new(Given(pieces.to_vec())),
            ..Item::probe()
        };
        let (before, behind) = (Bytes::from_static(b"<"), Bytes::from_static(b">"));
        let plan = Plan { content_type: String::new(), before, behind, length: 8 };
        let fate = Fate(Arc::default());
        let body = withheld(&plan, &item, fate.clone());
        let good = body.take_while(|piece| std::future::ready(piece.is_ok())).map(Result::unwrap);
        (good.collect::<Vec<_>>().await.concat(), fate)
    }

    #[tokio::test]
    async fn a_whole_file_arrives_in_its_frame() {
        for pieces in [&[b"abcdef" as &[u8]][..], &[b"ab", b"", b"cdef", b""], &[b"", b"a", b"bcdef"]] {
            let (body, fate) = sent(pieces).await;
            assert_eq!((body.as_slice(), fate.is_whole()), (b"<abcdef>" as &[u8], true));
            assert_eq!(fate.failure(), None);
        }
    }

    #[tokio::test]
    async fn what_is_damaged_breaks_off_before_its_end() {
        let wrong: [&[&[u8]]; 7] = [
            &[b"abc", b"deX"],
            &[b"abc", b"deX", b""],
            &[b"abcde"],
            &[b"abcdef", b"g"],
            &[b"abc", b"defg"],
            &[b"Xbcdef"],
            &[],
        ];
        for pieces in wrong {
            let (body, fate) = sent(pieces).await;
            assert!(body.len() < 7, "{pieces:?}: not even the file without the end of its frame");
            assert_eq!(
                (fate.failure(), fate.is_whole()),
                (Some(DeliveryError::damaged()), false),
                "{pieces:?}"
            );
        }
    }
}
