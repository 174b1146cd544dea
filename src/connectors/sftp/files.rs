//! The file protocol, one request at a time, with a limit to every wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use russh::ChannelMsg;
use russh::client::Handle;
use russh_sftp::client::error::Error;
use russh_sftp::client::{Config, RawSftpSession};
use russh_sftp::extensions;
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, Status, StatusCode};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::super::DeliveryError;
use super::fault::{self, Doing};
use super::session::Guard;

/// How long an answer to a small request may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a transfer may stand still. It may last as long as it likes while bytes are acknowledged.
pub(super) const STALL: Duration = Duration::from_mins(1);
/// How long a server may take to bring a file to its disk; below the silence after which a connection ends.
const FLUSH: Duration = Duration::from_secs(100);
/// How many requests are under way at once. With 32 KiB each this is the window that OpenSSH's server gives.
pub(super) const IN_FLIGHT: usize = 64;
/// What every server takes in one request.
const CHUNK: u32 = 32 * 1024;
/// The library ends a request after this; our own limits are shorter, and restart with every acknowledgement.
const REQUEST_SECONDS: u64 = 3600;

/// How long a connection that has waited may take to show that it still stands; a new one is quicker than more.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// How many handles one connection is used for. The library keeps a handle as text, and servers that number theirs in
/// binary and never use a number again leave what is text with the 128th.
const HANDLES: u32 = 100;

const POSIX_RENAME: &str = "posix-rename@openssh.com";

type Answer<T> = Result<T, Error>;

/// The file protocol on a channel of its own.
pub(super) struct Files {
    raw: RawSftpSession,
    extensions: HashMap<String, String>,
    read_chunk: u32,
    write_chunk: u32,
    /// How many handles the server has given.
    opened: AtomicU32,
}

