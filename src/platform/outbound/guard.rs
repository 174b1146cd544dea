//! Which addresses may be reached.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::OutboundError;

/// Networks that are not the public internet (IANA special-purpose registry, and multicast).
const NOT_PUBLIC_4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// The only part of IPv6 that is given out for the public internet.
const PUBLIC_6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Parts of it that are not: protocol assignments with Teredo, and the ranges for documentation.
const NOT_PUBLIC_6: &[(Ipv6Addr, u8)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Where machines in a cloud read their own credentials: link-local, and the addresses that some providers use instead.
const METADATA: &[IpAddr] = &[
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// Why an address may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It belongs to the public internet.
    Public,
    /// The operator allowed its network.
    Allowed,
}

/// Why something may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The address is neither public nor allowed by the operator.
    #[error("{0} is not a public address")]
    NotPublic(IpAddr),
    /// The address serves a machine's own credentials, or is link-local; no setting opens it.
    #[error("{0} is never to be reached")]
    Never(IpAddr),
    /// Without encryption only addresses that the operator allowed are reached.
    #[error("{0} may only be reached with https")]
    Unencrypted(IpAddr),
    /// The scheme is neither `https` nor `http`.
    #[error("the scheme is not https")]
    Scheme,
    /// The URL carries a user name or password.
    #[error("the address carries credentials")]
    Credentials,
    /// It cannot be read as an address.
    #[error("not an address")]
    Malformed,
}

/// What the verdict on an address must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Public or allowed.
    Permitted,
    /// Allowed by the operator.
    Allowed,
}

/// The address policy of the installation.
#[derive(Debug)]
pub(super) struct Guard {
    allow: Vec<IpNet>,
}

impl Guard {
    pub(super) fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    pub(super) fn judge(&self, address: IpAddr) -> Result<Verdict, Refused> {
        let inner = innermost(address);
        if is_metadata(address) || is_metadata(inner) {
            Err(Refused::Never(address))
        } else if self.allow.iter().any(|network| network.contains(&inner) || network.contains(&address)) {
            Ok(Verdict::Allowed)
        } else if is_public(inner) {
            Ok(Verdict::Public)
        } else {
            Err(Refused::NotPublic(address))
        }
    }

    fn admit(&self, address: IpAddr, need: Need) -> Result<(), Refused> {
        match (self.judge(address)?, need) {
            (Verdict::Public, Need::Allowed) => Err(Refused::Unencrypted(address)),
            _ => Ok(()),
        }
    }

    pub(super) fn parse_url(&self, text: &str) -> Result<Url, Refused> {
        // The parser would repair these; what has to be repaired was not typed by somebody who means well.
        if text
            .chars()
            .any(|character| character.is_control() || character.is_whitespace() || character == '\\')
        {
            return Err(Refused::Malformed);
        }
        let mut url = Url::parse(text).map_err(|_| Refused::Malformed)?;
        let need = match url.scheme() {
            "https" => Need::Permitted,
            "http" => Need::Allowed,
            _ => return Err(Refused::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        match url.host().ok_or(Refused::Malformed)? {
            Host::Ipv4(address) => self.admit(address.into(), need)?,
            Host::Ipv6(address) => self.admit(address.into(), need)?,
            Host::Domain(_) => {}
        }
        url.set_fragment(None);
        Ok(url)
    }

    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
        need: Need,
    ) -> Result<Vec<SocketAddr>, OutboundError> {
        let addresses = match parse_host(host)? {
            Host::Ipv4(address) => vec![SocketAddr::from((address, port))],
            Host::Ipv6(address) => vec![SocketAddr::from((address, port))],
            Host::Domain(name) => {
                let unreachable = |error: io::Error| OutboundError::Unreachable(error.into());
                tokio::net::lookup_host((name, port)).await.map_err(unreachable)?.collect()
            }
        };
        if addresses.is_empty() {
            return Err(OutboundError::Unreachable("the name has no address".into()));
        }
        self.admit_all(&addresses, need)?;
        Ok(addresses)
    }

    /// One forbidden address among several refuses all: a name that points inside and outside is not to be trusted.
    pub(super) fn admit_all(&self, addresses: &[SocketAddr], need: Need) -> Result<(), Refused> {
        addresses.iter().try_for_each(|address| self.admit(address.ip(), need))
    }

    /// Gives the resolver for an HTTP client that may reach only what meets `need`.
    pub(super) fn resolver(self: &Arc<Self>, need: Need) -> Arc<GuardedResolver> {
        Arc::new(GuardedResolver { guard: self.clone(), need })
    }
}

/// Resolves names for an HTTP client. It is not asked for addresses written out; those are judged before.
pub(super) struct GuardedResolver {
    guard: Arc<Guard>,
    need: Need,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, need) = (self.guard.clone(), self.need);
        Box::pin(async move {
            let addresses = match guard.resolve(name.as_str(), 0, need).await {
                // The HTTP client shows its caller only plain causes.
                Err(OutboundError::Refused(refused)) => return Err(refused.into()),
                other => other?,
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Reads a host as browsers do: `127.1`, `0x7f000001` and `①②⑦.0.0.1` are the address they stand for.
pub(super) fn parse_host(host: &str) -> Result<Host<String>, Refused> {
    match host.parse::<Ipv6Addr>() {
        Ok(address) => Ok(Host::Ipv6(address)),
        Err(_) => Host::parse(host).map_err(|_| Refused::Malformed),
    }
}

/// Gives the IPv4 address that an IPv6 address only wraps, else the address itself.
fn innermost(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    let wrapped = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match six.segments() {
        // In this order: mapped, translated, NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => wrapped(high, low),
        _ => address,
    }
}

fn is_metadata(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => six.is_unicast_link_local(),
    };
    link_local || METADATA.contains(&address)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => !NOT_PUBLIC_4.iter().any(|network| contains_4(*network, four)),
        IpAddr::V6(six) => {
            contains_6(PUBLIC_6, six) && !NOT_PUBLIC_6.iter().any(|network| contains_6(*network, six))
        }
    }
}

fn contains_4((network, prefix): ([u8; 4], u8), address: Ipv4Addr) -> bool {
    Ipv4Net::new_assert(network.into(), prefix).contains(&address)
}

fn contains_6((network, prefix): (Ipv6Addr, u8), address: Ipv6Addr) -> bool {
    Ipv6Net::new_assert(network, prefix).contains(&address)
}
