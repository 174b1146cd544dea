//! SFTP servers, against OpenSSH.

mod faults;
mod host_keys;
mod line;
mod secrets;
mod transfers;

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use mediaport::connectors::{Configuration, DeliveryError, Ground};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

use super::contract::{Place, contract};
use super::source::item;
use super::{configured, connector, ground, peer};

/// The password of every user of the servers that misbehave.
const FAULT_PASSWORD: &str = "secret-of-the-peer";

/// A new folder of the account at the real server.
pub(super) struct Server {
    directory: String,
    ground: Ground,
    configuration: Configuration,
    _root: TempDir,
}

impl Server {
    /// Gives an endpoint that delivers to this folder, with some fields changed; an empty one is left out.
    fn fields(&self, changes: &[(&str, &str)]) -> Configuration {
        let (host, port) = (peer("TEST_SFTP_HOST"), peer("TEST_SFTP_PORT"));
        let (user, password) = (peer("TEST_SFTP_USER"), peer("TEST_SFTP_PASSWORD"));
        let fingerprint = host_key("ed25519");
        let mut fields = vec![
            ("host", host.as_str()),
            ("port", &port),
            ("username", &user),
            ("password", &password),
            ("host_key_fingerprint", &fingerprint),
            ("directory", &self.directory),
        ];
        fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        configured("sftp", &fields)
    }

    async fn refusal(&self, changes: &[(&str, &str)]) -> DeliveryError {
        let put = connector("sftp").put(&self.fields(changes), &self.ground, &item("a.jpg", 10)).await;
        put.expect_err("refused")
    }

    /// Where the folder lies, seen from here.
    fn folder(&self) -> PathBuf {
        home().join(&self.directory)
    }
}

impl Place for Server {
    const KEY: &'static str = "sftp";

    async fn fresh() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let ground = ground(root.path());
        let directory = format!("in/{}", Uuid::new_v4().simple());
        let configuration = configured("folder", &[("directory", "x")]);
        let mut server = Self { directory, ground, configuration, _root: root };
        server.configuration = server.fields(&[]);
        server
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }

    fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    async fn names(&self) -> Vec<String> {
        names_below(&self.folder())
    }

    async fn look(&self, path: &str) -> Option<(u64, String)> {
        content(&self.folder().join(path))
    }

    async fn plant(&self, path: &str, bytes: &'static [u8]) {
        let path = self.folder().join(path);
        if bytes.is_empty() {
            return fs::remove_file(path).expect("removed");
        }
        let folder = path.parent().expect("a parent");
        fs::create_dir_all(folder).expect("a folder");
        fs::write(&path, bytes).expect("a file");
        hand_over(&self.folder());
    }

    fn secret(&self) -> Option<String> {
        Some(peer("TEST_SFTP_PASSWORD"))
    }
}

contract!(Server);

/// The folder of the account at the real server.
fn home() -> PathBuf {
    peer("TEST_SFTP_HOME").into()
}

/// Gives what was made here to the account.
fn hand_over(path: &Path) {
    let account = fs::metadata(home().join("in")).expect("the account's folder");
    chown(path, Some(account.uid()), Some(account.gid())).expect("handed over");
    for entry in fs::read_dir(path).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            hand_over(&path);
        } else {
            chown(&path, Some(account.uid()), None).expect("handed over");
        }
    }
}

fn names_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { names.extend(names_below(&path)) } else { names.push(path.display().to_string()) }
    }
    names
}

fn content(path: &Path) -> Option<(u64, String)> {
    let bytes = fs::read(path).ok()?;
    Some((bytes.len() as u64, hex::encode(Sha256::digest(&bytes))))
}

/// Gives the fingerprint of one of the real server's host keys, as OpenSSH says it.
fn host_key(kind: &str) -> String {
    fingerprint(&keys().join(format!("host_{kind}.pub")))
}

fn fingerprint(key: &Path) -> String {
    let told = ssh_keygen(&["-l", "-f", &key.display().to_string()]);
    told.split_whitespace().find(|word| word.starts_with("SHA256:")).expect("a fingerprint").to_owned()
}

fn keys() -> PathBuf {
    peer("TEST_SFTP_KEYS").into()
}

fn ssh_keygen(arguments: &[&str]) -> String {
    let done = Command::new("ssh-keygen").args(arguments).output().expect("ssh-keygen");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

/// An account at the server that misbehaves, named after how it does.
struct Faulty {
    user: String,
    ground: Ground,
    configuration: Configuration,
    _root: TempDir,
}

impl Faulty {
    fn new(how: &str) -> Self {
        Self::at(how, "TEST_SFTP_FAULT_PORT", "modern")
    }

    fn at(how: &str, port: &str, role: &str) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let user = format!("{how}-{}", Uuid::new_v4().simple());
        let fields = [
            ("host", "127.0.0.1"),
            ("port", &peer(port)),
            ("username", &user),
            ("password", FAULT_PASSWORD),
            ("host_key_fingerprint", &faulty_host_key(role)),
        ];
        let configuration = configured("sftp", &fields);
        Self { ground: ground(root.path()), user, configuration, _root: root }
    }

    fn folder(&self) -> PathBuf {
        Path::new(&peer("TEST_SFTP_FAULT_ROOT")).join(&self.user)
    }

    fn names(&self) -> Vec<String> {
        names_below(&self.folder())
    }

    /// Counts how often somebody tried to sign in with this name, at whichever of these servers.
    fn attempts(&self) -> usize {
        attempts(&self.user)
    }
}

fn attempts(user: &str) -> usize {
    let log = fs::read_to_string(peer("TEST_SFTP_FAULT_LOG")).expect("the log");
    log.lines().filter(|line| line.split_whitespace().nth(1) == Some(user)).count()
}

fn faulty_host_key(role: &str) -> String {
    let all = fs::read_to_string(peer("TEST_SFTP_FAULT_KEYS")).expect("the fingerprints");
    let line = all.lines().find_map(|line| line.strip_prefix(role)).expect("a line for each role");
    line.trim().to_owned()
}

impl super::contract::Looking for Faulty {
    fn key(&self) -> &'static str {
        "sftp"
    }

    fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }
}
