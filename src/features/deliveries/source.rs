//! The stored bytes as connectors read them, with an eye on their hash.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use crate::connectors::{DeliveryError, Source};
use crate::features::media::Media;
use crate::platform::blobs::{BlobError, Blobs, Reader};

/// The bytes of a media. Clones share what was found out about them.
#[derive(Debug, Clone)]
pub(super) struct StoredFile {
    blobs: Blobs,
    id: uuid::Uuid,
    size: u64,
    sha256: String,
    damaged: Arc<AtomicBool>,
    unreadable: Arc<AtomicBool>,
}

impl StoredFile {
    pub(super) fn new(blobs: Blobs, media: &Media) -> Self {
        Self {
            blobs,
            id: media.id.uuid(),
            size: media.bytes(),
            sha256: media.sha256.clone(),
            damaged: Arc::default(),
            unreadable: Arc::default(),
        }
    }

    /// Tells whether the bytes are surely not those that were accepted.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// Tells whether reading failed here, which is no fault of the destination.
    pub(super) fn was_unreadable(&self) -> bool {
        self.unreadable.load(Ordering::Acquire)
    }

    /// Looks whether the file is there and as long as it has to be.
    pub(super) async fn check_size(&self) -> Result<(), DeliveryError> {
        match self.blobs.size(self.id).await {
            Ok(size) if size == self.size => Ok(()),
            Ok(_) => {
                self.damaged.store(true, Ordering::Release);
                Err(DeliveryError::damaged())
            }
            // A volume that is not mounted has no files either, so a missing one is not called damaged.
            Err(error) => {
                self.fault(error);
                Err(DeliveryError::unreadable())
            }
        }
    }

    fn fault(&self, error: BlobError) -> io::Error {
        tracing::error!(id = %self.id, %error, "a stored file cannot be read");
        self.unreadable.store(true, Ordering::Release);
        io::Error::other(error)
    }

    async fn open(&self, range: Range<u64>) -> io::Result<Reader> {
        self.blobs.read(self.id, Some(range)).await.map_err(|error| self.fault(error))
    }

    fn noted(&self, error: io::Error) -> io::Error {
        self.fault(BlobError::Io(error))
    }
}

impl Source for StoredFile {
    fn read(&self, range: Range<u64>) -> BoxStream<'static, io::Result<Bytes>> {
        let (file, is_whole) = (self.clone(), range == (0..self.size));
        let opened = async move {
            let reader = file.open(range).await?;
            let watch = file.clone();
            let bytes = reader.map_err(move |error| watch.noted(error));
            Ok::<_, io::Error>(if is_whole { file.proven(bytes.boxed()) } else { bytes.boxed() })
        };
        stream::once(opened).try_flatten().boxed()
    }
}

/// A read of the whole file under way.
struct Proving {
    file: StoredFile,
    bytes: BoxStream<'static, io::Result<Bytes>>,
    hash: Sha256,
    /// The latest piece: the last one leaves only when the hash is right, so that no destination ever gets a damaged
    /// file that looks whole.
    held: Option<Bytes>,
}

impl StoredFile {
    fn proven(self, bytes: BoxStream<'static, io::Result<Bytes>>) -> BoxStream<'static, io::Result<Bytes>> {
        let proving = Proving { file: self, bytes, hash: Sha256::new(), held: None };
        stream::try_unfold(proving, |mut proving| async move {
            Ok(proving.next().await?.map(|piece| (piece, proving)))
        })
        .boxed()
    }
}

impl Proving {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(piece) = self.bytes.try_next().await? {
            self.hash.update(&piece);
            if let Some(earlier) = self.held.replace(piece) {
                return Ok(Some(earlier));
            }
        }
        // After the last piece has left this runs once more and finds the hash reset.
        let Some(last) = self.held.take() else { return self.check_empty() };
        self.check()?;
        Ok(Some(last))
    }

    fn check_empty(&mut self) -> io::Result<Option<Bytes>> {
        if self.file.size == 0 {
            self.check()?;
        }
        Ok(None)
    }

    fn check(&mut self) -> io::Result<()> {
        if hex::encode(self.hash.finalize_reset()) == self.file.sha256 {
            return Ok(());
        }
        self.file.damaged.store(true, Ordering::Release);
        tracing::error!(id = %self.file.id, "a stored file is damaged: its hash is wrong");
        Err(io::Error::new(io::ErrorKind::InvalidData, "the stored file is damaged"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::clock::Clock;

    async fn file(content: &[u8], sha256: String) -> (tempfile::TempDir, StoredFile) {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(folder.path(), Clock::system()).expect("a store");
        let id = uuid::Uuid::now_v7();
        let mut incoming = blobs.receive().await.expect("begins");
        incoming.write(Bytes::copy_from_slice(content)).await.expect("takes bytes");
        incoming.finish().await.expect("syncs").keep(id).await.expect("keeps");
        let size = content.len() as u64;
        let file =
            StoredFile { blobs, id, size, sha256, damaged: Arc::default(), unreadable: Arc::default() };
        (folder, file)
    }

    async fn read(file: &StoredFile) -> io::Result<Vec<u8>> {
        file.read(0..file.size)
            .try_fold(Vec::new(), |mut all, piece| async move {
                all.extend_from_slice(&piece);
                Ok(all)
            })
            .await
    }

    #[tokio::test]
    async fn a_file_can_be_read_again_and_again() {
        for content in [Vec::new(), vec![7; 1], vec![9; 700_000]] {
            let (_folder, file) = file(&content, hex::encode(Sha256::digest(&content))).await;

            assert_eq!(read(&file).await.expect("reads"), content);
            assert_eq!(read(&file).await.expect("reads again"), content);
            assert!(!file.is_damaged());
        }
    }

    #[tokio::test]
    async fn a_damaged_file_never_leaves_whole() {
        for content in [Vec::new(), vec![7; 1], vec![9; 700_000]] {
            let (_folder, file) = file(&content, hex::encode(Sha256::digest(b"other"))).await;
            let mut pieces = file.read(0..file.size);
            let mut length = 0;
            let error = loop {
                match pieces.next().await.expect("an error before the end") {
                    Ok(piece) => length += piece.len(),
                    Err(error) => break error,
                }
            };

            assert!(length < content.len() || content.is_empty());
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(file.is_damaged() && !file.was_unreadable());
        }
    }

    #[tokio::test]
    async fn a_missing_file_is_unreadable_but_not_damaged() {
        let (_folder, mut file) = file(b"x", String::new()).await;
        file.id = uuid::Uuid::now_v7();

        assert!(file.check_size().await.is_err());
        assert!(file.was_unreadable() && !file.is_damaged());
    }
}
