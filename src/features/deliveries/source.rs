//! The bytes of a media as connectors read them.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use uuid::Uuid;

use crate::connectors::Source;
use crate::platform::blobs::{BlobError, Blobs};

/// A stored file, opened anew for each reading.
pub(super) struct StoredFile {
    blobs: Blobs,
    id: Uuid,
}

impl StoredFile {
    pub(super) fn new(blobs: Blobs, id: Uuid) -> Self {
        Self { blobs, id }
    }
}

impl Source for StoredFile {
    fn read(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        let (blobs, id) = (self.blobs.clone(), self.id);
        let opened = async move { blobs.read(id, Some(range)).await };
        stream::once(opened)
            .flat_map(|opened| match opened {
                Ok(reader) => reader.boxed(),
                Err(error) => stream::iter([Err(as_io(error))]).boxed(),
            })
            .boxed()
    }
}

fn as_io(error: BlobError) -> io::Error {
    io::Error::other(error)
}
