//! What an admin enters for an SFTP server.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::super::item::is_relative;
use super::host_key::Fingerprint;
use super::key;
use crate::platform::form::{Check, FieldErrors, FormFields};
use crate::platform::secret::Secret;

const PORT: NonZeroU16 = NonZeroU16::new(22).expect("not zero");

/// Where the files of an endpoint go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub(super) host: String,
    pub(super) port: NonZeroU16,
    pub(super) username: String,
    pub(super) host_key_fingerprint: Fingerprint,
    /// Absolute, or relative to where the account begins; empty is that place itself.
    pub(super) directory: String,
}

/// What proves to the server who we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secrets {
    /// A password.
    Password(Secret<String>),
    /// A private key as it was typed, and what opens it.
    PrivateKey {
        /// The key's text.
        text: Secret<String>,
        /// Nothing for a key that is not encrypted.
        passphrase: Option<Secret<String>>,
    },
}

impl Settings {
    /// Gives the path of an item on the server.
    pub(super) fn path(&self, item: &str) -> String {
        match self.directory.as_str() {
            "" => item.to_owned(),
            "/" => format!("/{item}"),
            directory => format!("{directory}/{item}"),
        }
    }

    /// Says in one line where files go.
    pub(super) fn address(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = if self.port == PORT { String::new() } else { format!(":{}", self.port) };
        format!("sftp://{}@{host}{port}/{}", self.username, self.directory.trim_start_matches('/'))
            .trim_end_matches('/')
            .to_owned()
    }

    /// Tells whether a secret stored for `other` may be used here: only by the same account of the same server, which
    /// its host key proves.
    fn shares_secret(&self, other: &Self) -> bool {
        self.host == other.host
            && self.port == other.port
            && self.username == other.username
            && self.host_key_fingerprint == other.host_key_fingerprint
    }
}

/// Checks what was typed; see [`super::Connector::parse`].
pub(super) fn parse(
    form: &FormFields,
    stored: Option<(&Settings, &Secrets)>,
) -> Result<(Settings, Secrets), FieldErrors> {
    let mut check = form.check();
    let (host, port) = server(&mut check);
    let username = check.required("username", "the account's user name", 255);
    let fingerprint = fingerprint(form, &mut check);
    let directory = directory(&mut check);
    let settings = fingerprint.map(|host_key_fingerprint| Settings {
        host,
        port,
        username,
        host_key_fingerprint,
        directory,
    });
    let secrets = secrets(form, &mut check, settings.as_ref(), stored);
    check.finish(())?;
    // without a problem both are there
    settings.zip(secrets).ok_or_else(|| FieldErrors::one("password", "Enter a password or a private key"))
}

/// Asks for host and port.
pub(super) fn server(check: &mut Check<'_>) -> (String, NonZeroU16) {
    let typed = check.required("host", "the server's name or address", 255);
    let host = typed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&typed).to_owned();
    if host.contains("://") || host.contains(['/', '\\', '@', ' ']) {
        check.refuse("host", "Enter the name or address alone, without sftp://, user name and path");
    } else if host.matches(':').count() == 1 {
        check.refuse("host", "Enter the port in its own field");
    }
    let port = check.parsed("port", "Enter a port from 1 to 65535").unwrap_or(PORT);
    (host, port)
}

fn fingerprint(form: &FormFields, check: &mut Check<'_>) -> Option<Fingerprint> {
    let name = "host_key_fingerprint";
    let typed = check.required(name, "the fingerprint of the server's host key, or fetch it", 500);
    if typed.is_empty() {
        return None;
    }
    let Some(fingerprint) = Fingerprint::parse(&typed) else {
        check.refuse(name, "Enter the SHA-256 fingerprint: SHA256: and 43 letters, digits, + or /");
        return None;
    };
    let is_fetched = Fingerprint::parse(form.value("host_key_fetched")).as_ref() == Some(&fingerprint);
    if is_fetched && !form.flag("host_key_confirmed") {
        check.refuse(
            "host_key_confirmed",
            "Compare the fingerprint with what the server's operator told you, then tick the box",
        );
    }
    Some(fingerprint)
}

fn directory(check: &mut Check<'_>) -> String {
    let name = "directory";
    let typed = check.text(name, 500);
    if typed.starts_with('~') {
        check.refuse(name, "Leave ~ out: a path without a leading / begins where the account begins");
    }
    let is_absolute = typed.starts_with('/');
    let parts = typed.trim_matches('/');
    if !parts.is_empty() && !is_relative(parts) {
        check.refuse(name, "Remove empty parts, . and .. and backslashes from the path");
    }
    if is_absolute { format!("/{parts}") } else { parts.to_owned() }
}

fn secrets(
    form: &FormFields,
    check: &mut Check<'_>,
    settings: Option<&Settings>,
    stored: Option<(&Settings, &Secrets)>,
) -> Option<Secrets> {
    let is_typed = |name| !form.value(name).is_empty();
    match (is_typed("password"), is_typed("private_key")) {
        (true, true) => {
            check.refuse(
                "private_key",
                "Enter either a password or a private key, and leave the other one empty",
            );
            None
        }
        (true, false) => Some(Secrets::Password(check.secret("password", "the password", None))),
        (false, true) => private_key(form, check),
        (false, false) => kept(check, settings, stored),
    }
}

