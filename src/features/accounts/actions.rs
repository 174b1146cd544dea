//! What is done about people. Hashing happens before, never inside, a transaction.

use std::time::Duration;

use futures_util::FutureExt;

use super::model::{AccountError, NewPerson, User, UserId, UserState};
use super::passwords::Passwords;
use super::store;
use crate::features::audit::{self, Act};
use crate::platform::clock::Timestamp;
use crate::platform::db::{Db, Tx};
use crate::platform::keys::random_text;
use crate::platform::secret::Secret;
use crate::platform::web::session::hash;
use crate::platform::web::{Actor, Failure, Role};

pub use super::tokens::add_token;

/// How long the first set-up link lives: the operator has it on the screen.
const FIRST_LINK: Duration = Duration::from_hours(1);
/// How long an invitation lives.
const INVITATION: Duration = Duration::from_hours(24);
/// Base-62 characters of a one-time code: over 128 bits.
const CODE: usize = 24;

/// Makes the one-time link for the first administrator, voiding an older one; nothing when people exist already.
pub async fn first_link(db: &Db, now: Timestamp) -> Result<Option<Secret<String>>, AccountError> {
    db.write(move |tx| {
        async move {
            if store::count(tx).await? > 0 {
                return Ok(None);
            }
            store::void_first_links(tx, now).await?;
            let code = random_text(CODE);
            store::insert_link(tx, &hash(&code), None, now, now.plus(FIRST_LINK)).await?;
            Ok(Some(Secret::new(code)))
        }
        .boxed()
    })
    .await
}

/// What a good link is for: the first administrator, or the person it invites.
#[derive(Debug)]
pub enum Link {
    /// The first administrator.
    First,
    /// Somebody who was invited.
    Invitation(User),
}

/// Finds what a link is for.
pub async fn find_link(tx: &mut Tx, code: &str, now: Timestamp) -> Result<Link, AccountError> {
    let link = store::find_link(tx, &hash(code), now).await?.ok_or(AccountError::LinkGone)?;
    match link.user_id {
        None if store::count(tx).await? == 0 => Ok(Link::First),
        None => Err(AccountError::LinkGone),
        Some(id) => {
            let invited = store::find(tx, id).await?.filter(|user| user.state == UserState::Invited);
            invited.map(Link::Invitation).ok_or(AccountError::LinkGone)
        }
    }
}

/// Uses a link up: makes the first administrator, or lets the invited person in. Of two at once one wins.
pub async fn set_up(
    tx: &mut Tx,
    actor: &Actor,
    code: &str,
    person: NewPerson,
    password_hash: String,
    now: Timestamp,
) -> Result<UserId, AccountError> {
    let link = find_link(tx, code, now).await?;
    if !store::use_link(tx, &hash(code), now).await? {
        return Err(AccountError::LinkGone);
    }
    let id = match link {
        Link::First => {
            let mut user = store::new_user(&person.email, &person.name, Role::Admin, UserState::Active, now);
            user.password_hash = Some(password_hash);
            store::insert(tx, &user).await.map_err(email_taken)?;
            user.id
        }
        Link::Invitation(user) => {
            store::activate(tx, user.id, &person.name, &password_hash, now).await?;
            user.id
        }
    };
    audit::record(tx, actor, now, Act::on("user.set_up", "user", id).with("email", person.email)).await?;
    Ok(id)
}

fn email_taken(error: crate::platform::db::DbError) -> AccountError {
    if error.duplicates("users.email") { AccountError::EmailTaken } else { error.into() }
}

/// What adding a person gave.
#[derive(Debug)]
pub enum Added {
    /// They may sign in with the password that was given.
    Active,
    /// They may use this one-time code within a day.
    Invited(Secret<String>),
}

/// Adds a person: with a password that was hashed before, or with a one-time link.
pub async fn add(
    tx: &mut Tx,
    actor: &Actor,
    email: &str,
    role: Role,
    password_hash: Option<String>,
    now: Timestamp,
) -> Result<Added, AccountError> {
    let state = if password_hash.is_some() { UserState::Active } else { UserState::Invited };
    let name = email.split('@').next().unwrap_or(email);
    let mut user = store::new_user(email, name, role, state, now);
    user.password_hash = password_hash;
    store::insert(tx, &user).await.map_err(email_taken)?;
    let act = Act::on("user.added", "user", user.id).with("email", email).with("role", role.as_str());
    audit::record(tx, actor, now, act).await?;
    if state == UserState::Active {
        return Ok(Added::Active);
    }
    let code = random_text(CODE);
    store::insert_link(tx, &hash(&code), Some(user.id), now, now.plus(INVITATION)).await?;
    Ok(Added::Invited(Secret::new(code)))
}

/// Checks address and password. `None` is a refusal that does not tell why; it has its audit row.
pub async fn sign_in(
    db: &Db,
    passwords: &Passwords,
    mut actor: Actor,
    email: String,
    password: Secret<String>,
    now: Timestamp,
) -> Result<Option<User>, Failure> {
    let wanted = email.clone();
    let found: Option<User> = db
        .read(move |tx| async move { store::find_by_email(tx, &wanted).await }.boxed())
        .await
        .map_err(|error: crate::platform::db::DbError| Failure::from(error))?;
    let active = found.filter(|user| user.state == UserState::Active);
    let stored = active.as_ref().and_then(|user| user.password_hash.clone());
    let user = if passwords.matches(password, stored).await? { active } else { None };
    if let Some(user) = &user {
        actor.who = crate::platform::web::Who::Person(as_person(user, String::new()));
    }
    let signed_in = user.clone();
    let written: Result<(), AccountError> = db
        .write(move |tx| {
            async move {
                let act = match &signed_in {
                    Some(user) => {
                        store::save_sign_in(tx, user.id, now).await?;
                        Act::on("user.signed_in", "user", user.id)
                    }
                    None => Act::of("user.sign_in_refused", "user").with("email", clipped(&email)),
                };
                Ok(audit::record(tx, &actor, now, act).await?)
            }
            .boxed()
        })
        .await;
    written?;
    Ok(user)
}

/// People sometimes type a password into the address field; what cannot be an address is not written down.
fn clipped(email: &str) -> String {
    if super::model::is_address(email) && email.len() <= 254 {
        email.to_owned()
    } else {
        "(no address)".to_owned()
    }
}

pub(super) fn as_person(user: &User, session: String) -> crate::platform::web::Person {
    crate::platform::web::Person {
        id: user.id.uuid(),
        name: user.name.clone(),
        email: user.email.clone(),
        role: user.role,
        session,
    }
}
