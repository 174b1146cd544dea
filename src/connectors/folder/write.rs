//! Writing so that the final name appears only on whole, durable files, and reading back.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::item::is_relative;
use super::super::{DeliveryError, Item, ItemProblem, Receipt, VerifiedBy};
use super::blocking;
use super::tree::{Directory, io_problem, problem, split};

/// How many bytes go to the disk at once; below 256 KiB switching threads costs more than writing.
const BATCH: usize = 1024 * 1024;
/// The longest name that leaves room for what is put around it in a temporary name.
const NAME_ROOM: usize = 200;

/// Stores an item below `directory` unless exactly it is there already.
pub(super) async fn put(root: PathBuf, directory: &str, item: &Item) -> Result<Receipt, DeliveryError> {
    if !is_relative(&item.path) {
        return Err(DeliveryError::unsafe_path());
    }
    let path = format!("{directory}/{}", item.path);
    let (parent, name) = split(&path);
    let (parent, name) = (parent.to_owned(), name.to_owned());
    let goal = Goal { size: item.size, sha256: item.sha256.clone(), part: part_name(&name, item), name };

    let begun = blocking(move || Part::begin(Directory::root(&root)?.make_path(&parent)?, goal)).await?;
    let Begun::Part(part) = begun else { return Ok(receipt(&path, None)) };
    let part = fill(part, item).await?;
    let inode = blocking(move || part.finish()).await?;
    Ok(receipt(&path, inode))
}

/// Reads the stored file back and hashes it; a damaged one that we wrote is removed, so that a retry can succeed.
pub(super) async fn verify(
    root: PathBuf,
    item: &Item,
    receipt: &Receipt,
) -> Result<VerifiedBy, DeliveryError> {
    let path = path_of(receipt)?;
    let ours = receipt.proof["inode"].as_u64();
    let (size, sha256) = (item.size, item.sha256.clone());
    blocking(move || {
        let (parent, name) = split(&path);
        let directory = Directory::root(&root)?.open_path(parent)?;
        let Some(file) = directory.open(name)? else {
            return Err(DeliveryError::transient("The stored file has gone from the folder; it is written again"));
        };
        if same(&file, size, &sha256)? {
            return Ok(VerifiedBy::ReadBack);
        }
        if ours.is_some_and(|inode| file.metadata().is_ok_and(|found| found.ino() == inode)) {
            directory.remove(name).map_err(problem)?;
        }
        Err(DeliveryError::transient(
            "The stored copy differs from the original and does not count as delivered. Check the disk behind the folder",
        ))
    })
    .await
}

/// Gives the path below the root that a receipt names.
pub(super) fn path_of(receipt: &Receipt) -> Result<String, DeliveryError> {
    receipt.location["path"].as_str().map(str::to_owned).ok_or_else(DeliveryError::unsafe_path)
}

fn receipt(path: &str, inode: Option<u64>) -> Receipt {
    Receipt { location: json!({ "path": path }), proof: json!({ "inode": inode }) }
}

fn part_name(name: &str, item: &Item) -> String {
    let room = (0..=name.len().min(NAME_ROOM)).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    format!(".{}.{}.part", &name[..room], item.delivery)
}

struct Goal {
    name: String,
    part: String,
    size: u64,
    sha256: String,
}

enum Begun {
    AlreadyThere,
    Part(Part),
}

/// A file under its temporary name.
struct Part {
    directory: Directory,
    goal: Goal,
    file: File,
    sha256: Sha256,
    length: u64,
}

impl Part {
    fn begin(directory: Directory, goal: Goal) -> Result<Begun, DeliveryError> {
        if compare(&directory, &goal)? {
            return Ok(Begun::AlreadyThere);
        }
        let file = directory.create(&goal.part).map_err(problem)?;
        lock(&directory, &goal.part, &file)?;
        file.set_len(0).map_err(|error| io_problem(&error))?;
        Ok(Begun::Part(Self { directory, goal, file, sha256: Sha256::new(), length: 0 }))
    }

