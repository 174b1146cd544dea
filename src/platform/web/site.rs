//! What every request needs to know about the installation.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use actix_web::http::Method;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use url::Url;
use uuid::Uuid;

use super::actor::{Machine, Person, Role};
use super::failure::Failure;
use super::live::Streams;
use super::routes::Door;
use super::session::Sessions;
use super::shell::{NavGroup, NavItem};
use super::tokens::FormTokens;
use crate::platform::clock::Clock;
use crate::platform::db::Db;
use crate::platform::idempotency::Replies;

/// Knows the principals; the accounts and apps features stand behind it.
pub trait Doorkeeper: Send + Sync {
    /// Finds the person of a session while they may act.
    fn person(&self, user: Uuid, session: String) -> BoxFuture<'_, Result<Option<Person>, Failure>>;

    /// Finds the app behind a key while the key is good.
    fn machine(&self, key: String) -> BoxFuture<'_, Result<Option<Machine>, Failure>>;

    /// Finds the person behind a personal token while it is good.
    fn token(&self, token: String) -> BoxFuture<'_, Result<Option<Person>, Failure>>;
}

/// Shared by all requests.
pub struct Site {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Who is who.
    pub doorkeeper: Arc<dyn Doorkeeper>,
    /// Which routes exist and who may pass.
    pub doors: HashMap<(Method, String), Door>,
    /// The menu for a role at an address.
    pub menu: fn(Role, &str) -> Menu,
    /// Where we are reached.
    pub public: PublicUrl,
    /// Another host for media bytes, when the operator set one.
    pub media_origin: Option<String>,
    /// Names under which we answer beside those of loopback: of the portal, of media, and what the operator added.
    pub hosts: Vec<String>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What requests with an idempotency key were answered.
    pub replies: Replies,
    /// Who is signed in.
    pub sessions: Sessions,
    /// Pages that stay up to date.
    pub streams: Streams,
    /// Makes and checks the tokens in forms.
    pub form_tokens: FormTokens,
}

/// Where a person can go.
#[derive(Debug, Clone, Default)]
pub struct Menu {
    /// The sidebar.
    pub groups: Vec<NavGroup>,
    /// What the command palette offers beside it.
    pub actions: Vec<NavItem>,
}

/// The configured address of the portal; every absolute address we hand out starts with it, never with `Host`.
#[derive(Debug, Clone)]
pub struct PublicUrl(Url);

impl PublicUrl {
    /// Wraps a configured address.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// Gives scheme, host and port, as browsers send them in `Origin`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Tells whether browsers reach us over https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Gives the absolute address of a path that starts with `/`.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0.as_str().trim_end_matches('/'))
    }
}

impl Site {
    /// Tells whether we answer under a host with or without a port. An address passes: unlike a name, nobody else can
    /// make it point here, and load balancers ask for it.
    #[must_use]
    pub fn answers_to(&self, authority: &str) -> bool {
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        let six = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_address = six
            .map_or_else(|| host.parse::<Ipv4Addr>().is_ok(), |address| address.parse::<Ipv6Addr>().is_ok());
        let is_known = |known: &String| known.eq_ignore_ascii_case(host);
        is_address || host.eq_ignore_ascii_case("localhost") || self.hosts.iter().any(is_known)
    }

    /// Gives the address of the client: the peer's, or what trusted proxies say about it.
    ///
    /// The forwarding header is read from its end, where our own proxies wrote, up to the first address that is no
    /// trusted proxy; what a client put before that is never believed.
    #[must_use]
    pub fn client_address(&self, peer: Option<IpAddr>, forwarded: Option<&str>) -> Option<IpAddr> {
        let trusted = |address: IpAddr| self.trusted_proxies.iter().any(|net| net.contains(&address));
        let mut client = peer?;
        for hop in forwarded.unwrap_or_default().rsplit(',') {
            if !trusted(client) {
                break;
            }
            let Ok(address) = hop.trim().parse() else { break };
            client = address;
        }
        Some(client)
    }
}
