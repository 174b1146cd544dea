//! The only way out: every connection that the program opens to somewhere else goes through here.
//!
//! An address is judged when it is written, when a name is resolved and when a connection stands; a name passes only
//! when all its addresses do, and only those are connected to. No redirect is followed, no proxy of the environment is
//! used, nothing is decompressed, and there is no switch that skips the verification of a certificate. Limits on sizes
//! are the callers' business: they know what they expect.

mod azure;
mod guard;
mod pace;
mod patience;
pub mod smithy;
#[cfg(test)]
mod tests;
mod tls;

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::context::TokioContext;
use url::{Host, Url};

use self::guard::{Guard, Need};
pub use self::guard::{Refused, Verdict};
pub use self::patience::retry_after;
pub use self::tls::certificate_end;

/// How long a connection may take to stand, finding its address included; more than three lost packets cost.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a TLS handshake may take on a standing connection.
const HANDSHAKE: Duration = Duration::from_secs(10);

type BoxError = Box<dyn Error + Send + Sync>;

/// Opens connections to permitted places. Clones share connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    guard: Arc<Guard>,
    tls: Arc<rustls::ClientConfig>,
    /// For `https`; reaches every address that passes.
    secure: reqwest::Client,
    /// For `http`; reaches only what the operator allowed.
    plain: reqwest::Client,
    /// Where connections live. They are shared, and a worker of the web server ends before the jobs of a stopping
    /// process do: what it had opened must not break under them.
    home: Option<Handle>,
}

impl Outbound {
    /// Makes the way out. Besides public addresses only those in `allow` can be reached. Connections last as long as the
    /// runtime in which this is called, whoever opens them.
    pub fn new(allow: Vec<IpNet>) -> anyhow::Result<Self> {
        let guard = Arc::new(Guard::new(allow));
        let tls = tls::client_config().context("preparing TLS")?;
        let client = |need| client(&guard, need, tls.clone()).context("preparing the HTTP client");
        let (secure, plain) = (client(Need::Permitted)?, client(Need::Allowed)?);
        let home = Handle::try_current().ok();
        Ok(Self { shared: Arc::new(Shared { guard, tls: Arc::new(tls), secure, plain, home }) })
    }

    /// Tells whether an address may be connected to, and why.
    pub fn judge(&self, address: IpAddr) -> Result<Verdict, Refused> {
        self.shared.guard.judge(address)
    }

    /// Reads a URL and refuses what can be refused without resolving a name: other schemes than `https` and `http`,
    /// credentials, and addresses written out in whatever way. A fragment is dropped.
    pub fn parse_url(&self, text: &str) -> Result<Url, Refused> {
        self.shared.guard.parse_url(text)
    }

    /// Finds the addresses of a host. All of them must be permitted, else none is given.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
        timeout(CONNECT, self.shared.guard.resolve(host, port, Need::Permitted)).await?
    }

    /// Opens a TCP connection to a host.
    #[expect(clippy::disallowed_methods, reason = "this is the door that everything else goes through")]
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, OutboundError> {
        let deadline = Instant::now() + CONNECT;
        let addresses = self.resolve(host, port).await?;
        let mut failure = OutboundError::TimedOut;
        for (tried, address) in addresses.iter().enumerate() {
            // The time is shared out, so that one dead address does not use up that of the others.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return self.checked(stream),
                Ok(Err(error)) => failure = OutboundError::Unreachable(error.into()),
                Err(late) => failure = late.into(),
            }
        }
        Err(failure)
    }

    fn checked(&self, stream: TcpStream) -> Result<TcpStream, OutboundError> {
        let unreachable = |error: io::Error| OutboundError::Unreachable(error.into());
        self.judge(stream.peer_addr().map_err(unreachable)?.ip())?;
        stream.set_nodelay(true).map_err(unreachable)?;
        Ok(stream)
    }

    /// Proves over an open connection that the other side is `host`, and encrypts what follows.
    pub async fn tls(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, OutboundError> {
        let name = match guard::parse_host(host)? {
            Host::Domain(name) => ServerName::try_from(name).map_err(|_| Refused::Malformed)?,
            Host::Ipv4(address) => ServerName::from(IpAddr::from(address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::from(address)),
        };
        let connector = TlsConnector::from(self.shared.tls.clone());
        timeout(HANDSHAKE, connector.connect(name, stream)).await?.map_err(|error| classify(error.into()))
    }

    /// Sends a request and gives the head of the answer as soon as it is there, redirects and failures included.
    ///
    /// Neither sending nor receiving has a limit as a whole; each ends with an error after 60 s without progress.
    pub async fn send(
        &self,
        request: http::Request<reqwest::Body>,
    ) -> Result<http::Response<reqwest::Body>, OutboundError> {
        let (head, body) = request.into_parts();
        let url = self.parse_url(&head.uri.to_string())?;
        let client = if url.scheme() == "https" { &self.shared.secure } else { &self.shared.plain };
        let mut request = reqwest::Request::new(head.method, url);
        *request.headers_mut() = head.headers;
        let progress = pace::Progress::default();
        pace::set_body(&mut request, body, &progress);

        let home = self.shared.home.clone().unwrap_or_else(Handle::current);
        let answer = progress.watch(TokioContext::new(client.execute(request), home)).await?;
        let answer = answer.map_err(|error| classify(error.without_url().into()))?;
        Ok(http::Response::from(answer).map(pace::answer))
    }
}

fn client(guard: &Arc<Guard>, need: Need, tls: rustls::ClientConfig) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("Mediaport/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls)
        .https_only(need == Need::Permitted)
        .http1_only()
        .dns_resolver(guard.resolver(need))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT)
        .build()
}

/// Why something outside could not be reached or did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The address policy forbids it; nothing was sent.
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    /// No connection came about, or the name is unknown.
    #[error("unreachable")]
    Unreachable(#[source] BoxError),
    /// The other side could not prove who it is, or speaks no acceptable TLS.
    #[error("no trusted TLS connection")]
    Tls(#[source] BoxError),
    /// The other side took too long.
    #[error("timed out")]
    TimedOut,
    /// The exchange broke off.
    #[error("the exchange failed")]
    Other(#[source] BoxError),
}

impl OutboundError {
    /// Gives the one word that people who test an address are told; more would make the test a port scanner.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused_by_policy",
            Self::Unreachable(_) | Self::TimedOut => "unreachable",
            Self::Tls(_) | Self::Other(_) => "rejected",
        }
    }
}

impl From<tokio::time::error::Elapsed> for OutboundError {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::TimedOut
    }
}

/// Sorts an error of the libraries below by what is at its root.
fn classify(error: BoxError) -> OutboundError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    let mut timed_out = false;
    let mut never_connected = false;
    while let Some(current) = cause {
        if let Some(refused) = current.downcast_ref::<Refused>() {
            return OutboundError::Refused(refused.clone());
        }
        if current.is::<rustls::Error>() {
            return OutboundError::Tls(error);
        }
        if let Some(failed) = current.downcast_ref::<reqwest::Error>() {
            timed_out |= failed.is_timeout();
            never_connected |= failed.is_connect();
        }
        // An I/O error keeps what it wraps from its chain of sources.
        cause = match current.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => current.source(),
        };
    }
    match (timed_out, never_connected) {
        (true, _) => OutboundError::TimedOut,
        (_, true) => OutboundError::Unreachable(error),
        _ => OutboundError::Other(error),
    }
}
