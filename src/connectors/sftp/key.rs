//! Private keys as people paste them.

use russh::keys::{Algorithm, PrivateKey, decode_secret_key};

/// Shorter RSA keys are refused by servers of today, and rightly so.
const RSA_BITS: u32 = 2048;

/// What is wrong with a private key. The texts never quote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyProblem {
    #[error(
        "This is the public half. Enter the private key: the file without .pub, from -----BEGIN to -----END"
    )]
    Public,
    #[error(
        "This key cannot be read. Enter the whole file, from -----BEGIN to -----END, in OpenSSH or PEM format"
    )]
    Unreadable,
    #[error(
        "This key is encrypted in an old way. Change that with ssh-keygen -p -f FILE, and enter it again"
    )]
    OldEncryption,
    #[error("Keys of this kind are not used. Enter an ed25519, ECDSA or RSA key of at least 2048 bits")]
    Kind,
    #[error("This key has a passphrase. Enter it")]
    NoPassphrase,
    #[error("The passphrase does not open this key")]
    WrongPassphrase,
}

impl KeyProblem {
    /// Names the field that it is about.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::NoPassphrase | Self::WrongPassphrase => "private_key_passphrase",
            _ => "private_key",
        }
    }
}

/// Reads a key. A passphrase that the key does not need is not used.
pub(super) fn read(text: &str, passphrase: Option<&str>) -> Result<PrivateKey, KeyProblem> {
    // browsers and mail programs indent and add spaces; no line of a key begins or ends with one
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    if is_public(&text) {
        return Err(KeyProblem::Public);
    }
    let (needed, readable) = encryption(&text);
    let passphrase = match (needed, passphrase) {
        (true, None) => {
            return Err(if readable { KeyProblem::NoPassphrase } else { KeyProblem::OldEncryption });
        }
        (true, given) => given,
        (false, _) => None,
    };
    let key = decode_secret_key(text.trim(), passphrase).map_err(|_| match (needed, readable) {
        (true, true) => KeyProblem::WrongPassphrase,
        (true, false) => KeyProblem::OldEncryption,
        (false, _) => KeyProblem::Unreadable,
    })?;
    if is_accepted(&key) { Ok(key) } else { Err(KeyProblem::Kind) }
}

fn is_public(text: &str) -> bool {
    let text = text.trim();
    let is_line = ["ssh-", "ecdsa-sha2-", "sk-"].iter().any(|kind| text.starts_with(kind));
    is_line || (text.contains("PUBLIC KEY-----") || text.contains("SSH2 PUBLIC KEY ----"))
}

/// Tells whether a key is encrypted, and in a way that can be opened here.
fn encryption(text: &str) -> (bool, bool) {
    if let Some(rest) = text.split_once("DEK-Info:").map(|(_, rest)| rest) {
        return (true, rest.trim_start().starts_with("AES-128-CBC"));
    }
    let is_openssh = PrivateKey::from_openssh(text.trim()).is_ok_and(|key| key.is_encrypted());
    (is_openssh || text.contains("BEGIN ENCRYPTED PRIVATE KEY"), true)
}

fn is_accepted(key: &PrivateKey) -> bool {
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => true,
        Algorithm::Rsa { .. } => {
            key.public_key().key_data().rsa().is_some_and(|rsa| rsa.key_size() >= RSA_BITS)
        }
        _ => false,
    }
}
