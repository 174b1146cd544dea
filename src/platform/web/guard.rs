//! The guard: looks the route up in the table, refuses forged writes, and lets only the named principals in.

use actix_session::{Session, SessionExt};
use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::actor::{Actor, Role, Who};
use super::body;
use super::extract::most_form_bytes;
use super::failure::Failure;
use super::problem;
use super::routes::Door;
use super::session;
use super::site::Site;
use super::trace::RequestId;

/// The longest query that a file needs: a note of 1,024 characters of four bytes each, in percent signs, and two names of
/// 255. RFC 9110 asks for 8,000 bytes at least.
const MOST_ADDRESS: usize = 20 * 1024;

/// Names the cookie to which forms of signed-out visitors are bound; with https no sibling host can set it.
pub(super) fn pre_cookie(site: &Site) -> &'static str {
    if site.public.is_https() { "__Host-pre" } else { "pre" }
}

/// Finds the door of the matched route and lets the request pass, or answers with a [`Failure`].
pub async fn guard(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match admit(&mut request).await {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.call(request).await.map(ServiceResponse::map_into_boxed_body)
        }
        Err(failure) => Ok(request.error_response(failure)),
    }
}

async fn admit(request: &mut ServiceRequest) -> Result<Actor, Failure> {
    check_head(request)?;
    let site = request
        .app_data::<Data<Site>>()
        .cloned()
        .ok_or_else(|| Failure::Bug(anyhow::anyhow!("the site is not configured")))?;
    check_host(request, &site)?;
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let Some(&door) = request.match_pattern().and_then(|path| site.doors.get(&(method, path))) else {
        return Err(Failure::NotFound);
    };
    let who = match door {
        Door::Api { scope, roles } => bearer(request, &site, scope, roles).await?,
        Door::Open | Door::People(_) => {
            let session = request.get_session();
            let is_write = !request.method().is_safe();
            if is_write && !same_origin(request, &site) {
                return Err(Failure::Forbidden);
            }
            // before the token, which ends with the session: people are to learn that they have to sign in again
            let who = enforce(visitor(&session, &site).await?, door)?;
            if is_write {
                body::admit(request.headers(), most_form_bytes(Some(&who)))?;
                check_token(request, &session, &site, &who).await?;
            }
            who
        }
    };
    let forwarded = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let peer = request.peer_addr().map(|peer| peer.ip());
    let request_id = request.extensions().get::<RequestId>().map(ToString::to_string);
    Ok(Actor { who, address: site.client_address(peer, forwarded), request_id })
}

/// Refuses, on every route and before anything is looked up, what no route wants.
fn check_head(request: &ServiceRequest) -> Result<(), Failure> {
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if address > MOST_ADDRESS {
        let sentence = format!(
            "The address is longer than {MOST_ADDRESS} bytes: send less in the query, or send it in the body"
        );
        return Err(Failure::refused(&problem::URI_TOO_LONG, sentence));
    }
    if request.method().is_safe() && body::is_announced(request.headers()) {
        let sentence = format!("A body means nothing with {}: send it without", request.method());
        return Err(Failure::refused(&problem::UNEXPECTED_BODY, sentence));
    }
    Ok(())
}

/// Refuses names that somebody else made point here: their pages could speak with ours as if they were of one origin.
fn check_host(request: &ServiceRequest, site: &Site) -> Result<(), Failure> {
    let in_address = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let in_headers = request.headers().get_all(header::HOST).map(header::HeaderValue::as_bytes);
    let is_known = |host: &[u8]| std::str::from_utf8(host).is_ok_and(|host| site.answers_to(host));
    if in_headers.chain(in_address).all(is_known) {
        return Ok(());
    }
    let sentence = "Mediaport does not answer under this name. Use its public address; whoever runs it can add names \
        with the setting web.hosts";
    Err(Failure::refused(&problem::MISDIRECTED, sentence))
}

