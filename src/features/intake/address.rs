//! The address from which a file is ordered.

use crate::platform::outbound::{Outbound, Refused};
use crate::platform::secret::Secret;

/// As long as an address may be, in characters; servers and proxies commonly stop at four times that.
const MOST: usize = 2048;

/// An address that may be asked, as far as that can be said without asking. It may carry a signature, so it is a secret.
#[derive(Debug, Clone)]
pub struct Address {
    /// The address without a fragment.
    pub url: Secret<String>,
    /// The host in it, which is none.
    pub host: String,
}

impl Address {
    /// Reads an address; the error is the sentence that stands beside the field.
    pub(super) fn parse(outbound: &Outbound, text: &str) -> Result<Self, String> {
        if text.chars().count() > MOST {
            return Err(format!("Use at most {MOST} characters"));
        }
        let url = outbound.parse_url(text).map_err(|refused| problem(&refused).to_owned())?;
        // What the parser lets pass and the client does not would fail each time.
        let is_sendable = url.as_str().parse::<http::Uri>().is_ok();
        let host = url.host_str().filter(|_| is_sendable).ok_or_else(|| MALFORMED.to_owned())?.to_owned();
        Ok(Self { url: Secret::new(url.into()), host })
    }
}

const MALFORMED: &str = "This is not an address. Write one such as https://files.example.com/roof.jpg";

fn problem(refused: &Refused) -> &'static str {
    match refused {
        Refused::Malformed => MALFORMED,
        Refused::Scheme => "Use an address that begins with https://",
        Refused::Credentials => "Leave name and password out of the address",
        Refused::Unencrypted(_) => {
            "Use https: without encryption only networks that the operator allowed are reached"
        }
        Refused::NotPublic(_) | Refused::Never(_) => {
            "This address is not on the public internet, and the operator has not allowed it"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_asked_is_an_address() {
        let outbound = Outbound::new(vec!["10.0.0.0/8".parse().expect("a network")]).expect("a way out");
        let parse = |text: &str| Address::parse(&outbound, text);

        let address =
            parse("https://Files.Example.com/a%20b/roof.jpg?X-Sig=a%2Fb+c%3D#part").expect("an address");
        assert_eq!(address.url.expose(), "https://files.example.com/a%20b/roof.jpg?X-Sig=a%2Fb+c%3D");
        assert_eq!(address.host, "files.example.com");
        assert!(!format!("{address:?}").contains("X-Sig"));
        assert!(parse("http://10.1.2.3/a").is_ok(), "the operator allowed that network");
        let long = format!("https://a.example/{}", "x".repeat(MOST - 18));
        assert!(parse(&long).is_ok() && parse(&format!("{long}x")).is_err());
        for refused in [
            "",
            "roof.jpg",
            "//a.example/x",
            "https://",
            "ftp://a.example/x",
            "file:///etc/passwd",
            "data:,x",
            "https://ada:secret@a.example/x",
            "http://1.1.1.1/x",
            "https://127.1/x",
            "https://2130706433/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://169.254.169.254/x",
            "https://a.example/\tx",
            "https:\\\\a.example/x",
            " https://a.example/x",
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
