//! `/login` and `/logout`.

use std::net::IpAddr;

use actix_web::http::header;
use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use crate::features::accounts::actions;
use crate::features::accounts::passwords::Passwords;
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::secret::Secret;
use crate::platform::web::limits::{Limit, too_many};
use crate::platform::web::shell::Shell;
use crate::platform::web::{Failure, Form, Params, Reply, Visit, session};

/// How often somebody may try to get in.
pub struct SignInLimits {
    address: Limit<Option<IpAddr>>,
    account: Limit<String>,
}

impl SignInLimits {
    /// Makes the limits from numbers per minute and bursts.
    #[must_use]
    pub fn new(address: (u32, u32), account: (u32, u32)) -> Self {
        Self { address: Limit::new(address.0, address.1), account: Limit::new(account.0, account.1) }
    }

    /// Takes one attempt of the visitor's address.
    pub(super) fn take_address(&self, visit: &Visit) -> Result<(), Failure> {
        self.address.take(&visit.actor.address).map_err(too_many)
    }

    /// Forgets whoever has nothing against them any more.
    pub fn forget(&self) {
        self.address.forget();
        self.account.forget();
    }
}

/// Where to go after signing in.
#[derive(Debug, Deserialize)]
pub struct Next {
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "accounts/login.html")]
struct Login {
    shell: Shell,
    form: FormFields,
    next: String,
}

/// Shows the form; whoever is signed in goes on.
pub async fn new(visit: Visit, next: Params<Next>) -> Reply {
    let next = local_path(next.0.next.as_deref().unwrap_or_default());
    if visit.actor.person().is_some() {
        return visit.go(&next);
    }
    visit.page(Login { shell: visit.shell("Sign in", Vec::new()), form: FormFields::default(), next })
}

/// Signs in under a fresh session, or says that address or password are wrong, not which.
pub async fn create(visit: Visit, form: Form, limits: Data<SignInLimits>, passwords: Data<Passwords>) -> Reply {
    let email = form.0.value("email").trim().to_lowercase();
    let waits = limits.take_address(&visit).and_then(|()| limits.account.take(&email).map_err(too_many));
    let next = local_path(form.0.value("next"));
    let user = match waits {
        Ok(()) => {
            let password = Secret::from(form.0.value("password"));
            actions::sign_in(&visit.site.db, &passwords, visit.actor.clone(), email, password, visit.now()).await?
        }
        Err(wait) => return again(&visit, form.0.clone(), next, &wait.to_string()),
    };
    let Some(user) = user else {
        return again(&visit, form.0.clone(), next, "The e-mail address or the password is wrong");
    };
    session::sign_in(&visit.request, user.id.uuid())?;
    visit.go(&next)
}

fn again(visit: &Visit, form: FormFields, next: String, problem: &str) -> Reply {
    let form = form.with_errors(FieldErrors::one("email", problem));
    visit.unprocessable(Login { shell: visit.shell("Sign in", Vec::new()), form, next })
}

/// Signs out and has the browser forget what it kept.
pub async fn destroy(visit: Visit) -> Reply {
    session::sign_out(&visit.request);
    let mut reply = visit.go("/login")?;
    let clear = header::HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");
    reply.headers_mut().insert(header::HeaderName::from_static("clear-site-data"), clear);
    Ok(reply)
}

/// Accepts only paths of ours: what a browser could read as another host becomes the dashboard.
pub(super) fn local_path(text: &str) -> String {
    let mut letters = text.chars();
    let starts_well = letters.next() == Some('/') && letters.next().is_some_and(|letter| letter.is_ascii_alphanumeric());
    let plain = text.len() <= 2000 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if starts_well && plain { text.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_followed() {
        for (asked, went) in [
            ("/endpoints?tab=general", "/endpoints?tab=general"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/ep\n/x", "/"),
            ("", "/"),
        ] {
            assert_eq!(local_path(asked), went, "{asked}");
        }
    }
}
