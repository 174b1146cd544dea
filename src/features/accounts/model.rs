//! People and the rules for their names and passwords.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;

use crate::platform::clock::Timestamp;
use crate::platform::db::DbError;
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::keys::{KeyId, KeyPlace};
use crate::platform::secret::Secret;
use crate::platform::web::{Code, Failure, Role};
use crate::{text_enum, typed_id};

typed_id! {
    /// Names a person.
    UserId
}

text_enum! {
    /// Whether a person may sign in.
    UserState {
        /// Has a link and no password yet.
        Invited = "invited",
        /// May sign in.
        Active = "active",
        /// May not sign in any more.
        Disabled = "disabled",
    }
}

/// A person.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct User {
    /// The identifier.
    pub id: UserId,
    /// The address they sign in with, in lower case.
    pub email: String,
    /// How the screen addresses them.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they may sign in.
    pub state: UserState,
    /// The password's hash in PHC form.
    pub password_hash: Option<String>,
    /// When they were added.
    pub created_at: Timestamp,
}

/// A personal token as it is listed; its secret is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Token {
    pub(super) id: KeyId,
    pub(super) created_at: Timestamp,
    /// Those made on the server need not end.
    pub(super) expires_at: Option<Timestamp>,
    pub(super) used_at: Option<Timestamp>,
    pub(super) revoked_at: Option<Timestamp>,
    /// The token with which its person made it.
    pub(super) made_with: Option<KeyId>,
}

impl Token {
    pub(super) fn place(&self) -> KeyPlace {
        KeyPlace { at: self.created_at, id: self.id.clone() }
    }
}

/// What somebody enters to become a person who can sign in.
#[derive(Debug)]
pub struct NewPerson {
    /// Their name.
    pub name: String,
    /// Their address, in lower case.
    pub email: String,
    /// Their password.
    pub password: Secret<String>,
}

/// Shortest password in characters: without a second factor, NIST SP 800-63B-4 asks for 15.
const SHORTEST: usize = 15;
/// Longest password in bytes; more would only feed the hash.
const LONGEST: usize = 1024;
/// Fewer different characters than this is a pattern, whatever its length.
const FEWEST_DIFFERENT: usize = 5;

impl NewPerson {
    /// Reads a set-up form. `email` is given where an invitation fixes it.
    pub fn parse(form: &FormFields, invited: Option<&str>) -> Result<Self, FieldErrors> {
        let mut check = form.check();
        let name = check.required("name", "your name", 100);
        let email = match invited {
            Some(email) => email.to_owned(),
            None => check.required("email", "your e-mail address", 254).to_lowercase(),
        };
        if !email.is_empty() && !is_address(&email) {
            check.refuse("email", "Enter an address such as name@example.com");
        }
        let password = Secret::from(form.value("password"));
        if let Err(problem) = judge_password(password.expose(), &email, &name) {
            check.refuse("password", problem);
        }
        check.finish(Self { name, email, password })
    }
}

/// Tells whether a text looks like an address: one `@`, something before, a dotted name or host behind.
#[must_use]
pub(super) fn is_address(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let plain = |part: &str| !part.is_empty() && !part.contains(['@', ' ', '<', '>', ',', '"']);
    plain(local) && plain(host) && !host.starts_with('.') && !host.ends_with('.')
}

/// Judges a password by length and by what an attacker tries first: patterns and words from its surroundings.
pub(super) fn judge_password(password: &str, email: &str, name: &str) -> Result<(), &'static str> {
    if password.chars().count() < SHORTEST {
        return Err("Use at least 15 characters");
    }
    if password.len() > LONGEST {
        return Err("Use at most 1,024 bytes");
    }
    if password.chars().collect::<BTreeSet<_>>().len() < FEWEST_DIFFERENT {
        return Err("Use more different characters");
    }
    let mut rest = password.to_lowercase();
    let local = email.split('@').next().unwrap_or_default();
    let words =
        name.split_whitespace().chain(email.split(['@', '.'])).chain([local, "mediaport", "password"]);
    for word in words.filter(|word| word.chars().count() > 2) {
        rest = rest.replace(&word.to_lowercase(), "");
    }
    if rest.chars().filter(|letter| letter.is_alphanumeric()).count() < 6 {
        return Err("Choose something that is not made of your name, your address or the product's name");
    }
    Ok(())
}

/// An address is in use.
pub(super) const EMAIL_TAKEN: Code =
    Code::new(StatusCode::CONFLICT, "email_taken", "somebody with this address is already here");

/// Why something about a person could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The link is unknown, used or too old: the three look the same.
    #[error("This link is not valid any more")]
    LinkGone,
    /// Somebody has that address already.
    #[error("Somebody with this address is already here")]
    EmailTaken,
    /// The token with which something was asked for is not good any more.
    #[error("This token has ended")]
    TokenGone,
    /// What was entered cannot be saved.
    #[error("some fields are refused")]
    Invalid(FieldErrors),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::LinkGone => Self::NotFound,
            AccountError::TokenGone => Self::SignedOut,
            AccountError::Invalid(errors) => Self::Invalid(errors),
            AccountError::EmailTaken => Self::refused(&EMAIL_TAKEN, error.to_string()),
            AccountError::Db(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_judged_by_length_pattern_and_surroundings() {
        for (password, good) in [
            ("correct horse battery", true),
            ("vierzehnzeiche", false),
            ("aaaaaaaaaaaaaaaaaaaa", false),
            ("dana.lee@example.com", false),
            ("mediaportmediaport", false),
            ("ünïcödé is välid tõo", true),
        ] {
            assert_eq!(
                judge_password(password, "dana.lee@example.com", "Dana Lee").is_ok(),
                good,
                "{password}"
            );
        }
        assert!(judge_password(&"abcdefg ".repeat(129), "a@b.c", "").is_err());
    }

    #[test]
    fn addresses_are_told_from_other_text() {
        assert!(is_address("dana@example.com"));
        for wrong in ["", "dana", "@example.com", "dana@", "a b@example.com", "a@b@c", "dana@.com"] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
