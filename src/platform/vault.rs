//! Seals secrets for the database.
//!
//! A sealed record says which key opens it, and opens only in the place for which it was sealed: a record copied to
//! another row is refused. The keys lie in a file beside the database, never in it. A new key is added as a last line;
//! the older ones go on opening what they sealed.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{AeadInOut, Generate, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha512;
use zeroize::Zeroizing;

use super::secret::Secret;

/// The form of records: version, length of the key id, key id, nonce, ciphertext with its tag.
const VERSION: u8 = 1;
const KEY: usize = 32;
const NONCE: usize = 24;
const TAG: usize = 16;
/// The longest key id; long enough for a date and a word.
const MOST_ID: usize = 32;
/// The permissions of everybody but the owner.
const OTHERS: u32 = 0o077;

/// Seals and opens. Clones share the keys.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<Keys>,
}

struct Keys {
    /// Other keys are derived from this one.
    first: Key,
    /// The last of these seals, or the first key when there are none.
    later: Vec<Key>,
}

struct Key {
    id: String,
    bytes: Secret<[u8; KEY]>,
}

/// Shows nothing.
impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Vault")
    }
}

impl Vault {
    /// Reads the key file, or creates it with a fresh key; true when it was created.
    ///
    /// A file that others may read is refused, and so is one without a key.
    pub fn open_or_create(path: &Path) -> anyhow::Result<(Self, bool)> {
        let shown = path.display();
        match File::open(path) {
            Ok(file) => {
                Ok((Self::read(file).with_context(|| format!("reading the key file {shown}"))?, false))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(path).with_context(|| format!("creating the key file {shown}"))?;
                let file = File::open(path).with_context(|| format!("opening the key file {shown}"))?;
                Ok((Self::read(file).with_context(|| format!("reading the key file {shown}"))?, true))
            }
            Err(error) => Err(error).with_context(|| format!("opening the key file {shown}")),
        }
    }

    fn read(mut file: File) -> anyhow::Result<Self> {
        let mode = file.metadata()?.mode();
        ensure!(
            mode & OTHERS == 0,
            "its mode is {:o}, so others on this machine may read it: run chmod 600",
            mode & 0o777
        );
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text)?;
        Ok(Self { keys: Arc::new(Keys::parse(&text)?) })
    }

    /// Seals a value for one place, named as `table|row|column`.
    pub fn seal<T: Serialize>(&self, context: &str, value: &T) -> Result<Vec<u8>, VaultError> {
        let key = self.keys.active();
        let nonce = XNonce::generate();
        let mut record = key.header();
        let mut buffer = plaintext(value)?;
        key.cipher()
            .encrypt_in_place(&nonce, &bound_to(&record, context), &mut *buffer)
            .map_err(|_| VaultError::Content)?;
        record.extend_from_slice(&nonce);
        record.extend_from_slice(&buffer);
        Ok(record)
    }

    /// Opens a record that was sealed for the same place.
    pub fn open<T: DeserializeOwned>(&self, context: &str, sealed: &[u8]) -> Result<T, VaultError> {
        let (id, rest) = split(sealed)?;
        let key = self.keys.find(id).ok_or_else(|| VaultError::UnknownKey(id.to_owned()))?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(VaultError::Malformed)?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        key.cipher()
            .decrypt_in_place(&XNonce::from(*nonce), &bound_to(&key.header(), context), &mut *buffer)
            .map_err(|_| VaultError::Refused)?;
        // The parser's own error could quote the secret.
        serde_json::from_slice(&buffer).map_err(|_| VaultError::Content)
    }

    /// Tells whether the key of a record is at hand; at start every stored record is asked for.
    #[must_use]
    pub fn knows(&self, sealed: &[u8]) -> bool {
        split(sealed).is_ok_and(|(id, _)| self.keys.find(id).is_some())
    }

    /// Derives a key for another purpose, such as signing cookies. It stays the same when keys are added, because it
    /// comes from the first one.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 64] {
        let mut mac = self.keys.first.mac();
        mac.update(b"mediaport derived key 1|");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl Keys {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut keys: Vec<Key> = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let key = Key::parse(line).with_context(|| format!("line {}", at + 1))?;
            ensure!(keys.iter().all(|known| known.id != key.id), "the key id {} stands twice", key.id);
            keys.push(key);
        }
        ensure!(!keys.is_empty(), "it holds no key; if nothing was sealed yet, remove it and start again");
        let later = keys.split_off(1);
        keys.pop().map(|first| Self { first, later }).context("it holds no key")
    }

    fn active(&self) -> &Key {
        self.later.last().unwrap_or(&self.first)
    }

    fn find(&self, id: &str) -> Option<&Key> {
        std::iter::once(&self.first).chain(&self.later).find(|key| key.id == id)
    }
}

