//! `/setup/{code}`: the first administrator, and everybody who was invited.

use actix_web::web::Data;
use askama::Template;
use futures_util::FutureExt;

use crate::features::accounts::actions::{self, Link};
use crate::features::accounts::model::{AccountError, NewPerson};
use crate::features::accounts::pages::sign_ins::SignInLimits;
use crate::features::accounts::passwords::Passwords;
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::web::shell::Shell;
use crate::platform::web::{Form, Reply, Segment, Visit, session};

#[derive(Template)]
#[template(path = "accounts/setup.html")]
struct Setup {
    shell: Shell,
    form: FormFields,
    path: String,
    is_first: bool,
    email: String,
    role_label: &'static str,
}

impl Setup {
    fn new(visit: &Visit, code: &str, link: &Link, form: FormFields) -> Self {
        let (is_first, email, role_label) = match link {
            Link::First => (true, String::new(), ""),
            Link::Invitation(user) => (false, user.email.clone(), user.role.label()),
        };
        Self { shell: visit.shell("Set up", Vec::new()), form, path: format!("/setup/{code}"), is_first, email, role_label }
    }
}

/// Shows the form while the link is good.
pub async fn edit(visit: Visit, code: Segment<String>, limits: Data<SignInLimits>) -> Reply {
    limits.take_address(&visit)?;
    let link = find(&visit, code.0.clone()).await?;
    visit.page(Setup::new(&visit, &code.0, &link, FormFields::default()))
}

/// Uses the link up and signs the person in.
pub async fn update(
    visit: Visit,
    code: Segment<String>,
    form: Form,
    limits: Data<SignInLimits>,
    passwords: Data<Passwords>,
) -> Reply {
    limits.take_address(&visit)?;
    let link = find(&visit, code.0.clone()).await?;
    let invited = match &link {
        Link::First => None,
        Link::Invitation(user) => Some(user.email.as_str()),
    };
    let person = match NewPerson::parse(&form.0, invited) {
        Ok(person) => person,
        Err(errors) => return visit.unprocessable(Setup::new(&visit, &code.0, &link, form.0.with_errors(errors))),
    };
    let hash = passwords.hash(person.password.clone()).await?;
    let (actor, now, used) = (visit.actor.clone(), visit.now(), code.0.clone());
    let done = visit.site.db.write(move |tx| {
        async move { actions::set_up(tx, &actor, &used, person, hash, now).await }.boxed()
    });
    match done.await {
        Ok(id) => {
            session::sign_in(&visit.request, id.uuid())?;
            visit.go("/")
        }
        Err(AccountError::EmailTaken) => {
            let errors = FieldErrors::one("email", AccountError::EmailTaken.to_string());
            visit.unprocessable(Setup::new(&visit, &code.0, &link, form.0.with_errors(errors)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn find(visit: &Visit, code: String) -> Result<Link, crate::platform::web::Failure> {
    let now = visit.now();
    visit.read(move |tx| async move { actions::find_link(tx, &code, now).await }.boxed()).await
}
