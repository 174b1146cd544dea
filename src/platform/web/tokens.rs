//! Tokens that prove that a write comes from a page of ours.
//!
//! The token of a session is a MAC over the session's own random value, that of a signed-out form over a cookie of its
//! own. What a page shows is masked anew for every response, so that compression reveals nothing about it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const SIZE: usize = 32;

/// Makes and checks form tokens with the installation's key.
pub struct FormTokens {
    key: [u8; 64],
}

impl FormTokens {
    /// Takes the key, which every process of the installation must share.
    #[must_use]
    pub fn new(key: [u8; 64]) -> Self {
        Self { key }
    }

    /// Makes a random value that a session or a cookie keeps.
    #[must_use]
    pub fn fresh_seed() -> String {
        BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; SIZE]>())
    }

    /// Makes the token for a page, different each time.
    #[must_use]
    pub fn issue(&self, seed: &str) -> String {
        let mask = rand::random::<[u8; SIZE]>();
        let mut shown = [0; SIZE * 2];
        for (index, (mask, byte)) in mask.iter().zip(self.mac(seed)).enumerate() {
            shown[index] = *mask;
            shown[SIZE + index] = mask ^ byte;
        }
        BASE64_URL_SAFE_NO_PAD.encode(shown)
    }

    /// Tells whether a token belongs to the seed.
    #[must_use]
    pub fn accepts(&self, seed: &str, token: &str) -> bool {
        let Ok(shown) = BASE64_URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((mask, masked)) = shown.split_at_checked(SIZE) else { return false };
        let plain: Vec<u8> = mask.iter().zip(masked).map(|(mask, byte)| mask ^ byte).collect();
        masked.len() == SIZE && bool::from(plain.ct_eq(&self.mac(seed)))
    }

    fn mac(&self, seed: &str) -> [u8; SIZE] {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        mac.update(seed.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_its_seed_only() {
        let tokens = FormTokens::new([7; 64]);
        let (seed, other) = (FormTokens::fresh_seed(), FormTokens::fresh_seed());
        let token = tokens.issue(&seed);

        assert!(tokens.accepts(&seed, &token));
        assert!(!tokens.accepts(&other, &token));
        assert!(!tokens.accepts(&seed, ""));
        assert!(!tokens.accepts(&seed, &token[..40]));
        assert_ne!(token, tokens.issue(&seed), "masked anew each time");
    }
}
