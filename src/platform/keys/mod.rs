//! Keys for machines.
//!
//! An identifier to look up, a secret to compare, and a checksum that catches typing errors before the database is asked:
//! `mp_` + 12 characters + `_` + 43 characters + 6 characters, all base 62.

mod id;
mod uses;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::secret::Secret;

pub use id::{KeyId, KeyPlace};
pub use uses::Uses;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID: usize = 12;
const SECRET: usize = 43;
const SUM: usize = 6;

/// What a key is for; the first letter of its identifier says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A key of an app.
    App,
    /// A personal token.
    Token,
}

impl Purpose {
    fn letter(self) -> char {
        match self {
            Self::App => 'k',
            Self::Token => 't',
        }
    }
}

/// A key as its holder has it.
pub struct Key {
    /// The public part: stored in clear, shown in lists and logs.
    pub id: KeyId,
    secret: Secret<String>,
}

impl Key {
    /// Makes a new key.
    #[must_use]
    pub fn mint(purpose: Purpose) -> Self {
        let id = KeyId(format!("{}{}", purpose.letter(), random_text(ID - 1)));
        Self { id, secret: Secret::new(random_text(SECRET)) }
    }

    /// Reads a presented key; `None` when it cannot be one of ours or is for another purpose.
    #[must_use]
    pub fn parse(text: &str, purpose: Purpose) -> Option<Self> {
        let (id, rest) = text.strip_prefix("mp_")?.split_once('_')?;
        let id: KeyId = id.parse().ok()?;
        let well_formed = id.purpose() == purpose && is_base_62(rest, SECRET + SUM);
        let (secret, sum) = rest.split_at_checked(SECRET)?;
        let key = Self { id, secret: Secret::from(secret) };
        (well_formed && key.checksum() == sum).then_some(key)
    }

    /// Gives the whole key, to be shown once to its holder.
    #[must_use]
    pub fn reveal(&self) -> Secret<String> {
        Secret::new(format!("mp_{}_{}{}", self.id, self.secret.expose(), self.checksum()))
    }

    /// Gives what the database keeps of the secret. A plain hash is enough for 256 random bits.
    #[must_use]
    pub fn stored(&self) -> String {
        hex::encode(Sha256::digest(self.secret.expose()))
    }

    /// Compares with what the database kept, in constant time. Compare with some text even when no row was found.
    #[must_use]
    pub fn matches(&self, stored: &str) -> bool {
        self.stored().as_bytes().ct_eq(stored.as_bytes()).into()
    }

    fn checksum(&self) -> String {
        let mut rest = crc32fast::hash(format!("{}_{}", self.id, self.secret.expose()).as_bytes());
        let mut text = [b'0'; SUM];
        for place in text.iter_mut().rev() {
            *place = ALPHABET[(rest % 62) as usize];
            rest /= 62;
        }
        text.iter().map(|byte| char::from(*byte)).collect()
    }
}

fn is_base_62(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Makes a random base-62 text of this length, for keys and one-time codes.
#[must_use]
pub fn random_text(length: usize) -> String {
    use rand::RngExt;
    let mut random = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_form() {
        let key = Key::mint(Purpose::App);
        let text = key.reveal().expose().clone();
        assert_eq!(text.len(), 3 + 12 + 1 + 43 + 6);

        let read = Key::parse(&text, Purpose::App).expect("well formed");

        assert_eq!(read.id, key.id);
        assert!(read.matches(&key.stored()));
        assert!(Key::parse(&text, Purpose::Token).is_none(), "a key is no token");
    }

    #[test]
    fn one_wrong_character_is_noticed() {
        let text = Key::mint(Purpose::Token).reveal().expose().clone();
        let last = if text.ends_with('a') { "b" } else { "a" };
        let wrong = format!("{}{last}", &text[..text.len() - 1]);
        assert!(Key::parse(&wrong, Purpose::Token).is_none());
    }
}
