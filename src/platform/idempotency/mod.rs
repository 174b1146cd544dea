//! Doing what was asked once, however often it is asked.
//!
//! A client that gets no answer sends its request again with the same key. The reply is kept in the transaction that
//! does the work, so the two are there together or not at all. Work that takes longer than a transaction takes the key
//! first, with a lease: whoever is not heard of loses it, and what he then tries to conclude is rolled back, because
//! concluding needs the number of the lease. A request that came to nothing gives its key back.
//!
//! Replies are sealed, because some hold what is shown only once, and go after a day.

mod store;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use sha2::{Digest, Sha256};

use crate::platform::clock::{Clock, Timestamp};
use crate::platform::db::{Db, DbError, DbResult, Tx};
use crate::platform::vault::Vault;

/// Keys removed in one transaction, so that it stays short.
const BATCH: i64 = 1_000;
/// The longest key in bytes.
const LONGEST_KEY: usize = 255;

/// How long keys are held and replies kept.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// A request that has not been heard of for so long loses its key to one that repeats it.
    pub lease: Duration,
    /// A reply is kept for so long.
    pub keep: Duration,
}

/// Keeps keys and replies in the table `idempotency_keys`.
#[derive(Clone)]
pub struct Replies {
    db: Db,
    clock: Clock,
    vault: Vault,
    terms: Terms,
}

/// Whose key it is, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    principal: String,
    key: String,
}

impl Name {
    /// Names a principal's key; nothing when it is empty, longer than 255 bytes, or not visible ASCII.
    #[must_use]
    pub fn new(principal: String, key: &str) -> Option<Self> {
        let is_fit =
            (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        is_fit.then(|| Self { principal, key: key.to_owned() })
    }

    fn context(&self) -> String {
        format!("reply|{}|{}", self.principal, self.key)
    }
}

/// Tells whether two requests ask for the same: a SHA-256 over what they ask for, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Takes the print of these parts, in this order.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // The length keeps parts apart: `ab` and `c` are not `a` and `bc`.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hex::encode(hash.finalize()))
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The HTTP status.
    pub status: u16,
    /// The JSON document.
    pub body: String,
}

/// A request that was done before.
#[derive(Debug)]
pub struct Done {
    fingerprint: Fingerprint,
    kept: Kept,
}

impl Done {
    /// Gives what was answered, if the same was asked.
    #[must_use]
    pub fn reply_to(&self, fingerprint: &Fingerprint) -> Option<&Kept> {
        (self.fingerprint == *fingerprint).then_some(&self.kept)
    }
}

/// How it stands with a key.
#[derive(Debug)]
pub enum Claim {
    /// The caller is to do the work, and to settle it with this ticket.
    Ours(Ticket),
    /// The work was done.
    Done(Done),
    /// Another request is at it; its lease ends after so long.
    Running(Duration),
}

impl Replies {
    /// Keeps replies in `db`, sealed by `vault`.
    #[must_use]
    pub fn new(db: Db, clock: Clock, vault: Vault, terms: Terms) -> Self {
        Self { db, clock, vault, terms }
    }

    /// Takes a key within the transaction that will also settle it, or that only takes it.
    pub async fn claim(&self, tx: &mut Tx, name: &Name) -> DbResult<Claim> {
        let now = self.clock.now();
        let (until, end) = (now.plus(self.terms.lease), now.plus(self.terms.keep));
        if store::insert(tx, name, until, end).await? {
            return Ok(Claim::Ours(self.ticket(name, 1)));
        }
        // It went in this very moment: whoever had it gave it back, and the client may come again.
        let Some(row) = store::find(tx, name).await? else { return Ok(Claim::Running(Duration::ZERO)) };
        if row.expires_at > now {
            match (&row.fingerprint, row.status, &row.sealed_reply) {
                (Some(fingerprint), Some(status), Some(sealed)) => {
                    return Ok(Claim::Done(self.open(name, fingerprint.clone(), status, sealed)?));
                }
                _ if row.lease_until > now => return Ok(Claim::Running(row.lease_until.since(now))),
                _ => {}
            }
        }
        if store::take_over(tx, name, row.lease_no, (until, end)).await? {
            return Ok(Claim::Ours(self.ticket(name, row.lease_no + 1)));
        }
        Ok(Claim::Running(self.terms.lease))
    }

