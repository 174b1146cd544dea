//! Directories below the root, walked without ever following a link.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use super::super::item::is_relative;
use super::super::{DeliveryError, ItemProblem};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Media is nobody else's business: owner and group only, less the process's umask.
const FOLDER_MODE: Mode = Mode::RWXU.union(Mode::RGRP).union(Mode::XGRP);
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP);

/// Cuts a path into its parent (may be empty) and its last name.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// An open directory; what happens in it does not depend on what others rename above it.
pub(super) struct Directory(OwnedFd);

impl Directory {
    /// Opens the operator's root. It is never created: a missing one is a disk that is not mounted.
    pub(super) fn root(path: &Path) -> Result<Self, DeliveryError> {
        match rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty()) {
            Ok(descriptor) => Ok(Self(descriptor)),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(DeliveryError::transient(
                "The operator's folder root does not exist: create it, or mount the disk that belongs there",
            )),
            Err(errno) => Err(problem(errno)),
        }
    }

    /// Opens a directory further down that exists; an empty path is this one.
    pub(super) fn open_path(self, path: &str) -> Result<Self, DeliveryError> {
        self.walk(path, Self::enter)
    }

    /// Opens a directory further down and creates what is missing, durably.
    pub(super) fn make_path(self, path: &str) -> Result<Self, DeliveryError> {
        self.walk(path, |directory, name| match directory.enter(name) {
            Err(Errno::NOENT) => {
                match rustix::fs::mkdirat(&directory.0, name, FOLDER_MODE) {
                    Ok(()) | Err(Errno::EXIST) => directory.sync()?,
                    Err(errno) => return Err(errno),
                }
                directory.enter(name)
            }
            entered => entered,
        })
    }

    fn walk(
        self,
        path: &str,
        step: impl Fn(&Self, &str) -> Result<Self, Errno>,
    ) -> Result<Self, DeliveryError> {
        if path.is_empty() {
            return Ok(self);
        }
        if !is_relative(path) {
            return Err(DeliveryError::unsafe_path());
        }
        path.split('/').try_fold(self, |directory, name| step(&directory, name).map_err(problem))
    }

    fn enter(&self, name: &str) -> Result<Self, Errno> {
        rustix::fs::openat(&self.0, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()).map(Self)
    }

    /// Fails unless files can be made here.
    pub(super) fn check_writable(&self) -> Result<(), DeliveryError> {
        rustix::fs::accessat(&self.0, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty())
            .map_err(problem)
    }

    /// Opens a file for reading, if there is one. Anything else under that name is a conflict.
    pub(super) fn open(&self, name: &str) -> Result<Option<File>, DeliveryError> {
        match self.stat(name) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => {
                Err(DeliveryError::item(
                    ItemProblem::Conflict,
                    "Something that is not a file already has this name at the destination; move it away and retry",
                ))
            }
            Ok(_) => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let opened = rustix::fs::openat(&self.0, name, flags, Mode::empty());
                opened.map(|descriptor| Some(File::from(descriptor))).map_err(problem)
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(problem(errno)),
        }
    }

    /// Opens our own temporary file for writing, new or left by an earlier attempt.
    pub(super) fn create(&self, name: &str) -> Result<File, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.0, name, flags, FILE_MODE).map(File::from)
    }

    /// Describes what has this name, a link itself rather than its target.
    pub(super) fn stat(&self, name: &str) -> Result<Stat, Errno> {
        rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Gives a file its final name, and fails with `EXIST` rather than replace another.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        match rustix::fs::renameat_with(&self.0, from, &self.0, to, RenameFlags::NOREPLACE) {
            // network file systems do not know the flag; a hard link refuses an existing name just as well
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(&self.0, from, &self.0, to, AtFlags::empty())?;
                self.remove(from)
            }
            renamed => renamed,
        }
    }

    /// Removes a file.
    pub(super) fn remove(&self, name: &str) -> Result<(), Errno> {
        rustix::fs::unlinkat(&self.0, name, AtFlags::empty())
    }

    /// Makes names in this directory survive a power cut.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        rustix::fs::fsync(&self.0)
    }
}

/// Says what a refusal of the file system means for a delivery.
pub(super) fn problem(errno: Errno) -> DeliveryError {
    tracing::debug!(%errno, "the file system refused");
    match errno {
        Errno::NOSPC | Errno::DQUOT => DeliveryError::transient(
            "The disk or the quota behind this folder is full. Make room; delivery goes on by itself",
        ),
        Errno::ACCESS | Errno::PERM | Errno::ROFS => DeliveryError::endpoint(
            "Mediaport may not write into this folder. Give its system user the right to enter and write",
        ),
        Errno::LOOP | Errno::NOTDIR => DeliveryError::endpoint(
            "A part of the folder's path is a link or a file. Links are not followed; use real folders below the root",
        ),
        Errno::NAMETOOLONG | Errno::ILSEQ | Errno::INVAL => DeliveryError::item(
            ItemProblem::Rejected,
            "The file system does not accept this file name. Hand the file in under a shorter name",
        ),
        Errno::FBIG => DeliveryError::item(
            ItemProblem::TooLarge,
            "The file system behind this folder does not hold files of this size",
        ),
        _ => DeliveryError::transient(
            "The disk behind this folder reported an error; check it if this goes on",
        ),
    }
}

/// Like [`problem`], for errors of the standard library.
pub(super) fn io_problem(error: &io::Error) -> DeliveryError {
    problem(Errno::from_io_error(error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_below_the_root_leads_nowhere() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/tmp", root.path().join("out")).unwrap();

        let walked = Directory::root(root.path()).unwrap().make_path("out/deeper");

        assert!(matches!(walked, Err(DeliveryError::Endpoint { .. })));
    }
}