async fn visitor(session: &Session, site: &Site) -> Result<Who, Failure> {
    let Some(user) = session::user(session) else { return Ok(Who::Nobody) };
    let person = site.doorkeeper.person(user, session::name(session)).await?;
    Ok(person.map_or(Who::Nobody, Who::Person))
}

fn enforce(who: Who, door: Door) -> Result<Who, Failure> {
    match (door, &who) {
        (Door::People(_), Who::Nobody) => Err(Failure::SignedOut),
        (Door::People(roles), Who::Person(person)) if !roles.contains(&person.role) => {
            Err(Failure::Forbidden)
        }
        _ => Ok(who),
    }
}

/// Reads `Authorization: Bearer …`; the scheme's case does not matter (RFC 9110, and some clients send it small).
async fn bearer(
    request: &ServiceRequest,
    site: &Site,
    scope: Option<&str>,
    roles: &[Role],
) -> Result<Who, Failure> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, secret) = header.and_then(|value| value.split_once(' ')).ok_or(Failure::SignedOut)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Failure::SignedOut);
    }
    let secret = secret.trim().to_owned();
    if let Some(machine) = site.doorkeeper.machine(secret.clone()).await? {
        let allowed = scope.is_some_and(|scope| machine.scopes.iter().any(|held| held == scope));
        return if allowed { Ok(Who::Machine(machine)) } else { Err(Failure::Forbidden) };
    }
    let person = site.doorkeeper.token(secret).await?.ok_or(Failure::SignedOut)?;
    if roles.contains(&person.role) { Ok(Who::Person(person)) } else { Err(Failure::Forbidden) }
}

/// A write must come from a page of ours: not only from our origin, but with the token of this session.
async fn check_token(
    request: &mut ServiceRequest,
    session: &Session,
    site: &Site,
    who: &Who,
) -> Result<(), Failure> {
    let seed = match session::form_seed(session) {
        Some(seed) => seed,
        None => request
            .cookie(pre_cookie(site))
            .map(|cookie| cookie.value().to_owned())
            .ok_or(Failure::Forbidden)?,
    };
    let token = match request.headers().get("X-CSRF-Token").and_then(|value| value.to_str().ok()) {
        Some(token) => token.to_owned(),
        None => token_in_form(request, who).await?,
    };
    if site.form_tokens.accepts(&seed, &token) { Ok(()) } else { Err(Failure::Forbidden) }
}

/// Browsers that know fetch metadata must say `same-origin`; for others `Origin` must be ours. Neither is a refusal.
fn same_origin(request: &ServiceRequest, site: &Site) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    match (header("sec-fetch-site"), header("origin")) {
        (Some(site_word), origin) => {
            site_word == "same-origin"
                && origin.is_none_or(|origin| origin == site.public.origin() || is_own(request, origin))
        }
        (None, Some(origin)) => origin == site.public.origin(),
        (None, None) => false,
    }
}

/// A browser that reaches a loopback installation by another loopback name sends that name; it has itself vouched for
/// `same-origin` by then.
fn is_own(request: &ServiceRequest, origin: &str) -> bool {
    let Ok(origin) = url::Url::parse(origin) else { return false };
    let loopback = matches!(origin.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let authority =
        origin.host_str().map(|name| origin.port().map_or(name.to_owned(), |port| format!("{name}:{port}")));
    loopback && authority.as_deref() == host
}

/// Reads the hidden field of a form without taking the body away from the handler.
async fn token_in_form(request: &mut ServiceRequest, who: &Who) -> Result<String, Failure> {
    let is_form = request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded");
    if !is_form {
        return Err(Failure::Forbidden);
    }
    let payload = request.take_payload();
    let whole = body::read(request.headers(), payload, most_form_bytes(Some(who))).await?;
    let token = url::form_urlencoded::parse(&whole)
        .find(|(name, _)| name == "_token")
        .map(|(_, value)| value.into_owned());
    request.set_payload(Payload::from(whole.into_bytes()));
    token.ok_or(Failure::Forbidden)
}
