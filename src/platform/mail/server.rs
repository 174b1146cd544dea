//! The server that takes mail, as an operator writes it: `smtp+starttls://user:password@mail.example.com:587`.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::platform::secret::Secret;

/// Which server takes mail.
#[derive(Debug, Clone)]
pub struct Server {
    /// How the connection is protected.
    pub security: Security,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// With what we sign in; never without TLS.
    pub account: Option<Account>,
}

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS is asked for in clear, and nothing else is said before it stands.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Not at all: only to places that the operator allowed.
    None,
}

/// With what we sign in.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret<String>,
}

/// What is wrong with what was written; never quotes it, since a password is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongServer(&'static str);

const FORM: WrongServer = WrongServer(
    "give smtp+starttls://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465, special characters of the two as \
     % and two digits",
);
const IN_CLEAR: WrongServer = WrongServer(
    "smtp:// sends in clear, so it takes no user and password; give smtp+starttls:// or smtps://",
);
const HALF: WrongServer = WrongServer("give user and password, or neither");

impl FromStr for Server {
    type Err = WrongServer;

    fn from_str(text: &str) -> Result<Self, WrongServer> {
        let url: Url = text.parse().map_err(|_| FORM)?;
        let (security, usual_port) = match url.scheme() {
            "smtp+starttls" => (Security::StartTls, 587),
            "smtps" => (Security::Tls, 465),
            "smtp" => (Security::None, 25),
            _ => return Err(FORM),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(FORM)?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !is_bare || url.port() == Some(0) || host.contains('%') {
            return Err(FORM);
        }
        Ok(Self {
            security,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port().unwrap_or(usual_port),
            account: account(&url, security)?,
        })
    }
}

fn account(url: &Url, security: Security) -> Result<Option<Account>, WrongServer> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| FORM);
    let (user, password) =
        (decoded(url.username())?, Secret::new(decoded(url.password().unwrap_or_default())?));
    match (user.is_empty(), password.expose().is_empty()) {
        (true, true) => Ok(None),
        (false, false) if security == Security::None => Err(IN_CLEAR),
        // what separates the two where they are sent
        (false, false) if user.contains('\0') || password.expose().contains('\0') => Err(FORM),
        (false, false) => Ok(Some(Account { user, password })),
        _ => Err(HALF),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_with_their_usual_ports() {
        for (text, security, host, port) in [
            ("smtp+starttls://u:p@mail.example.com", Security::StartTls, "mail.example.com", 587),
            ("smtps://u:p@mail.example.com/", Security::Tls, "mail.example.com", 465),
            ("smtp://10.0.0.5:2525", Security::None, "10.0.0.5", 2525),
            ("smtp+starttls://[::1]:25", Security::StartTls, "::1", 25),
        ] {
            let server: Server = text.parse().expect("right");
            assert_eq!(
                (server.security, server.host.as_str(), server.port),
                (security, host, port),
                "{text}"
            );
        }
        let server: Server = "smtps://hub%40example.com:a%3Ab%2Fc@mail.example.com".parse().expect("right");
        let account = server.account.expect("an account");
        assert_eq!((account.user.as_str(), account.password.expose().as_str()), ("hub@example.com", "a:b/c"));
    }

    #[test]
    fn what_is_wrong_is_said_without_quoting_it() {
        for (text, problem) in [
            ("", FORM),
            ("mail.example.com", FORM),
            ("https://u:hunter2@mail.example.com", FORM),
            ("smtps://u:hunter2@", FORM),
            ("smtps://u:hunter2@mail.example.com/path", FORM),
            ("smtps://u:hunter2@mail.example.com?tls=no", FORM),
            ("smtps://u:hunter2@mail.example.com:0", FORM),
            ("smtps://u:hunter2@mail.example.com:99999", FORM),
            ("smtps://u:%ffhunter2@mail.example.com", FORM),
            ("smtps://u:hunter2%00@mail.example.com", FORM),
            ("smtp://u:hunter2@mail.example.com", IN_CLEAR),
            ("smtp://u@mail.example.com", HALF),
            ("smtps://u@mail.example.com", HALF),
            ("smtps://:hunter2@mail.example.com", HALF),
        ] {
            let wrong = text.parse::<Server>().expect_err(text);
            assert_eq!(wrong, problem, "{text}");
            assert!(!wrong.to_string().contains("hunter2"));
        }
    }
}
