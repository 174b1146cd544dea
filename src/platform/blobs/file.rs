//! The folders of the store and what is done to their entries, always relative to open descriptors and never through a
//! link, so that nothing outside the root can be reached.

use std::collections::HashSet;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use uuid::Uuid;

use super::Stored;
use super::volume::{Room, Syncs};
use crate::platform::clock::Timestamp;

const TEMPORARY: &str = "tmp";
const ASIDE: &str = "orphans";
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Journals are written out every 5 to 30 s, so an entry that is this much older than a file just written is on disk
/// even when the process that made it died before it could sync.
const SETTLED_SECONDS: i64 = 60;

/// The open folders of a store.
#[derive(Debug)]
pub(super) struct Folders {
    root: OwnedFd,
    temporary: OwnedFd,
    syncs: Syncs,
    /// The shards that this process knows to be on disk; at most 65,792.
    settled: Mutex<HashSet<String>>,
}

/// The folder of a blob, with the parents whose new entries are not surely on disk.
#[derive(Debug)]
pub(super) struct Place {
    folder: OwnedFd,
    unsettled: Vec<(OwnedFd, String)>,
}

impl Folders {
    pub(super) fn open(path: &Path, syncs: Syncs) -> io::Result<Self> {
        let created = !path.exists();
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        if created && let Some(parent) = path.parent() {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            File::open(parent)?.sync_all()?;
        }
        // The root itself may be a link: where the store lies is the operator's choice.
        let root = rustix::fs::openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        make_folder(&root, TEMPORARY)?;
        let temporary = open_folder(&root, TEMPORARY)?;
        rustix::fs::fsync(&root)?;
        Ok(Self { root, temporary, syncs, settled: Mutex::default() })
    }

    pub(super) fn syncs(&self) -> &Syncs {
        &self.syncs
    }

    /// Syncs a file or folder. After an error its content is uncertain for good: remove it, never sync it again.
    pub(super) fn sync(&self, entry: impl AsFd) -> io::Result<()> {
        let synced = rustix::io::retry_on_intr(|| rustix::fs::fsync(&entry)).map_err(io::Error::from);
        synced.inspect_err(|error| self.syncs.failed(error))
    }