fn private_key(form: &FormFields, check: &mut Check<'_>) -> Option<Secrets> {
    let text = check.secret("private_key", "the private key", None);
    let typed = !form.value("private_key_passphrase").is_empty();
    let passphrase = typed.then(|| check.secret("private_key_passphrase", "the passphrase", None));
    match key::read(text.expose(), passphrase.as_ref().map(|phrase| phrase.expose().as_str())) {
        Ok(_) => Some(Secrets::PrivateKey { text, passphrase }),
        Err(problem) => {
            check.refuse(problem.field(), problem.to_string());
            None
        }
    }
}

/// Keeps the stored secret, or says why it has to be typed again.
fn kept(
    check: &mut Check<'_>,
    settings: Option<&Settings>,
    stored: Option<(&Settings, &Secrets)>,
) -> Option<Secrets> {
    let Some((known, secrets)) = stored else {
        check.refuse("password", "Enter a password or a private key");
        return None;
    };
    // what is wrong with the settings is said beside them; which secret fits is known only when they are right
    let settings = settings?;
    if known.shares_secret(settings) {
        return Some(secrets.clone());
    }
    let (field, what) = match secrets {
        Secrets::Password(_) => ("password", "password"),
        Secrets::PrivateKey { .. } => ("private_key", "private key"),
    };
    let why = "the stored one belongs to the former host, port, user name or host key";
    check.refuse(field, format!("Enter the {what} again: {why}"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const GOOD: &[(&str, &str)] = &[
        ("host", "sftp.example.com"),
        ("username", "mediaport"),
        ("password", "hunter2hunter2"),
        ("host_key_fingerprint", PIN),
        ("directory", "in/claims/"),
    ];

    fn form(changes: &[(&str, &str)]) -> FormFields {
        let good = GOOD.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        changes.iter().fold(FormFields::new(good), |form, (name, value)| form.set(name, *value))
    }

    fn problem(changes: &[(&str, &str)], field: &str) -> String {
        let errors = parse(&form(changes), None).expect_err("a problem");
        assert!(errors.iter().all(|(_, message)| !message.contains("hunter2")), "{errors:?}");
        errors.first(field).unwrap_or_default().to_owned()
    }

    #[test]
    fn what_is_typed_is_put_in_order() {
        let (settings, secrets) = parse(&form(&[]), None).unwrap();

        assert_eq!(settings.path("a/b.jpg"), "in/claims/a/b.jpg");
        assert_eq!(settings.address(), "sftp://mediaport@sftp.example.com/in/claims");
        assert!(!format!("{settings:?} {secrets:?}").contains("hunter2"));
        for (directory, path, place) in
            [("", "a.jpg", ""), ("/", "/a.jpg", ""), ("/srv/in", "/srv/in/a.jpg", "/srv/in")]
        {
            let changes = [("directory", directory), ("port", "2222"), ("host", "[2001:db8::1]")];
            let (settings, _) = parse(&form(&changes), None).unwrap();
            assert_eq!(settings.path("a.jpg"), path);
            assert_eq!(settings.address(), format!("sftp://mediaport@[2001:db8::1]:2222{place}"));
        }
    }

    #[test]
    fn hosts_with_more_than_a_host_are_refused() {
        for host in ["sftp://example.com", "u@example.com", "example.com/in", "example.com\\@x", "a b", ""] {
            assert!(problem(&[("host", host)], "host").starts_with("Enter the"), "{host}");
        }
        assert!(problem(&[("host", "example.com:2222")], "host").contains("own field"));
        for port in ["0", "65536", "ssh", "-1"] {
            assert!(!problem(&[("port", port)], "port").is_empty(), "{port}");
        }
    }

    #[test]
    fn directories_lead_nowhere_else() {
        for directory in ["../x", "a/../b", "/a//b", "a\\b", "./a", "~/in", "~", "/.."] {
            assert!(!problem(&[("directory", directory)], "directory").is_empty(), "{directory}");
        }
    }

    #[test]
    fn exactly_one_secret_is_entered() {
        assert!(problem(&[("password", "")], "password").contains("or a private key"));
        assert!(problem(&[("private_key", "hunter2-key")], "private_key").contains("either"));
    }

    #[test]
    fn a_fetched_fingerprint_has_to_be_confirmed() {
        let fetched = [("host_key_fetched", PIN)];
        assert!(problem(&fetched, "host_key_confirmed").starts_with("Compare"));
        assert!(parse(&form(&[fetched[0], ("host_key_confirmed", "on")]), None).is_ok());
        let typed = [("host_key_fetched", "SHA256:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")];
        assert!(parse(&form(&typed), None).is_ok(), "typed over what was fetched");
    }

    #[test]
    fn a_kept_secret_does_not_follow_to_another_server() {
        let (settings, secrets) = parse(&form(&[]), None).unwrap();
        let stored = Some((&settings, &secrets));
        let same = [("password", ""), ("directory", "/else")];
        assert_eq!(parse(&form(&same), stored).unwrap().1, secrets);

        for change in [
            ("host", "evil.example.com"),
            ("port", "2222"),
            ("username", "root"),
            ("host_key_fingerprint", "SHA256:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ] {
            let errors = parse(&form(&[change, ("password", "")]), stored).expect_err("void");
            assert!(errors.first("password").is_some_and(|text| text.contains("again")), "{change:?}");
        }
    }
}