impl Files {
    /// Opens a channel and agrees on the protocol.
    pub(super) async fn start(handle: &Handle<Guard>) -> Result<Self, DeliveryError> {
        let opened =
            timeout(ANSWER, handle.channel_open_session()).await.map_err(|_| fault::stood_still())?;
        let mut channel = opened.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(_) => no_sftp(),
            other => fault::broken(&other),
        })?;
        channel.request_subsystem(true, "sftp").await.map_err(|error| fault::broken(&error))?;
        loop {
            match timeout(ANSWER, channel.wait()).await.map_err(|_| fault::stood_still())? {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::WindowAdjusted { .. }) => (),
                _ => return Err(no_sftp()),
            }
        }
        let config = Config { request_timeout_secs: REQUEST_SECONDS, ..Config::default() };
        let raw = RawSftpSession::new_with_config(channel.into_stream(), config);
        let version = within(ANSWER, raw.init()).await.map_err(|error| match error {
            Error::Timeout => fault::stood_still(),
            _ => no_sftp(),
        })?;
        let mut limits = None;
        if version.extensions.contains_key(extensions::LIMITS) {
            limits = within(ANSWER, raw.limits()).await.ok();
        }
        let chunk = |limit: Option<u64>| match limit.map(u32::try_from) {
            Some(Ok(limit @ 1..CHUNK)) => limit,
            _ => CHUNK,
        };
        Ok(Self {
            raw,
            extensions: version.extensions,
            read_chunk: chunk(limits.as_ref().map(|limits| limits.max_read_len)),
            write_chunk: chunk(limits.as_ref().map(|limits| limits.max_write_len)),
            opened: AtomicU32::new(0),
        })
    }

    /// Asks the server for a sign of life.
    pub(super) async fn is_alive(&self) -> bool {
        within(SIGN_OF_LIFE, self.raw.realpath(".")).await.is_ok()
    }

    /// Tells whether the next file should better go over another connection.
    pub(super) fn is_worn(&self) -> bool {
        self.opened.load(Ordering::Relaxed) >= HANDLES
    }

    async fn open(&self, path: &str, flags: OpenFlags) -> Answer<String> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        within(ANSWER, self.raw.open(path, flags, FileAttributes::empty())).await.map(|opened| opened.handle)
    }

    /// Describes what has this name, a link itself rather than its target; nothing when the name is free.
    pub(super) async fn look(&self, path: &str) -> Result<Option<Found>, DeliveryError> {
        match within(ANSWER, self.raw.lstat(path)).await {
            Ok(found) => Ok(Some(Found::of(&found.attrs))),
            Err(error) if is_status(&error, StatusCode::NoSuchFile) => Ok(None),
            Err(error) => Err(fault::delivery(&error, Doing::Looking)),
        }
    }

    /// Makes a folder and those above it. Others may do the same at the same time.
    pub(super) async fn make_folders(&self, folder: &str) -> Result<(), DeliveryError> {
        let mut missing = Vec::new();
        let mut top = folder;
        while let Err(error) = self.make_folder(top).await {
            let parent = top.rsplit_once('/').map_or("", |(parent, _)| parent);
            if !is_status(&error, StatusCode::NoSuchFile) || parent.is_empty() {
                return Err(fault::delivery(&error, Doing::MakingFolder));
            }
            missing.push(top);
            top = parent;
        }
        for folder in missing.into_iter().rev() {
            let made = self.make_folder(folder).await;
            made.map_err(|error| fault::delivery(&error, Doing::MakingFolder))?;
        }
        Ok(())
    }

    async fn make_folder(&self, path: &str) -> Answer<()> {
        match within(ANSWER, self.raw.mkdir(path, FileAttributes::empty())).await {
            Err(_) if self.is_folder(path).await => Ok(()),
            made => made.map(|_| ()),
        }
    }

    async fn is_folder(&self, path: &str) -> bool {
        within(ANSWER, self.raw.stat(path)).await.is_ok_and(|found| found.attrs.is_dir())
    }

    /// Opens our own temporary file for writing, new or left by an earlier attempt; nothing when its folder is missing.
    pub(super) async fn create(&self, path: &str) -> Result<Option<String>, DeliveryError> {
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        match self.open(path, flags).await {
            Ok(handle) => Ok(Some(handle)),
            Err(error) if is_status(&error, StatusCode::NoSuchFile) => Ok(None),
            Err(error) => Err(fault::delivery(&error, Doing::Creating)),
        }
    }

    /// Sends bytes to their place in an open file. The request leaves when this is first polled.
    pub(super) async fn write(&self, handle: &str, at: u64, bytes: Vec<u8>) -> Answer<()> {
        self.raw.write(handle, at, bytes).await.map(|_| ())
    }

    /// Gives the most bytes for one [`Files::write`].
    pub(super) fn write_chunk(&self) -> usize {
        self.write_chunk as usize
    }

    /// Has the server bring a file to its disk, where it knows how to.
    pub(super) async fn flush(&self, handle: &str) -> Result<(), DeliveryError> {
        if !self.extensions.contains_key(extensions::FSYNC) {
            return Ok(());
        }
        match within(FLUSH, self.raw.fsync(handle)).await {
            Ok(_) => Ok(()),
            // some offer it and do not have it on every disk
            Err(error) if is_status(&error, StatusCode::OpUnsupported) => Ok(()),
            Err(error) => Err(fault::delivery(&error, Doing::Writing)),
        }
    }

    /// Closes an open file; some servers say only now that the disk is full.
    pub(super) async fn close(&self, handle: &str) -> Result<(), DeliveryError> {
        let closed = within(STALL, self.raw.close(handle)).await;
        closed.map(|_| ()).map_err(|error| fault::delivery(&error, Doing::Writing))
    }

    /// Removes a file; nothing happens when there is none.
    pub(super) async fn remove(&self, path: &str) -> Result<(), Error> {
        match within(ANSWER, self.raw.remove(path)).await {
            Err(error) if !is_status(&error, StatusCode::NoSuchFile) => Err(error),
            _ => Ok(()),
        }
    }

    /// Gives a file another name in one of three ways.
    pub(super) async fn rename(&self, way: Rename, from: &str, to: &str) -> Answer<()> {
        match way {
            Rename::Plain => within(ANSWER, self.raw.rename(from, to)).await.map(|_| ()),
            Rename::Link => {
                within(ANSWER, self.raw.hardlink(from, to)).await?;
                if let Err(error) = self.remove(from).await {
                    tracing::debug!(%error, "a temporary name stays beside the final one");
                }
                Ok(())
            }
            Rename::Posix => {
                let names = [from, to].iter().flat_map(|name| packed(name)).collect();
                match within(ANSWER, self.raw.extended(POSIX_RENAME, names)).await? {
                    Packet::Status(status) if status.status_code != StatusCode::Ok => {
                        Err(Error::Status(status))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Tells whether the server knows a way to rename.
    pub(super) fn knows(&self, way: Rename) -> bool {
        match way {
            Rename::Plain => true,
            Rename::Link => self.extensions.contains_key(extensions::HARDLINK),
            Rename::Posix => self.extensions.contains_key(POSIX_RENAME),
        }
    }

    /// Reads a file of this size back and gives its SHA-256 in lower-case hex.
    pub(super) async fn sha256(&self, path: &str, size: u64) -> Result<String, DeliveryError> {
        let problem = |error: Error| fault::delivery(&error, Doing::Reading);
        let handle = self.open(path, OpenFlags::READ).await.map_err(problem)?;
        let hashed = self.hash(&handle, size).await.map_err(problem);
        self.close(&handle).await?;
        hashed
    }

    async fn hash(&self, handle: &str, size: u64) -> Answer<String> {
        let step = u64::from(self.read_chunk);
        let ranges = (0..size.div_ceil(step)).map(|number| number * step);
        let mut pieces = stream::iter(ranges)
            .map(|from| self.read(handle, from, size.min(from + step)))
            .buffered(IN_FLIGHT);
        let mut sha256 = Sha256::new();
        while let Some(piece) = within(STALL, pieces.try_next()).await? {
            sha256.update(piece);
        }
        Ok(hex::encode(sha256.finalize()))
    }

    /// Reads a range; servers may give less than was asked for.
    async fn read(&self, handle: &str, from: u64, to: u64) -> Answer<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let at = from + bytes.len() as u64;
            let left = u32::try_from(to.saturating_sub(at)).unwrap_or(self.read_chunk);
            if left == 0 {
                return Ok(bytes);
            }
            match self.raw.read(handle, at, left).await {
                Ok(data) if data.data.is_empty() => return Ok(bytes),
                Ok(mut data) if bytes.is_empty() => {
                    data.data.truncate(left as usize);
                    bytes = data.data;
                }
                Ok(data) => bytes.extend(data.data.into_iter().take(left as usize)),
                Err(error) if is_status(&error, StatusCode::Eof) => return Ok(bytes),
                Err(error) => return Err(error),
            }
        }
    }

    /// Lists the beginning of a folder: so many answers, each with some hundred names.
    pub(super) async fn list(&self, folder: &str, answers: usize) -> Answer<Vec<(String, Found)>> {
        let folder = if folder.is_empty() { "." } else { folder };
        self.opened.fetch_add(1, Ordering::Relaxed);
        let handle = within(ANSWER, self.raw.opendir(folder)).await?.handle;
        let mut names = Vec::new();
        for _ in 0..answers {
            match within(ANSWER, self.raw.readdir(&handle)).await {
                Ok(page) => {
                    names.extend(page.files.into_iter().map(|file| (file.filename, Found::of(&file.attrs))));
                }
                Err(error) if is_status(&error, StatusCode::Eof) => break,
                Err(error) => return Err(error),
            }
        }
        within(ANSWER, self.raw.close(handle)).await?;
        Ok(names)
    }
}

/// How a file gets its final name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rename {
    /// The protocol's own: fails when the new name is taken.
    Plain,
    /// A second name, which fails in the same way, and then the first one is removed.
    Link,
    /// OpenSSH's other one, which would replace what is there.
    Posix,
}

/// What has a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) is_file: bool,
    pub(super) size: Option<u64>,
    /// By the server's clock, in seconds.
    pub(super) modified: Option<u32>,
}

impl Found {
    fn of(attributes: &FileAttributes) -> Self {
        const KIND: u32 = 0o170_000;
        const FILE: u32 = 0o100_000;
        // a server that does not say what kind it is has files only, or nothing better to say
        let is_file = attributes.permissions.is_none_or(|mode| matches!(mode & KIND, FILE | 0));
        Self { is_file, size: attributes.size, modified: attributes.mtime }
    }
}

/// Tells whether an error is this answer of the server.
pub(super) fn is_status(error: &Error, code: StatusCode) -> bool {
    matches!(error, Error::Status(Status { status_code, .. }) if *status_code == code)
}

/// Waits no longer than this.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = Answer<T>>) -> Answer<T> {
    timeout(limit, work).await.unwrap_or(Err(Error::Timeout))
}

/// Text as the protocol writes it: its length in four bytes, then its bytes.
fn packed(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

fn no_sftp() -> DeliveryError {
    DeliveryError::endpoint(
        "The server knows the account but gives it no SFTP. Have the operator allow it; where it is allowed, whatever the          account's start-up files print has to go",
    )
}
