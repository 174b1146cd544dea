//! What a message says about its own bytes: their digest and, with a signing secret, their signature.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::super::item::inspect;
use super::super::{DeliveryError, Item};
use super::body::Plan;
use super::settings;
use crate::platform::clock::Clock;

/// How long the block of SHA-256 is, and the longest key that HMAC takes as it is.
const BLOCK: usize = 64;

/// The sums of one message.
pub(super) struct Sums {
    /// In the form of `Content-Digest`.
    pub(super) digest: String,
    pub(super) signature: Option<Signature>,
}

/// A signature as Standard Webhooks have it.
pub(super) struct Signature {
    pub(super) id: String,
    pub(super) timestamp: String,
    pub(super) value: String,
}

impl Sums {
    /// Reads the item once. Fails when its bytes are not those that were accepted, before anybody has been called.
    pub(super) async fn of(plan: &Plan, item: &Item, signing_secret: &str) -> Result<Self, DeliveryError> {
        let mut digest = Sha256::new();
        let mut signer = Signer::new(signing_secret, item.delivery)?;
        let mut add = |bytes: &[u8]| {
            digest.update(bytes);
            if let Some(signer) = &mut signer {
                signer.mac.update(bytes);
            }
        };
        add(&plan.before);
        inspect(item, |piece| add(piece)).await?;
        add(&plan.behind);
        Ok(Self { digest: digest_field(&digest.finalize()), signature: signer.map(Signer::finish) })
    }
}

/// Writes a SHA-256 as digest fields do (RFC 9530).
pub(super) fn digest_field(sha256: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(sha256))
}

struct Signer {
    mac: Hmac<Sha256>,
    id: String,
    timestamp: String,
}

impl Signer {
    /// Begins a signature; none without a secret. The delivery names the message, at every attempt; the time is that of
    /// the attempt and part of the protocol: receivers refuse what is older than minutes.
    fn new(secret: &str, delivery: Uuid) -> Result<Option<Self>, DeliveryError> {
        if secret.is_empty() {
            return Ok(None);
        }
        let key = settings::key(secret).ok_or_else(|| {
            DeliveryError::endpoint(
                "The stored signing secret cannot be read. Open the endpoint and enter it again",
            )
        })?;
        // HMAC pads a shorter key with zeros up to its block, so padding it here changes nothing
        let mut block = Zeroizing::new([0; BLOCK]);
        block[..key.len()].copy_from_slice(&key);
        let mut mac = Hmac::<Sha256>::new(&(*block).into());
        let (id, timestamp) = (delivery.to_string(), (Clock::system().now().millis() / 1000).to_string());
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        Ok(Some(Self { mac, id, timestamp }))
    }

    fn finish(self) -> Signature {
        let value = format!("v1,{}", BASE64.encode(self.mac.finalize().into_bytes()));
        Signature { id: self.id, timestamp: self.timestamp, value }
    }
}