impl Key {
    fn parse(line: &str) -> anyhow::Result<Self> {
        let mut words = line.split_whitespace();
        let (Some(id), Some(encoded), None) = (words.next(), words.next(), words.next()) else {
            bail!("a line is a key id, a space and 32 bytes in base64");
        };
        let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        ensure!(
            plain && id.len() <= MOST_ID,
            "a key id is at most {MOST_ID} letters, digits, dots and dashes"
        );
        // The decoder's own error would quote a part of the key.
        let decoded = BASE64.decode(encoded).map(Zeroizing::new).ok();
        let bytes = decoded.and_then(|decoded| <[u8; KEY]>::try_from(decoded.as_slice()).ok());
        let bytes = bytes.context("the key is not 32 bytes in base64")?;
        Ok(Self { id: id.to_owned(), bytes: Secret::new(bytes) })
    }

    /// Gives how records of this key begin.
    fn header(&self) -> Vec<u8> {
        let length = u8::try_from(self.id.len()).unwrap_or(u8::MAX);
        [&[VERSION, length], self.id.as_bytes()].concat()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.bytes.expose()).into())
    }

    fn mac(&self) -> Hmac<Sha512> {
        // HMAC pads a shorter key with zeros up to its block of 128 bytes, so padding it here changes nothing and
        // leaves no error to handle.
        let mut block = Zeroizing::new([0; 128]);
        block[..KEY].copy_from_slice(self.bytes.expose());
        Hmac::new(&(*block).into())
    }
}

fn create(path: &Path) -> anyhow::Result<()> {
    let key = Zeroizing::new(<[u8; KEY]>::generate());
    let id = hex::encode(<[u8; 4]>::generate());
    let line = Zeroizing::new(format!("{id} {}\n", *Zeroizing::new(BASE64.encode(*key))));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

/// Gives the JSON of a value in a buffer that never moves, because moving would leave a copy behind.
fn plaintext<T: Serialize>(value: &T) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).map_err(|_| VaultError::Content)?;
    let mut content = Zeroizing::new(Vec::with_capacity(length.0 + TAG));
    serde_json::to_writer(&mut *content, value).map_err(|_| VaultError::Content)?;
    Ok(content)
}

struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a record is bound to: the key that seals it, and its place.
fn bound_to(header: &[u8], context: &str) -> Vec<u8> {
    [header, context.as_bytes()].concat()
}

fn split(sealed: &[u8]) -> Result<(&str, &[u8]), VaultError> {
    let malformed = || VaultError::Malformed;
    let [VERSION, length, rest @ ..] = sealed else { return Err(malformed()) };
    let (id, rest) = rest.split_at_checked(usize::from(*length)).ok_or_else(malformed)?;
    Ok((str::from_utf8(id).map_err(|_| malformed())?, rest))
}

