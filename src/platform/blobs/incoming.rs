//! A blob under way: from the first byte to its final place.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::file::Folders;
use super::{BlobError, off_thread};

/// Bytes collected before they are written: small writes would spend more time changing threads than writing.
const PIECE: usize = 256 * 1024;
/// How much of the beginning is kept for telling the type; what the sniffer looks at.
const HEAD: usize = 8 * 1024;

/// A blob being received. Dropped unfinished, it leaves nothing behind.
#[derive(Debug)]
pub struct Incoming {
    writer: Option<Writer>,
    writing: Option<JoinHandle<io::Result<Writer>>>,
    piece: Vec<u8>,
    head: Vec<u8>,
    size: u64,
}

impl Incoming {
    pub(super) fn start(folders: Arc<Folders>) -> Result<Self, BlobError> {
        let name = Uuid::new_v4().simple().to_string();
        let file = folders.create_temporary(&name)?;
        let temporary = Temporary { folders, file: Some(file), name };
        let writer = Writer { temporary, hash: Sha256::new(), spare: Vec::new() };
        Ok(Self { writer: Some(writer), writing: None, piece: Vec::new(), head: Vec::new(), size: 0 })
    }

    /// Gives the number of bytes received so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes. An error may belong to bytes given earlier; after one, only dropping is of use.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.size += bytes.len() as u64;
        let missing = HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        self.piece.extend_from_slice(&bytes);
        if self.piece.len() < PIECE {
            return Ok(());
        }
        // The piece is written while the next one arrives.
        let mut writer = self.writer().await?;
        let piece = std::mem::replace(&mut self.piece, std::mem::take(&mut writer.spare));
        self.writing = Some(tokio::task::spawn_blocking(move || {
            writer.append(&piece)?;
            writer.spare = piece;
            writer.spare.clear();
            Ok(writer)
        }));
        Ok(())
    }

    /// Writes and syncs what remains. When the sync fails the file is gone, and the volume is held suspect.
    pub async fn finish(mut self) -> Result<Received, BlobError> {
        let mut writer = self.writer().await?;
        let (size, head, piece) = (self.size, self.head, self.piece);
        off_thread(move || {
            writer.append(&piece)?;
            writer.temporary.folders.sync(writer.temporary.file()?)?;
            let sha256 = hex::encode(writer.hash.finalize());
            Ok::<_, io::Error>(Received { size, sha256, head, temporary: writer.temporary })
        })
        .await
    }

    /// Waits until the piece under way is written.
    async fn writer(&mut self) -> Result<Writer, BlobError> {
        if let Some(writing) = &mut self.writing {
            let done = writing.await;
            self.writing = None;
            let writer = done.map_err(|lost| BlobError::Io(io::Error::other(lost)))?;
            return Ok(writer?);
        }
        self.writer.take().ok_or_else(|| BlobError::Io(io::Error::other("an earlier write failed")))
    }
}

/// A blob whose bytes are on disk under a temporary name. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Received {
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Its first 8 KiB, or all of it when it is smaller.
    pub head: Vec<u8>,
    temporary: Temporary,
}

impl Received {
    /// Puts the blob in its final place and syncs the folder: what was answered with success survives a power cut.
    ///
    /// [`BlobError::Exists`] means that an earlier attempt for the same identifier left its blob; the caller decides
    /// whether that one is wanted, or removes it and tries again.
    pub async fn keep(self, id: Uuid) -> Result<(), BlobError> {
        let mut temporary = self.temporary;
        off_thread(move || temporary.keep(id)).await
    }
}

/// What writes: moved to a waiting thread with each piece and back.
#[derive(Debug)]
struct Writer {
    temporary: Temporary,
    hash: Sha256,
    spare: Vec<u8>,
}

impl Writer {
    fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hash.update(piece);
        self.temporary.file()?.write_all(piece)
    }
}

/// A temporary file that goes when it is dropped.
#[derive(Debug)]
struct Temporary {
    folders: Arc<Folders>,
    /// Nothing once the file has its final name.
    file: Option<File>,
    name: String,
}

impl Temporary {
    fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::Error::other("already kept"))
    }

    fn keep(&mut self, id: Uuid) -> Result<(), BlobError> {
        let place = self.folders.place(id, self.file()?)?;
        self.folders.rename_into(&place, &self.name, id).map_err(BlobError::of_name)?;
        self.file = None;
        self.folders.settle(place).inspect_err(|_| {
            if let Err(error) = self.folders.remove_blob(id) {
                tracing::warn!(%error, "a blob that could not be synced stays until the orphan sweep");
            }
        })?;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        let (folders, name) = (self.folders.clone(), std::mem::take(&mut self.name));
        let remove = move || {
            if let Err(error) = folders.remove_temporary(&name) {
                tracing::warn!(%error, "a temporary file stays until the sweep");
            }
            drop(file);
        };
        // Giving back the blocks of a large file takes a while, and a drop may happen on an asynchronous thread.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}
