//! Addresses of people, checked before anything is made of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Host;

/// What RFC 5321 allows, in bytes.
const MOST: usize = 254;
const MOST_LOCAL: usize = 64;

/// An address such as `claims@example.com`: letters without accents before the `@`, no quotes, no comments, a domain
/// behind it. What a header or a command could stumble over is no part of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

/// What was read is no address of that form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address such as claims@example.com")]
pub struct NoAddress;

impl MailAddress {
    /// Gives what stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// Gives the address as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the address as the library below takes it.
    pub(super) fn for_mail(&self) -> Result<lettre::Address, NoAddress> {
        self.0.parse().map_err(|_| NoAddress)
    }
}

impl FromStr for MailAddress {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let (local, domain) = text.rsplit_once('@').ok_or(NoAddress)?;
        let is_atom = |atom: &str| {
            !atom.is_empty()
                && atom
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte))
        };
        let Ok(Host::Domain(domain)) = Host::parse(domain) else { return Err(NoAddress) };
        let is_label = |label: &str| {
            let is_plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            !label.is_empty()
                && label.len() < 64
                && is_plain
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let address = Self(format!("{local}@{domain}"));
        let fits = local.len() <= MOST_LOCAL && address.0.len() <= MOST;
        if fits
            && local.split('.').all(is_atom)
            && domain.split('.').all(is_label)
            && address.for_mail().is_ok()
        {
            Ok(address)
        } else {
            Err(NoAddress)
        }
    }
}

impl TryFrom<String> for MailAddress {
    type Error = NoAddress;

    fn try_from(text: String) -> Result<Self, NoAddress> {
        text.parse()
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain() {
        for (text, read) in [
            ("claims@example.com", "claims@example.com"),
            ("a.b+c_d'e@Example.COM", "a.b+c_d'e@example.com"),
            ("a@mail", "a@mail"),
            ("a@bücher.example", "a@xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<MailAddress>().map(String::from).as_deref(), Ok(read), "{text}");
        }
        let (long, far) = (format!("{}@example.com", "a".repeat(65)), format!("a@{}.com", "b.".repeat(126)));
        for text in [
            "",
            "a",
            "@example.com",
            "a@",
            "a b@example.com",
            "a@b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "\"a b\"@example.com",
            "<a@example.com>",
            "Ada <a@example.com>",
            "a@example.com\r\nBcc: b@example.com",
            "a@example.com\0",
            "a,b@example.com",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@-example.com",
            "a@exa_mple.com",
            "a@example..com",
            "ä@example.com",
            &long,
            &far,
        ] {
            assert_eq!(text.parse::<MailAddress>(), Err(NoAddress), "{text}");
        }
    }
}