    /// Creates a temporary file and locks it against the sweep.
    pub(super) fn create_temporary(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.temporary, name, flags, Mode::RUSR | Mode::WUSR)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            // Some network volumes have no locks; there the age alone protects a file that is being written.
            Ok(()) | Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK) => Ok(file.into()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn remove_temporary(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.temporary, name, AtFlags::empty())?)
    }

    /// Opens the folder where a blob belongs and creates it if need be.
    pub(super) fn place(&self, id: Uuid, file: &File) -> io::Result<Place> {
        let [outer_name, inner_name] = shard(id);
        let path = format!("{outer_name}/{inner_name}");
        let written = file.metadata()?.ctime();
        let (outer, outer_settled) = self.enter(&self.root, &outer_name, &outer_name, written)?;
        let (folder, settled) = self.enter(&outer, &inner_name, &path, written)?;
        let mut unsettled = Vec::new();
        if !settled {
            unsettled.push((outer, path));
        }
        if !outer_settled {
            unsettled.push((self.root.try_clone()?, outer_name));
        }
        Ok(Place { folder, unsettled })
    }

    /// Opens a folder, created if need be, and tells whether a power cut would leave it there.
    fn enter(&self, parent: &OwnedFd, name: &str, path: &str, written: i64) -> io::Result<(OwnedFd, bool)> {
        let known = self.settled().contains(path);
        let created = !known && make_folder(parent, name)?;
        let folder = open_folder(parent, name)?;
        // Another upload, or another process, may have made the folder a moment ago and not have synced its parent yet.
        // Both times are the volume's own, so a wrong clock here cannot mislead.
        let age = |changed: i64| written.saturating_sub(changed);
        let settled = known || (!created && age(rustix::fs::fstat(&folder)?.st_ctime) >= SETTLED_SECONDS);
        Ok((folder, settled))
    }

    /// Gives a temporary file its final name, unless that is taken.
    pub(super) fn rename_into(&self, place: &Place, temporary: &str, id: Uuid) -> io::Result<()> {
        let (name, folder) = (file_name(id), &place.folder);
        match rustix::fs::renameat_with(&self.temporary, temporary, folder, &name, RenameFlags::NOREPLACE) {
            // NFS and some others cannot rename without replacing; a hard link refuses a taken name just as well.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(&self.temporary, temporary, folder, &name, AtFlags::empty())?;
                self.remove_temporary(temporary)
            }
            other => Ok(other?),
        }
    }

    /// Syncs the entries up to the root. The innermost comes first: on most file systems that already writes the others,
    /// and their own sync costs little.
    pub(super) fn settle(&self, place: Place) -> io::Result<()> {
        self.sync(place.folder)?;
        for (parent, path) in place.unsettled {
            self.sync(parent)?;
            self.settled().insert(path);
        }
        Ok(())
    }

    fn settled(&self) -> MutexGuard<'_, HashSet<String>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a blob and gives its size.
    pub(super) fn open_blob(&self, id: Uuid) -> io::Result<(File, u64)> {
        let folder = self.shard_folder(id)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&folder, file_name(id), flags, Mode::empty())?);
        let about = file.metadata()?;
        if about.is_file() { Ok((file, about.len())) } else { Err(io::Error::other("not a regular file")) }
    }

    pub(super) fn remove_blob(&self, id: Uuid) -> io::Result<()> {
        let folder = self.shard_folder(id)?;
        Ok(rustix::fs::unlinkat(&folder, file_name(id), AtFlags::empty())?)
    }

    /// Moves a blob out of the store's shards into the folder for what nothing refers to.
    pub(super) fn set_aside(&self, id: Uuid) -> io::Result<()> {
        let folder = self.shard_folder(id)?;
        if make_folder(&self.root, ASIDE)? {
            rustix::fs::fsync(&self.root)?;
        }
        let aside = open_folder(&self.root, ASIDE)?;
        let name = file_name(id);
        rustix::fs::renameat(&folder, name.as_str(), &aside, name.as_str())?;
        rustix::fs::fsync(&aside)?;
        Ok(rustix::fs::fsync(&folder)?)
    }

    fn shard_folder(&self, id: Uuid) -> io::Result<OwnedFd> {
        let [outer, inner] = shard(id);
        open_folder(&open_folder(&self.root, &outer)?, &inner)
    }

    /// Removes temporary files last written before `before` that no process holds; gives their number.
    pub(super) fn sweep_temporary(&self, before: Timestamp) -> io::Result<usize> {
        let mut removed = 0;
        for name in entries(&self.temporary)? {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let Ok(file) = rustix::fs::openat(&self.temporary, name.as_str(), flags, Mode::empty()) else {
                continue;
            };
            let about = rustix::fs::fstat(&file)?;
            let regular = FileType::from_raw_mode(about.st_mode) == FileType::RegularFile;
            let held =
                rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK);
            if regular && !held && modified(about.st_mtime) < before && self.remove_temporary(&name).is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Shows every blob to `visit` until it answers false. Entries that no blob could have are passed over.
    pub(super) fn walk(&self, visit: &mut impl FnMut(Stored) -> bool) -> io::Result<()> {
        for outer_name in entries(&self.root)?.into_iter().filter(|name| is_shard(name)) {
            let outer = open_folder(&self.root, &outer_name)?;
            for inner_name in entries(&outer)?.into_iter().filter(|name| is_shard(name)) {
                let inner = open_folder(&outer, &inner_name)?;
                for name in entries(&inner)? {
                    let Some(id) = parse_name(&name, &outer_name, &inner_name) else { continue };
                    let about = match rustix::fs::statat(&inner, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                        Err(Errno::NOENT) => continue,
                        other => other?,
                    };
                    let size = u64::try_from(about.st_size).unwrap_or(0);
                    let stored = Stored { id, size, modified: modified(about.st_mtime) };
                    let regular = FileType::from_raw_mode(about.st_mode) == FileType::RegularFile;
                    if regular && !visit(stored) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn room(&self) -> io::Result<Room> {
        let about = rustix::fs::fstatvfs(&self.root)?;
        let bytes = |blocks: u64| blocks.saturating_mul(about.f_frsize);
        Ok(Room { free: bytes(about.f_bavail), total: bytes(about.f_blocks) })
    }
}

/// Creates a folder; false when it was there.
fn make_folder(parent: impl AsFd, name: &str) -> io::Result<bool> {
    match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn open_folder(parent: impl AsFd, name: &str) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(parent, name, FOLDER, Mode::empty())?)
}

fn entries(folder: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        if let Ok(name) = entry?.file_name().to_str()
            && !matches!(name, "." | "..")
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// The end of the identifier is random while its beginning is time, so the end spreads blobs evenly.
fn shard(id: Uuid) -> [String; 2] {
    let [.., inner, outer] = *id.as_bytes();
    [format!("{outer:02x}"), format!("{inner:02x}")]
}

fn file_name(id: Uuid) -> String {
    id.hyphenated().to_string()
}

fn is_shard(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn parse_name(name: &str, outer: &str, inner: &str) -> Option<Uuid> {
    let id = crate::platform::ids::parse(name).ok()?;
    (shard(id) == [outer, inner]).then_some(id)
}

fn modified(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1000))
}
