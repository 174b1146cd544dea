//! Sessions in the database: only the hash of a key is stored, ending one is deleting its row, and a request in flight
//! cannot bring an ended session back.

use std::collections::HashMap;
use std::time::Duration;

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_session::{Session, SessionExt};
use actix_web::HttpRequest;
use actix_web::cookie::time;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::failure::Failure;
use super::tokens::FormTokens;
use crate::on;
use crate::platform::clock::{Clock, Timestamp};
use crate::platform::db::{Db, DbError, DbResult, Tx};

const USER: &str = "user";
const SEED: &str = "seed";
const NAME: &str = "name";
const FLASH: &str = "flash";

/// Binds and runs one statement; for [`Sessions::change`].
macro_rules! statement {
    ($sql:expr $(, $value:expr)*) => {
        move |tx| {
            async move {
                Ok(on!(tx, conn => sqlx::query($sql)$(.bind($value))*.execute(conn).await.map(|done| done.rows_affected()))?)
            }
            .boxed()
        }
    };
}

/// How long sessions live.
#[derive(Debug, Clone, Copy)]
pub struct Lifetime {
    /// Without a request of the person's own.
    pub idle: Duration,
    /// In all.
    pub whole: Duration,
}

/// Keeps sessions in the table `sessions`.
#[derive(Clone)]
pub struct Sessions {
    db: Db,
    clock: Clock,
    lifetime: Lifetime,
}

type State = HashMap<String, String>;

const FIND: &str =
    "SELECT data, seen_at FROM sessions WHERE key_hash = $1 AND expires_at > $2 AND seen_at > $3";
const OF_USER: &str = "SELECT data FROM sessions WHERE user_id = $1 AND expires_at > $2 AND seen_at > $3";
const INSERT: &str = "INSERT INTO sessions (key_hash, user_id, data, created_at, seen_at, expires_at)
    VALUES ($1, $2, $3, $4, $4, $5)";
const UPDATE: &str = "UPDATE sessions SET data = $2, user_id = $3 WHERE key_hash = $1";
const SEEN: &str = "UPDATE sessions SET seen_at = $2 WHERE key_hash = $1";
const DELETE: &str = "DELETE FROM sessions WHERE key_hash = $1";
const DELETE_ENDED: &str = "DELETE FROM sessions WHERE expires_at <= $1 OR seen_at <= $2";

/// `seen_at` moves at most this often, so that reading pages does not write each time.
const SEEN_STEP: Duration = Duration::from_mins(1);

impl Sessions {
    /// Keeps sessions in `db`.
    #[must_use]
    pub fn new(db: Db, clock: Clock, lifetime: Lifetime) -> Self {
        Self { db, clock, lifetime }
    }

    /// Removes sessions that have ended; they were already refused before.
    pub async fn sweep(&self) -> DbResult<u64> {
        let now = self.clock.now();
        let idle_since = now.minus(self.lifetime.idle);
        self.change(statement!(DELETE_ENDED, now, idle_since)).await
    }

    /// Tells whether a person's session of this public name goes on. Asking does not make it last longer.
    pub async fn goes_on(&self, user: Uuid, name: &str) -> DbResult<bool> {
        let now = self.clock.now();
        let idle_since = now.minus(self.lifetime.idle);
        let rows: Vec<String> = self
            .db
            .read(move |tx| {
                async move {
                    on!(tx, conn => sqlx::query_scalar(OF_USER).bind(user.to_string()).bind(now).bind(idle_since).fetch_all(conn).await)
                        .map_err(DbError::from)
                }
                .boxed()
            })
            .await?;
        Ok(rows.iter().any(|data| name_in(data).as_deref() == Some(name)))
    }

    async fn find(&self, key_hash: String) -> DbResult<Option<String>> {
        let now = self.clock.now();
        let idle_since = now.minus(self.lifetime.idle);
        let hash = key_hash.clone();
        let row: Option<(String, Timestamp)> = self
            .db
            .read(move |tx| {
                async move {
                    on!(tx, conn => sqlx::query_as(FIND).bind(hash).bind(now).bind(idle_since).fetch_optional(conn).await)
                        .map_err(DbError::from)
                }
                .boxed()
            })
            .await?;
        let Some((data, seen_at)) = row else { return Ok(None) };
        if now.since(seen_at) >= SEEN_STEP {
            self.change(statement!(SEEN, key_hash, now)).await?;
        }
        Ok(Some(data))
    }

