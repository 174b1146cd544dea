//! Where media bytes lie: one file for each blob in a folder, named by its identifier.
//!
//! What [`Received::keep`] has answered survives a power cut: the file was synced before it got its final name and the
//! folder after. Bytes under way live in `tmp` beside the shards and leave no trace when the upload breaks off. Nothing
//! ever replaces a stored blob, no link is ever followed, and every file operation runs off the asynchronous threads.
//!
//! This module knows no rows: whether a blob is wanted, verified or quarantined is the database's business.

mod file;
mod incoming;
mod reader;
#[cfg(test)]
mod tests;
mod volume;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use uuid::Uuid;

use self::file::Folders;
pub use self::incoming::{Incoming, Received};
pub use self::reader::Reader;
use self::volume::Syncs;
pub use self::volume::{Room, Watermark};
use super::clock::{Clock, Timestamp};

/// Stores and gives out blobs. Clones share one store.
#[derive(Debug, Clone)]
pub struct Blobs {
    folders: Arc<Folders>,
    clock: Clock,
}

impl Blobs {
    /// Opens the store at `root` and creates its folders; only the owner may enter them.
    pub fn open(root: &Path, clock: Clock) -> io::Result<Self> {
        let folders = Folders::open(root, Syncs::new(clock.clone()))?;
        Ok(Self { folders: Arc::new(folders), clock })
    }

    /// Starts receiving a blob whose identifier need not be known yet.
    pub async fn receive(&self) -> Result<Incoming, BlobError> {
        let folders = self.folders.clone();
        off_thread(move || incoming::Incoming::start(folders)).await
    }

    /// Opens a blob for reading, whole or the part of `range` that exists.
    pub async fn read(&self, id: Uuid, range: Option<Range<u64>>) -> Result<Reader, BlobError> {
        let folders = self.folders.clone();
        let (file, size) = off_thread(move || folders.open_blob(id).map_err(BlobError::of_name)).await?;
        Ok(Reader::new(file, size, range))
    }

    /// Gives the size of a blob in bytes.
    pub async fn size(&self, id: Uuid) -> Result<u64, BlobError> {
        let folders = self.folders.clone();
        off_thread(move || folders.open_blob(id).map_err(BlobError::of_name)).await.map(|(_, size)| size)
    }

    /// Removes a blob; one that is already gone is fine.
    ///
    /// The removal is not synced: after a power cut the file may be back, without a row, for the orphan sweep to take.
    pub async fn remove(&self, id: Uuid) -> Result<(), BlobError> {
        let folders = self.folders.clone();
        match off_thread(move || folders.remove_blob(id).map_err(BlobError::of_name)).await {
            Err(BlobError::NotFound) => Ok(()),
            other => other,
        }
    }

    /// Moves a blob that nothing refers to into the folder `orphans` of the store, where an operator finds it.
    ///
    /// Nothing removes it from there: after a database was restored from a backup, or a store was opened with the wrong
    /// one, such blobs are files that somebody was told are safe.
    pub async fn set_aside(&self, id: Uuid) -> Result<(), BlobError> {
        let folders = self.folders.clone();
        off_thread(move || folders.set_aside(id).map_err(BlobError::of_name)).await
    }

    /// Removes temporary files that nobody has open and nobody wrote to for `older_than`; gives their number.
    pub async fn sweep_temporary(&self, older_than: Duration) -> Result<usize, BlobError> {
        let folders = self.folders.clone();
        let before = self.clock.now().minus(older_than);
        off_thread(move || folders.sweep_temporary(before)).await
    }

    /// Walks over every stored blob in no useful order; ends after the first error.
    pub fn identifiers(&self) -> impl Stream<Item = Result<Stored, BlobError>> + Send + use<> {
        let (sender, receiver) = tokio::sync::mpsc::channel(256);
        let folders = self.folders.clone();
        tokio::task::spawn_blocking(move || {
            // Walking fails to send only when the reader of the stream has gone, and then there is nobody to tell.
            if let Err(error) = folders.walk(&mut |stored| sender.blocking_send(Ok(stored)).is_ok()) {
                let _gone = sender.blocking_send(Err(BlobError::from(error)));
            }
        });
        futures_util::stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|item| (item, receiver))
        })
    }

    /// Tells how much room the volume has.
    pub async fn room(&self) -> Result<Room, BlobError> {
        let folders = self.folders.clone();
        off_thread(move || folders.room()).await
    }

    /// Tells whether a blob of `bytes` may be taken in without eating into what the watermark reserves.
    pub async fn has_room_for(&self, bytes: u64, watermark: Watermark) -> Result<bool, BlobError> {
        Ok(self.room().await?.admits(bytes, watermark))
    }

    /// Tells whether the volume can be trusted: false after three failed syncs within a minute.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.folders.syncs().healthy()
    }
}

/// A blob that a walk came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its identifier.
    pub id: Uuid,
    /// Its size in bytes.
    pub size: u64,
    /// When its last byte was written, by the volume's clock.
    pub modified: Timestamp,
}

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such blob.
    #[error("no such blob")]
    NotFound,
    /// There is already a blob with that identifier, left by an earlier attempt.
    #[error("a blob with that identifier exists")]
    Exists,
    /// The volume or the quota is used up.
    #[error("the volume of the media store is full")]
    Full(#[source] io::Error),
    /// Anything else that the operating system refused.
    #[error("the media store failed")]
    Io(#[source] io::Error),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(error),
            _ => Self::Io(error),
        }
    }
}

impl BlobError {
    /// Like `from`, for acts on the name of a blob: only there does a missing or taken name mean the blob.
    fn of_name(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::AlreadyExists => Self::Exists,
            _ => Self::from(error),
        }
    }
}

/// Runs file work on a thread that may wait.
async fn off_thread<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, BlobError>
where
    T: Send + 'static,
    E: Into<BlobError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(lost) => Err(BlobError::Io(io::Error::other(lost))),
    }
}
