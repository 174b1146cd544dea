//! What a handler gets: who is asking, the database, the time, and the ways to answer.

use std::future::{Ready, ready};
use std::ops::Deref;
use std::rc::Rc;

use actix_session::{Session, SessionExt};
use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder};
use askama::Template;
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::actor::{Actor, Person, Role};
use super::failure::Failure;
use super::guard::pre_cookie;
use super::session;
use super::shell::{Crumb, Flash, FlashKind, Shell, ShellUser, Theme};
use super::site::Site;
use super::tokens::FormTokens;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, Tx};

/// Sent by htmx when it asks for a part of a page.
pub(super) const FRAGMENT: &str = "HX-Request";

/// What handlers of pages return.
pub type Reply = Result<HttpResponse, Failure>;

/// Who is asking, and what every kind of request can do.
pub struct Asker {
    /// The installation.
    pub site: Data<Site>,
    /// Who is asking.
    pub actor: Actor,
    /// The request itself, for the few handlers that need more.
    pub request: HttpRequest,
}

impl Asker {
    fn of(request: &HttpRequest) -> Result<Self, Failure> {
        let site = request.app_data::<Data<Site>>().cloned();
        let actor = request.extensions().get::<Actor>().cloned();
        let (site, actor) = site
            .zip(actor)
            .ok_or_else(|| Failure::Bug(anyhow::anyhow!("a handler ran without the guard")))?;
        Ok(Self { site, actor, request: request.clone() })
    }

    /// Gives the present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.site.clock.now()
    }

    /// Reads from the database.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, Failure>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Into<Failure> + Send + 'static,
    {
        self.site.db.read(work).await.map_err(Into::into)
    }

    /// Changes the database; durable when this returns.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, Failure>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Into<Failure> + Send + 'static,
    {
        self.site.db.write(work).await.map_err(Into::into)
    }
}

/// A request for a page by somebody whom the guard let in.
pub struct Visit {
    asker: Asker,
    session: Session,
    pre_cookie: Rc<std::cell::RefCell<Option<String>>>,
}

impl Deref for Visit {
    type Target = Asker;

    fn deref(&self) -> &Asker {
        &self.asker
    }
}

impl FromRequest for Visit {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Asker::of(request).map(|asker| Self {
            asker,
            session: request.get_session(),
            pre_cookie: Rc::default(),
        }))
    }
}

impl Visit {
    /// Gives the signed-in person.
    pub fn person(&self) -> Result<&Person, Failure> {
        self.actor.person().ok_or(Failure::SignedOut)
    }

    /// Tells whether htmx asks for the block with this id only.
    #[must_use]
    pub fn wants(&self, block: &str) -> bool {
        let target = self.request.headers().get("HX-Target").and_then(|value| value.to_str().ok());
        target.is_some_and(|target| target.rsplit('#').next() == Some(block))
    }

    /// Tells whether the browser can take the answer as a stream of events.
    #[must_use]
    pub fn takes_events(&self) -> bool {
        let accept = self.request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
        accept.is_some_and(|accept| accept.contains("text/event-stream"))
    }

    /// Fills the frame of a page: title, trail, sidebar, person, form token, message from the page before.
    #[must_use]
    pub fn shell(&self, title: &str, crumbs: Vec<Crumb>) -> Shell {
        let person = self.actor.person();
        let menu =
            person.map(|person| (self.site.menu)(person.role, self.request.path())).unwrap_or_default();
        Shell {
            title: title.to_owned(),
            crumbs,
            nav: menu.groups,
            actions: menu.actions,
            user: person.map(|person| ShellUser {
                name: person.name.clone(),
                email: person.email.clone(),
                role_label: person.role.label(),
            }),
            csrf: self.form_token(),
            theme: theme_of(&self.request),
            flash: session::take_flash(&self.session).map(|text| Flash { kind: FlashKind::Done, text }),
            path: self.request.uri().path_and_query().map_or("/", |uri| uri.as_str()).to_owned(),
        }
    }

    /// Makes the token for the forms of this answer. For signed-out visitors it is bound to a cookie of its own, which
    /// the answer sets if the browser has none.
    #[must_use]
    pub fn form_token(&self) -> String {
        let seed = session::form_seed(&self.session).or_else(|| {
            let cookie = self.request.cookie(pre_cookie(&self.site)).map(|cookie| cookie.value().to_owned());
            cookie.or_else(|| {
                Some(self.pre_cookie.borrow_mut().get_or_insert_with(FormTokens::fresh_seed).clone())
            })
        });
        self.site.form_tokens.issue(&seed.unwrap_or_default())
    }

    /// Tells whether htmx asks for a part of a page.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.request.headers().contains_key(FRAGMENT)
    }

    /// Tells whether the visitor may change what the page shows; auditors may look.
    #[must_use]
    pub fn may_edit(&self) -> bool {
        self.actor.person().is_some_and(|person| person.role == Role::Admin)
    }

    /// Answers with a page.
    pub fn page(&self, template: impl Template) -> Reply {
        self.html(StatusCode::OK, template)
    }

    /// Answers with the form again, problems beside the fields.
    pub fn unprocessable(&self, template: impl Template) -> Reply {
        self.html(StatusCode::UNPROCESSABLE_ENTITY, template)
    }

    /// Answers with HTML and a status.
    pub fn html(&self, status: StatusCode, template: impl Template) -> Reply {
        let body = template.render()?;
        let mut builder = HttpResponse::build(status);
        self.set_pre_cookie(&mut builder);
        Ok(builder.content_type(mime::TEXT_HTML_UTF_8).body(body))
    }

    /// Sends the browser to another page of ours, which shows `message` once.
    pub fn redirect(&self, path: &str, message: &str) -> Reply {
        if !message.is_empty() && session::form_seed(&self.session).is_some() {
            session::keep_flash(&self.session, message)?;
        }
        self.go(path)
    }

    /// Sends the browser to another page of ours.
    pub fn go(&self, path: &str) -> Reply {
        if self.is_fragment() {
            return Ok(HttpResponse::Ok().insert_header(("HX-Redirect", path)).finish());
        }
        Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish())
    }

    fn set_pre_cookie(&self, builder: &mut HttpResponseBuilder) {
        if let Some(seed) = self.pre_cookie.borrow_mut().take() {
            builder.cookie(
                Cookie::build(pre_cookie(&self.site), seed)
                    .path("/")
                    .http_only(true)
                    .secure(self.site.public.is_https())
                    .same_site(SameSite::Strict)
                    .max_age(time::Duration::minutes(60))
                    .finish(),
            );
        }
    }
}

/// Reads the chosen colours from the visitor's cookie.
pub(super) fn theme_of(request: &HttpRequest) -> Theme {
    request.cookie("theme").and_then(|cookie| cookie.value().parse().ok()).unwrap_or_default()
}

/// A call of the HTTP API by a principal whom the guard let in.
pub struct Call(Asker);

impl Deref for Call {
    type Target = Asker;

    fn deref(&self) -> &Asker {
        &self.0
    }
}

impl FromRequest for Call {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Asker::of(request).map(Self))
    }
}

impl Call {
    /// Answers with JSON.
    pub fn json(&self, status: StatusCode, value: &impl Serialize) -> Reply {
        let body = serde_json::to_string(value).map_err(|error| Failure::Bug(error.into()))?;
        Ok(HttpResponse::build(status).content_type(mime::APPLICATION_JSON).body(body))
    }
}
