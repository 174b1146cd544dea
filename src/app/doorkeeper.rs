//! Tells the web who is behind a session, a key or a token.

use std::sync::Arc;

use actix_web::web::Data;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::features::{Services, accounts, apps};
use crate::platform::clock::Clock;
use crate::platform::db::{Db, DbError};
use crate::platform::keys::{Key, Purpose, Uses};
use crate::platform::web::{Doorkeeper, Failure, Machine, Person};

/// Asks the accounts and apps features.
pub(super) struct Doors {
    db: Db,
    clock: Clock,
    uses: Arc<Uses>,
}

impl Doors {
    pub(super) fn new(services: &Data<Services>, uses: &Arc<Uses>) -> Self {
        Self { db: services.db.clone(), clock: services.clock.clone(), uses: Arc::clone(uses) }
    }
}

impl Doorkeeper for Doors {
    fn person(&self, user: Uuid, session: String) -> BoxFuture<'_, Result<Option<Person>, Failure>> {
        let find = self
            .db
            .read(move |tx| async move { accounts::person_of_session(tx, user, session).await }.boxed());
        async move { find.await.map_err(|error: DbError| error.into()) }.boxed()
    }

    fn machine(&self, key: String) -> BoxFuture<'_, Result<Option<Machine>, Failure>> {
        let Some(key) = Key::parse(&key, Purpose::App) else { return async { Ok(None) }.boxed() };
        let (uses, now) = (Arc::clone(&self.uses), self.clock.now());
        let find =
            self.db.read(move |tx| async move { apps::machine_of_key(tx, &key, &uses, now).await }.boxed());
        async move { find.await.map_err(|error: DbError| error.into()) }.boxed()
    }

    fn token(&self, token: String) -> BoxFuture<'_, Result<Option<Person>, Failure>> {
        let Some(key) = Key::parse(&token, Purpose::Token) else { return async { Ok(None) }.boxed() };
        let (uses, now) = (Arc::clone(&self.uses), self.clock.now());
        let find = self
            .db
            .read(move |tx| async move { accounts::person_of_token(tx, &key, &uses, now).await }.boxed());
        async move { find.await.map_err(|error: DbError| error.into()) }.boxed()
    }
}
