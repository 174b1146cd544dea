//! Connections that are kept for a moment.
//!
//! Opening one takes some ten round trips and a signature: for small files that is most of the work. So a connection on
//! which everything went well waits a little for the next file of the same endpoint; one on which anything failed is
//! dropped.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use sha2::{Digest, Sha256};

use super::super::{DeliveryError, Ground};
use super::session::Session;
use super::{Secrets, Settings};
use crate::platform::secret::Secret;

/// How long a connection may wait. Long enough for the gap between two files of a call, and well below what servers allow
/// an idle client.
const IDLE: Duration = Duration::from_secs(30);
/// How many wait for each account; an endpoint works on about as many files at once.
const EACH: usize = 4;
/// How many wait in all.
const ALL: usize = 64;

static WAITING: Mutex<Vec<Waiting>> = Mutex::new(Vec::new());

struct Waiting {
    session: Session,
    account: [u8; 32],
    since: Instant,
}

/// Whom a connection is for.
pub(super) struct Account<'a> {
    pub(super) settings: &'a Settings,
    pub(super) secrets: &'a Secrets,
    pub(super) ground: &'a Ground,
}

impl Account<'_> {
    /// Works with a connection that waited or a new one. It waits again when the work succeeds.
    pub(super) async fn with_session<T>(
        &self,
        work: impl AsyncFnOnce(&Session) -> Result<T, DeliveryError>,
    ) -> Result<T, DeliveryError> {
        let account = self.digest()?;
        let session = self.session(account).await?;
        let done = work(&session).await?;
        keep(session, account);
        Ok(done)
    }

    /// Lets a connection wait that somebody else has opened for this account.
    pub(super) fn keep(&self, session: Session) -> Result<(), DeliveryError> {
        keep(session, self.digest()?);
        Ok(())
    }

    async fn session(&self, account: [u8; 32]) -> Result<Session, DeliveryError> {
        while let Some(session) = self.waiting(account) {
            if session.files.is_alive().await {
                return Ok(session);
            }
        }
        // large, and rarely taken
        Session::open(self.settings, self.secrets, self.ground).boxed().await
    }

    /// Whatever decides who signs in where, and how the server proves itself.
    fn digest(&self) -> Result<[u8; 32], DeliveryError> {
        let settings = serde_json::to_vec(self.settings);
        let secrets = serde_json::to_vec(self.secrets).map(Secret::new);
        let (Ok(settings), Ok(secrets)) = (settings, secrets) else {
            return Err(DeliveryError::endpoint(
                "The settings of this end point cannot be read. Save it again",
            ));
        };
        Ok(Sha256::new()
            .chain_update(settings)
            .chain_update([0])
            .chain_update(secrets.expose())
            .finalize()
            .into())
    }

    /// Takes a connection of this account, if one still stands and may still be used.
    fn waiting(&self, account: [u8; 32]) -> Option<Session> {
        let mut all = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(Waiting::is_fresh);
        let may_be_reached = |waiting: &Waiting| self.ground.outbound.judge(waiting.session.peer()).is_ok();
        let found = all.iter().rposition(|waiting| waiting.account == account && may_be_reached(waiting))?;
        Some(all.remove(found).session)
    }
}

impl Waiting {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < IDLE && self.session.is_open()
    }
}

fn keep(session: Session, account: [u8; 32]) {
    let mut all = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(Waiting::is_fresh);
    let of_account = all.iter().filter(|waiting| waiting.account == account).count();
    if of_account < EACH && all.len() < ALL && session.is_open() && !session.files.is_worn() {
        all.push(Waiting { session, account, since: Instant::now() });
    }
}
