//! A blob on its way out.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use tokio::task::JoinHandle;

/// Bytes read at once: large enough to keep a disk busy, small enough that many slow readers cost little memory.
const CHUNK: u64 = 256 * 1024;

/// The bytes of a blob or of a part of it, as a stream of chunks. Reads one chunk ahead.
#[derive(Debug)]
pub struct Reader {
    /// Absent while a chunk is being read, and at the end.
    file: Option<File>,
    reading: Option<JoinHandle<io::Result<(File, Bytes)>>>,
    /// What is still to be asked of the disk.
    rest: Range<u64>,
    range: Range<u64>,
    size: u64,
}

impl Reader {
    pub(super) fn new(file: File, size: u64, range: Option<Range<u64>>) -> Self {
        let wanted = range.unwrap_or(0..size);
        let range = wanted.start.min(size)..wanted.end.min(size);
        let range = range.start..range.end.max(range.start);
        Self { file: Some(file), reading: None, rest: range.clone(), range, size }
    }

    /// Gives the number of bytes that the stream will give in all.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Tells whether the stream gives nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Gives the part of the blob that the stream covers.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Gives the size of the whole blob in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    fn start_reading(&mut self) {
        if self.rest.is_empty() {
            return;
        }
        let Some(file) = self.file.take() else { return };
        let chunk = self.rest.start..self.rest.end.min(self.rest.start + CHUNK);
        self.rest.start = chunk.end;
        self.reading = Some(tokio::task::spawn_blocking(move || read(file, chunk)));
    }
}

fn read(file: File, chunk: Range<u64>) -> io::Result<(File, Bytes)> {
    let length = usize::try_from(chunk.end - chunk.start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    // A file that has become shorter is an error here, not an early end that looks whole.
    file.read_exact_at(&mut bytes, chunk.start)?;
    Ok((file, Bytes::from(bytes)))
}

impl Stream for Reader {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.reading.is_none() {
            self.start_reading();
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let done = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let (file, bytes) = match done {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Poll::Ready(Some(Err(error))),
            Err(lost) => return Poll::Ready(Some(Err(io::Error::other(lost)))),
        };
        self.file = Some(file);
        self.start_reading();
        Poll::Ready(Some(Ok(bytes)))
    }
}