/// Why a value could not be sealed or opened. No error tells anything about the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The record is not one of ours.
    #[error("not a sealed record")]
    Malformed,
    /// The key file lacks the key that sealed the record.
    #[error("the key {0:?} is not in the key file")]
    UnknownKey(String),
    /// The record was altered, or sealed for another place.
    #[error("the record was altered or belongs elsewhere")]
    Refused,
    /// The content is not what the caller takes it for.
    #[error("the content has another form")]
    Content,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use serde::Deserialize;
    use tempfile::TempDir;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Login {
        user: String,
        password: Secret<String>,
    }

    fn login() -> Login {
        Login { user: "sftp".into(), password: "hunter2".into() }
    }

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        (folder, path)
    }

    fn write(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn line(id: &str, byte: u8) -> String {
        format!("{id} {}\n", BASE64.encode([byte; KEY]))
    }

    fn vault(lines: &[String]) -> Vault {
        let (_folder, path) = folder();
        write(&path, &lines.concat());
        Vault::open_or_create(&path).unwrap().0
    }

    #[test]
    fn what_was_sealed_opens_only_in_its_place() {
        let (_folder, path) = folder();
        let (vault, created) = Vault::open_or_create(&path).unwrap();
        assert!(created);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = vault.seal("endpoints|1|secret", &login()).unwrap();

        let (again, created) = Vault::open_or_create(&path).unwrap();
        assert!(!created);
        assert_eq!(again.open::<Login>("endpoints|1|secret", &sealed), Ok(login()));
        for elsewhere in ["endpoints|2|secret", "endpoints|1|settings", "webhooks|1|secret", ""] {
            assert_eq!(again.open::<Login>(elsewhere, &sealed), Err(VaultError::Refused));
        }
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_ne!(
            vault.seal("endpoints|1|secret", &login()).unwrap(),
            sealed,
            "each record has its own nonce"
        );
    }

    #[test]
    fn no_changed_byte_and_no_cut_goes_unnoticed() {
        let vault = vault(&[line("a", 1)]);
        let sealed = vault.seal("t|r|c", &login()).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open::<Login>("t|r|c", &changed).is_err(), "byte {at}");
            assert!(vault.open::<Login>("t|r|c", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_last_key_seals_and_the_others_open() {
        let old = vault(&[line("2025", 1)]);
        let both = vault(&[line("2025", 1), "\n".to_owned(), line("2026", 2)]);
        let new = vault(&[line("2026", 2)]);
        let (by_old, by_both) = (old.seal("t", &1).unwrap(), both.seal("t", &2).unwrap());

        assert_eq!((both.open("t", &by_old), both.open("t", &by_both)), (Ok(1), Ok(2)));
        assert_eq!(new.open("t", &by_both), Ok(2));
        assert_eq!(old.open::<u8>("t", &by_both), Err(VaultError::UnknownKey("2026".into())));
        assert!(both.knows(&by_old) && !old.knows(&by_both));
        assert!(!both.knows(b"") && !both.knows(b"\x02\x042025") && !both.knows(b"\x01\xff2025"));
    }

    #[test]
    fn derived_keys_outlive_new_keys_and_differ_by_purpose() {
        let old = vault(&[line("2025", 1)]);
        let both = vault(&[line("2025", 1), line("2026", 2)]);
        assert_eq!(old.derive("cookies"), both.derive("cookies"));
        assert_ne!(old.derive("cookies"), old.derive("csrf"));
        assert_ne!(old.derive("cookies"), vault(&[line("2026", 2)]).derive("cookies"));

        let mut plain = <Hmac<Sha512> as KeyInit>::new_from_slice(&[1; KEY]).unwrap();
        plain.update(b"mediaport derived key 1|cookies");
        assert_eq!(old.derive("cookies").as_slice(), plain.finalize().into_bytes().as_slice());
    }

    #[test]
    fn a_key_file_that_is_open_empty_or_broken_is_refused() {
        let (_folder, path) = folder();
        write(&path, &line("a", 1));
        for mode in [0o644, 0o640, 0o604, 0o660] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let error = format!("{:#}", Vault::open_or_create(&path).unwrap_err());
            assert!(error.contains("chmod 600") && error.contains("keys"), "{error}");
        }
        for (text, why) in [
            (String::new(), "holds no key"),
            (line("a", 1) + &line("a", 2), "stands twice"),
            ("a AAAA\n".into(), "line 1: the key is not 32 bytes"),
            ("a\n".into(), "line 1"),
            (line("a/b", 1), "a key id is"),
        ] {
            write(&path, &text);
            let error = format!("{:#}", Vault::open_or_create(&path).unwrap_err());
            assert!(error.contains(why) && !error.contains("AAAA"), "{error}");
        }
    }

    #[test]
    fn nothing_is_shown() {
        let vault = vault(&[line("name-of-key", 1)]);
        assert_eq!(format!("{vault:?}"), "Vault");
        let sealed = vault.seal("t", &login()).unwrap();
        let error = vault.open::<u16>("t", &sealed).unwrap_err();
        assert_eq!(error, VaultError::Content);
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}