    fn write(mut self, pieces: &[Bytes]) -> Result<Self, DeliveryError> {
        for piece in pieces {
            self.sha256.update(piece);
            self.length += piece.len() as u64;
            if let Err(error) = self.file.write_all(piece) {
                return Err(self.abandon(io_problem(&error)));
            }
        }
        Ok(self)
    }

    /// Makes the bytes durable, then the name. Gives the inode, or nothing when an equal file was quicker.
    fn finish(self) -> Result<Option<u64>, DeliveryError> {
        if self.length != self.goal.size || hex::encode(self.sha256.clone().finalize()) != self.goal.sha256 {
            return Err(self.abandon(DeliveryError::damaged()));
        }
        let durable = self.file.sync_all().and_then(|()| self.file.metadata());
        let inode = match durable {
            Ok(metadata) => metadata.ino(),
            Err(error) => return Err(self.abandon(io_problem(&error))),
        };
        match self.directory.rename(&self.goal.part, &self.goal.name) {
            Ok(()) => self.directory.sync().map(|()| Some(inode)).map_err(problem),
            Err(Errno::EXIST) => {
                let equal = compare(&self.directory, &self.goal);
                self.discard();
                equal.map(|_| None)
            }
            Err(errno) => Err(self.abandon(problem(errno))),
        }
    }

    fn abandon(&self, error: DeliveryError) -> DeliveryError {
        self.discard();
        error
    }

    fn discard(&self) {
        if let Err(errno) = self.directory.remove(&self.goal.part) {
            tracing::debug!(%errno, "a temporary file stays until the next attempt");
        }
    }
}

/// Streams the item into its part in batches, each on a thread that may wait.
async fn fill(mut part: Part, item: &Item) -> Result<Part, DeliveryError> {
    let mut source = item.read();
    let mut pieces = Vec::new();
    let mut waiting = 0;
    loop {
        let ended = match source.next().await {
            Some(Ok(piece)) => {
                waiting += piece.len();
                pieces.push(piece);
                false
            }
            Some(Err(cause)) => {
                tracing::debug!(%cause, "reading an item failed");
                return blocking(move || Err(part.abandon(DeliveryError::unreadable()))).await;
            }
            None => true,
        };
        if ended || waiting >= BATCH {
            let batch = Arc::new(std::mem::take(&mut pieces));
            waiting = 0;
            part = blocking(move || part.write(&batch)).await?;
        }
        if ended {
            return Ok(part);
        }
    }
}

/// Keeps a second attempt away from a part that a first one, thought dead, still writes.
fn lock(directory: &Directory, name: &str, file: &File) -> Result<(), DeliveryError> {
    let busy = || DeliveryError::transient("Another attempt is still writing this file; it is tried again");
    // file systems without locks answer otherwise: there the queue's lease is the guard that remains
    if rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        return Err(busy());
    }
    // the first attempt may have renamed the file between our opening and our locking it
    let named = directory.stat(name).map_err(|_| busy())?;
    let opened = rustix::fs::fstat(file).map_err(problem)?;
    if named.st_ino == opened.st_ino { Ok(()) } else { Err(busy()) }
}

/// Tells whether the final name is taken by an equal file; another file there is a conflict.
fn compare(directory: &Directory, goal: &Goal) -> Result<bool, DeliveryError> {
    let Some(file) = directory.open(&goal.name)? else { return Ok(false) };
    if same(&file, goal.size, &goal.sha256)? {
        return Ok(true);
    }
    Err(DeliveryError::item(
        ItemProblem::Conflict,
        "Another file already has this name in the folder. It was left as it is; move it away and retry",
    ))
}

fn same(mut file: &File, size: u64, sha256: &str) -> Result<bool, DeliveryError> {
    let length = file.metadata().map_err(|error| io_problem(&error))?.len();
    if length != size {
        return Ok(false);
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BATCH];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex::encode(hash.finalize()) == sha256),
            Ok(read) => hash.update(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => (),
            Err(error) => return Err(io_problem(&error)),
        }
    }
}
