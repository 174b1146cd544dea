//! The HTTP server: shared data, layers, routes.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_session::SessionMiddleware;
use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_web::cookie::{Key, SameSite};
use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use anyhow::Context;

use super::background::Upkeep;
use super::doorkeeper::Doors;
use super::health::Readiness;
use super::{Installation, REQUESTS_END, menu, routes};
use crate::config::Config;
use crate::features::Services;
use crate::features::accounts::Passwords;
use crate::features::accounts::pages::sign_ins::SignInLimits;
use crate::platform::idempotency::Replies;
use crate::platform::web::live::Streams;
use crate::platform::web::session::Sessions;
use crate::platform::web::{
    Failure, FormTokens, PublicUrl, Site, doors, draw_failures, end_unread, guard, register,
    security_headers, trace,
};

/// The head of a request must be there within this time; bodies have their own limits.
const HEAD_LIMIT: Duration = Duration::from_secs(5);

/// A server that has its port and waits to run.
pub(super) struct Bound {
    pub(super) server: Server,
    pub(super) address: SocketAddr,
    pub(super) upkeep: Upkeep,
}

/// Takes the port. The public address may only be known once the port is.
pub(super) fn bind(
    installation: &Installation,
    public: Arc<OnceLock<PublicUrl>>,
    readiness: Readiness,
) -> anyhow::Result<Bound> {
    let config = installation.config.clone();
    let services = Data::from(Arc::clone(&installation.services));
    let sessions = Sessions::new(services.db.clone(), services.clock.clone(), config.sessions);
    let limits = Data::new(SignInLimits::new(config.limits.sign_in_address, config.limits.sign_in_account));
    let passwords = Data::new(Passwords::default());
    let cookie_key = Key::from(&services.vault.derive("session cookies"));
    let shared = routes::shared(installation);
    let replies = installation.replies.clone();
    let upkeep = Upkeep {
        sessions: sessions.clone(),
        sign_ins: limits.clone(),
        endpoint_tests: shared.endpoint_tests.clone(),
        replies: replies.clone(),
        uses: Arc::clone(&installation.uses),
    };
    let uses = Arc::clone(&installation.uses);
    let streams = installation.streams.clone();
    let site_config = config.clone();
    let server = HttpServer::new(move || {
        let public = public.wait().clone();
        let session = session_layer(sessions.clone(), cookie_key.clone(), public.is_https());
        App::new()
            .app_data(Data::new(site(
                &services,
                &site_config,
                Doors::new(&services, &uses),
                replies.clone(),
                (sessions.clone(), streams.clone()),
                public,
            )))
            .app_data(services.clone())
            .app_data(limits.clone())
            .app_data(passwords.clone())
            .app_data(Data::new(readiness.clone()))
            .configure(|config| shared.add_to(config))
            .wrap(from_fn(guard))
            .wrap(session)
            .wrap(Compress::default())
            .wrap(from_fn(draw_failures))
            .wrap(from_fn(security_headers))
            .wrap(from_fn(end_unread))
            .wrap(from_fn(trace))
            .configure(|config| register(&routes::table(), config))
            .default_service(actix_web::web::to(async || Err::<&'static str, _>(Failure::NotFound)))
    })
    // Head and body of a file leave in two pieces; without this the second waits for the client's delayed ACK, 40 ms.
    .tcp_nodelay(true)
    .client_request_timeout(HEAD_LIMIT)
    // Whoever closes has gone: an endpoint test that nobody watches any more must stop and save nothing.
    .h1_allow_half_closed(false)
    .shutdown_timeout(REQUESTS_END.as_secs())
    .disable_signals()
    .bind(config.listen)
    .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = *server.addrs().first().context("the server has an address")?;
    Ok(Bound { server: server.run(), address, upkeep })
}

/// What every request knows about the installation.
fn site(
    services: &Data<Services>,
    config: &Config,
    doorkeeper: Doors,
    replies: Replies,
    (sessions, streams): (Sessions, Streams),
    public: PublicUrl,
) -> Site {
    Site {
        db: services.db.clone(),
        clock: services.clock.clone(),
        doorkeeper: Arc::new(doorkeeper),
        doors: doors(&routes::table()),
        menu: menu::menu,
        public,
        media_origin: config.media.url.as_ref().map(|url| url.origin().ascii_serialization()),
        hosts: hosts(config),
        trusted_proxies: config.trusted_proxies.clone(),
        replies,
        sessions,
        streams,
        form_tokens: FormTokens::new(services.vault.derive("form tokens")),
    }
}

/// Every name by which the operator says that we are reached.
fn hosts(config: &Config) -> Vec<String> {
    let addresses = std::iter::once(&config.public_url).chain(&config.media.url);
    let names = addresses.filter_map(|url| url.host_str().map(str::to_owned));
    names.chain(config.hosts.iter().cloned()).collect()
}

/// A host-bound, signed cookie with https; a plain name on loopback, where browsers refuse the other.
fn session_layer(sessions: Sessions, key: Key, https: bool) -> SessionMiddleware<Sessions> {
    SessionMiddleware::builder(sessions, key)
        .cookie_name(if https { "__Host-sid" } else { "sid" }.to_owned())
        .cookie_secure(https)
        .cookie_http_only(true)
        .cookie_same_site(SameSite::Lax)
        .cookie_path("/".to_owned())
        .cookie_content_security(CookieContentSecurity::Signed)
        .session_lifecycle(BrowserSession::default())
        .build()
}
