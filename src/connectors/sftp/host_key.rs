//! The server's host key, by which it is known.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};
use serde::{Deserialize, Serialize};

/// The SHA-256 of a host key, written as `SHA256:` and base64 without padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Reads a fingerprint, alone or in a line as `ssh-keygen -l` prints it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let sum = text.split_whitespace().find_map(|word| word.strip_prefix("SHA256:"))?;
        let bytes = BASE64.decode(sum.trim_end_matches('=')).ok()?;
        bytes.try_into().ok().map(Self)
    }

    fn of(key: &PublicKey) -> Option<Self> {
        key.fingerprint(HashAlg::Sha256).as_bytes().try_into().ok().map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SHA256:{}", BASE64.encode(self.0))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a fingerprint")
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// A host key as a server has shown it, together with the proof that it holds the private half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostKey {
    pub(super) fingerprint: Fingerprint,
    pub(super) algorithm: Algorithm,
}

impl HostKey {
    /// Describes a key; nothing when it has no fingerprint of the right length.
    pub(super) fn of(key: &PublicKey) -> Option<Self> {
        Fingerprint::of(key).map(|fingerprint| Self { fingerprint, algorithm: key.algorithm() })
    }

    /// Names the type as `ssh-keygen -l` does.
    pub(super) fn kind(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Ed25519 => "ED25519",
            Algorithm::Ecdsa { .. } => "ECDSA",
            Algorithm::Rsa { .. } => "RSA",
            _ => "another type",
        }
    }

    /// Tells whether a server that is asked for this algorithm shows a key of the same type.
    pub(super) fn is_shown_for(&self, algorithm: &Algorithm) -> bool {
        match (&self.algorithm, algorithm) {
            (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
            (shown, asked) => shown == asked,
        }
    }
}

/// The algorithms by which a server may prove itself, most wanted first. RSA only with SHA-2.
pub(super) const ALGORITHMS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8";

    #[test]
    fn fingerprints_are_read_as_tools_print_them() {
        let line = format!("256 {TEXT} operator@server (ED25519)");
        for text in [TEXT, &format!("{TEXT}="), &format!("  {TEXT}\n"), &line] {
            assert_eq!(
                Fingerprint::parse(text).map(|read| read.to_string()).as_deref(),
                Some(TEXT),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_not_a_fingerprint() {
        let md5 = "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48";
        let short = &TEXT[..TEXT.len() - 1];
        for text in ["", "SHA256:", md5, short, &format!("{TEXT}A"), &TEXT.replace('n', "*"), &TEXT[7..]] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }
}
