//! Hashing passwords: slow on purpose, so only two at once, and never on the threads that answer requests.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::platform::secret::Secret;
use crate::platform::web::Failure;

/// Memory in KiB, passes and lanes (OWASP's strong setting; a hash takes a noticeable fraction of a second).
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// Hashes at once: 64 MiB each.
const AT_ONCE: usize = 2;
/// People waiting for one before the next is told to come back.
const QUEUE: usize = 32;

/// Makes and checks hashes. Clones share the two places and the queue.
#[derive(Clone)]
pub struct Passwords {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), queue: Arc::new(Semaphore::new(QUEUE)) }
    }
}

impl Passwords {
    /// Hashes a password; the result names its parameters and its salt.
    pub async fn hash(&self, password: Secret<String>) -> Result<String, Failure> {
        self.slowly(move || {
            let hash = hasher()?.hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|error| anyhow::anyhow!("cannot hash: {error}"))
        })
        .await
    }

    /// Compares a password with a stored hash; without one the time passes all the same and the answer is no.
    pub async fn matches(&self, password: Secret<String>, stored: Option<String>) -> Result<bool, Failure> {
        let Some(stored) = stored else {
            self.hash(password).await?;
            return Ok(false);
        };
        self.slowly(move || {
            let hash = PasswordHash::new(&stored).map_err(|error| anyhow::anyhow!("a stored hash is unreadable: {error}"))?;
            Ok(hasher()?.verify_password(password.expose().as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn slowly<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let _waiting = self.queue.try_acquire().map_err(|_| Failure::Unavailable)?;
        let _place = self.places.acquire().await.map_err(|_| Failure::Unavailable)?;
        let done = tokio::task::spawn_blocking(work).await.map_err(|error| Failure::Bug(error.into()))?;
        done.map_err(Failure::Bug)
    }
}

fn hasher() -> anyhow::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let passwords = Passwords::default();
        let stored = passwords.hash("a long enough sentence".into()).await.expect("hashed");

        assert!(stored.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"));
        assert!(passwords.matches("a long enough sentence".into(), Some(stored.clone())).await.expect("compared"));
        assert!(!passwords.matches("another sentence here".into(), Some(stored)).await.expect("compared"));
        assert!(!passwords.matches("anything".into(), None).await.expect("compared"));
    }
}