    /// Takes a key for work that a transaction cannot hold.
    pub async fn claim_alone(&self, name: Name) -> DbResult<Claim> {
        let replies = self.clone();
        self.db.write(move |tx| async move { replies.claim(tx, &name).await }.boxed()).await
    }

    fn ticket(&self, name: &Name, lease_no: i64) -> Ticket {
        Ticket { replies: self.clone(), name: name.clone(), lease_no, is_open: AtomicBool::new(true) }
    }

    fn open(&self, name: &Name, fingerprint: String, status: i64, sealed: &[u8]) -> DbResult<Done> {
        let body = self.vault.open(&name.context(), sealed).map_err(broken)?;
        let status = u16::try_from(status).map_err(broken)?;
        Ok(Done { fingerprint: Fingerprint(fingerprint), kept: Kept { status, body } })
    }

    /// Gives every key back that is held. Only where this process alone serves: nobody can be at work yet.
    pub async fn release_all(&self) -> DbResult<u64> {
        self.db.write(|tx| async move { store::release_all(tx).await }.boxed()).await
    }

    /// Removes replies that were kept long enough.
    pub async fn sweep(&self) -> DbResult<()> {
        let now = self.clock.now();
        loop {
            let ended = self.db.write(move |tx| store::delete_ended(tx, now, BATCH).boxed()).await?;
            if i64::try_from(ended).is_ok_and(|ended| ended < BATCH) {
                return Ok(());
            }
        }
    }
}

fn broken(error: impl Into<anyhow::Error>) -> DbError {
    DbError::Broken(error.into())
}

/// The right to do what a key stands for. Dropped before it is closed, it gives the key back.
#[derive(Debug)]
pub struct Ticket {
    replies: Replies,
    name: Name,
    lease_no: i64,
    is_open: AtomicBool,
}

impl std::fmt::Debug for Replies {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Replies").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl Ticket {
    /// Keeps the reply, in the transaction that does the work. Fails with [`DbError::Busy`] when another request has
    /// taken the key over: the work must not be done twice.
    pub async fn settle(&self, tx: &mut Tx, fingerprint: &Fingerprint, kept: &Kept) -> DbResult<()> {
        let sealed = self.replies.vault.seal(&self.name.context(), &kept.body).map_err(broken)?;
        let what = (fingerprint, kept.status, sealed);
        if store::settle(tx, &self.name, self.lease_no, what).await? { Ok(()) } else { Err(DbError::Busy) }
    }

    /// Marks the work as concluded: the transaction that settled it is durable.
    pub fn close(&self) {
        self.is_open.store(false, Ordering::Relaxed);
    }

    /// Gives the key back: nothing came of the work. If something did after all, because a commit of unknown outcome
    /// reached the database, this waits for it and changes nothing.
    pub async fn release(&self) {
        self.close();
        release(self.replies.clone(), self.name.clone(), self.lease_no).await;
    }

    /// Holds the key while `work` goes on.
    pub async fn while_held<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let pause = pin!(tokio::time::sleep(self.replies.terms.lease / 4));
            match select(work.as_mut(), pause).await {
                Either::Left((done, _)) => return done,
                Either::Right(_) => {}
            }
            let renewing = pin!(self.renew());
            if let Either::Left((done, _)) = select(work.as_mut(), renewing).await {
                return done;
            }
        }
    }

    async fn renew(&self) {
        let (name, lease_no) = (self.name.clone(), self.lease_no);
        let until: Timestamp = self.replies.clock.now().plus(self.replies.terms.lease);
        let renewed = self
            .replies
            .db
            .write(move |tx| async move { store::renew(tx, &name, lease_no, until).await }.boxed());
        match renewed.await {
            Ok(1) => {}
            Ok(_) => tracing::warn!("a request lost its idempotency key to another"),
            Err(error) => tracing::warn!(%error, "could not renew the lease of an idempotency key"),
        }
    }
}

async fn release(replies: Replies, name: Name, lease_no: i64) {
    let released =
        replies.db.write(move |tx| async move { store::release(tx, &name, lease_no).await }.boxed());
    if let Err(error) = released.await {
        tracing::warn!(%error, "an idempotency key stays taken until its lease ends");
    }
}

impl Drop for Ticket {
    /// The client has gone and nobody waits; a shutdown in between costs the time of a lease.
    fn drop(&mut self) {
        if !*self.is_open.get_mut() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(release(self.replies.clone(), self.name.clone(), self.lease_no)));
        }
    }
}

#[cfg(test)]
mod tests;