    /// Runs one statement in a transaction of its own and gives the number of changed rows.
    async fn change<F>(&self, statement: F) -> DbResult<u64>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, DbResult<u64>> + Send + 'static,
    {
        self.db.write(statement).await
    }
}

impl SessionStore for Sessions {
    async fn load(&self, session_key: &SessionKey) -> Result<Option<State>, LoadError> {
        let data =
            self.find(hash(session_key.as_ref())).await.map_err(|error| LoadError::Other(error.into()))?;
        data.map(|data| serde_json::from_str(&data).map_err(|error| LoadError::Deserialization(error.into())))
            .transpose()
    }

    async fn save(&self, state: State, _: &time::Duration) -> Result<SessionKey, SaveError> {
        let key = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let data = serde_json::to_string(&state).map_err(|error| SaveError::Serialization(error.into()))?;
        let (key_hash, user) = (hash(&key), user_of(&state));
        let now = self.clock.now();
        let end = now.plus(self.lifetime.whole);
        let inserted = self.change(statement!(INSERT, key_hash, user, data, now, end)).await;
        inserted.map_err(|error| SaveError::Other(error.into()))?;
        SessionKey::try_from(key).map_err(|error| SaveError::Other(error.into()))
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        _: &time::Duration,
    ) -> Result<SessionKey, UpdateError> {
        let data = serde_json::to_string(&state).map_err(|error| UpdateError::Serialization(error.into()))?;
        let (key_hash, user) = (hash(key.as_ref()), user_of(&state));
        match self.change(statement!(UPDATE, key_hash, data, user)).await {
            Ok(1) => Ok(key),
            Ok(_) => Err(UpdateError::Other(anyhow::anyhow!("the session has ended"))),
            Err(error) => Err(UpdateError::Other(error.into())),
        }
    }

    async fn update_ttl(&self, _: &SessionKey, _: &time::Duration) -> anyhow::Result<()> {
        Ok(()) // `seen_at` and `expires_at` decide
    }

    async fn delete(&self, key: &SessionKey) -> anyhow::Result<()> {
        let key_hash = hash(key.as_ref());
        self.change(statement!(DELETE, key_hash)).await?;
        Ok(())
    }
}

/// Gives the SHA-256 of a high-entropy secret in hexadecimal: enough for what cannot be guessed (keys, tokens, codes).
#[must_use]
pub fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

fn user_of(state: &State) -> Option<String> {
    state.get(USER).and_then(|json| serde_json::from_str(json).ok())
}

/// Gives the public name of a stored session; values of a session are JSON inside JSON.
fn name_in(data: &str) -> Option<String> {
    let state: State = serde_json::from_str(data).ok()?;
    serde_json::from_str(state.get(NAME)?).ok()
}

/// Gives the person of the session, if somebody signed in.
pub(super) fn user(session: &Session) -> Option<Uuid> {
    session.get(USER).ok().flatten()
}

/// Gives the session's public name for the audit log.
pub(super) fn name(session: &Session) -> String {
    session.get(NAME).ok().flatten().unwrap_or_default()
}

pub(super) fn form_seed(session: &Session) -> Option<String> {
    session.get(SEED).ok().flatten()
}

/// Starts a signed-in session under a fresh key; whatever key the browser came with is dead.
pub fn sign_in(request: &HttpRequest, user: Uuid) -> Result<(), Failure> {
    let session = request.get_session();
    session.clear();
    session.renew();
    let stored = session
        .insert(USER, user)
        .and_then(|()| session.insert(SEED, FormTokens::fresh_seed()))
        .and_then(|()| session.insert(NAME, Uuid::now_v7().to_string()));
    stored.map_err(|error| Failure::Bug(anyhow::anyhow!("cannot start a session: {error}")))
}

/// Ends the session.
pub fn sign_out(request: &HttpRequest) {
    request.get_session().purge();
}

/// Keeps a sentence for the next page of this session.
pub(super) fn keep_flash(session: &Session, text: &str) -> Result<(), Failure> {
    session
        .insert(FLASH, text)
        .map_err(|error| Failure::Bug(anyhow::anyhow!("cannot keep a message: {error}")))
}

/// Takes the kept sentence.
pub(super) fn take_flash(session: &Session) -> Option<String> {
    let text = session.get(FLASH).ok().flatten();
    if text.is_some() {
        session.remove(FLASH);
    }
    text
}
