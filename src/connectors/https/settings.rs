//! What an admin enters for a receiver.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::{Secrets, headers};
use crate::platform::form::{Check, FieldErrors, FormFields};
use crate::platform::secret::Secret;
use crate::text_enum;

/// As long as an address may be, in characters; servers and proxies commonly stop at four times that.
const MOST_ADDRESS: usize = 2_000;
/// What stands before a signing secret, as Standard Webhooks write it.
const PREFIX: &str = "whsec_";
/// How many bytes Standard Webhooks allow for a key.
const KEY: std::ops::RangeInclusive<usize> = 24..=64;
const WRONG_KEY: &str = "Enter whsec_ followed by 24 to 64 random bytes in base64. \
    `echo whsec_$(openssl rand -base64 32)` makes one";

/// Where files are posted and in which form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Without its query, which is a secret as often as not.
    pub(super) url: String,
    pub(super) encoding: Encoding,
    pub(super) field_name: String,
    /// What is sealed, as far as people may see it.
    pub(super) has_query: bool,
    pub(super) header_names: Vec<String>,
    pub(super) is_signed: bool,
}

text_enum! {
    /// How a file travels.
    Encoding {
        /// As a form with a file in it, as browsers send it.
        Multipart = "multipart",
        /// As the whole body.
        Raw = "raw",
    }
}

/// Checks what was typed; see [`super::Connector::parse`].
pub(super) fn parse(
    form: &FormFields,
    stored: Option<(&Settings, &Secrets)>,
) -> Result<(Settings, Secrets), FieldErrors> {
    let mut check = form.check();
    let url = url(&mut check);
    let encoding = check.parsed("encoding", "Choose multipart or raw").unwrap_or(Encoding::Multipart);
    let field_name = field_name(&mut check);
    let former = Former::of(stored, url.as_ref());
    let headers = former.secret(&mut check, "headers", "the headers", |secrets| &secrets.headers);
    let header_names = match headers::read(headers.expose()) {
        Ok(read) => read.keys().map(ToString::to_string).collect(),
        Err(problem) => {
            check.refuse("headers", problem);
            Vec::new()
        }
    };
    let signing_secret =
        former.secret(&mut check, "signing_secret", "the signing secret", |secrets| &secrets.signing_secret);
    let is_signed = !signing_secret.expose().is_empty();
    if is_signed && key(signing_secret.expose()).is_none() {
        check.refuse("signing_secret", WRONG_KEY);
    }
    let query = former.query(&mut check, url.as_ref());
    let settings = Settings {
        url: url.as_ref().map(bare).unwrap_or_default(),
        encoding,
        field_name,
        has_query: !query.expose().is_empty(),
        header_names,
        is_signed,
    };
    check.finish((settings, Secrets { query, headers, signing_secret }))
}

/// Gives the bytes of a signing secret; nothing when it is none.
pub(super) fn key(secret: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(BASE64.decode(secret.strip_prefix(PREFIX)?).ok()?);
    Some(bytes).filter(|bytes| KEY.contains(&bytes.len()))
}

/// Gives an address without its query.
fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

/// What is stored, and what of it fits the address that was typed now.
struct Former<'a> {
    secrets: Option<&'a Secrets>,
    is_same_server: bool,
    is_same_address: bool,
}

impl<'a> Former<'a> {
    /// An address that is wrong fits everything: its own problem is the one to tell.
    fn of(stored: Option<(&Settings, &'a Secrets)>, url: Option<&Url>) -> Self {
        let known = stored.and_then(|(settings, _)| Url::parse(&settings.url).ok());
        let same = |same: fn(&Url, &Url) -> bool| match (&known, url) {
            (Some(known), Some(url)) => same(known, url),
            _ => true,
        };
        Self {
            secrets: stored.map(|(_, secrets)| secrets),
            is_same_server: same(|known, url| known.origin() == url.origin()),
            is_same_address: same(|known, url| bare(known) == bare(url)),
        }
    }

    /// Gives what was typed, or else what is stored, unless that is to be removed. What was meant for another server
    /// must be typed again or removed.
    fn secret(
        &self,
        check: &mut Check<'_>,
        name: &str,
        what: &str,
        of: fn(&Secrets) -> &Secret<String>,
    ) -> Secret<String> {
        let none = Secret::default();
        let typed = Secret::new(check.secret(name, what, Some(&none)).expose().trim().to_owned());
        let removed = format!("remove_{name}");
        let is_removed = check.flag(&removed);
        let stored = self.secrets.map(of).filter(|stored| !stored.expose().is_empty());
        match (typed.expose().is_empty(), is_removed, stored) {
            (false, false, _) => typed,
            (false, true, _) => {
                check.refuse(&removed, format!("Either enter {what} or remove what is stored"));
                none
            }
            (true, true, _) | (true, false, None) => none,
            (true, false, Some(stored)) if self.is_same_server => stored.clone(),
            (true, false, Some(_)) => {
                let sentence = format!(
                    "Enter {what} again or choose to remove what is stored: it belongs to the former server"
                );
                check.refuse(name, sentence);
                none
            }
        }
    }

    /// Gives the query of the typed address, or the stored one of the same address, unless that is to be removed.
    fn query(&self, check: &mut Check<'_>, url: Option<&Url>) -> Secret<String> {
        let typed = url.and_then(Url::query).filter(|query| !query.is_empty());
        let is_removed = check.flag("remove_query");
        match (typed, self.secrets) {
            (Some(typed), _) => Secret::from(typed),
            (None, Some(secrets)) if self.is_same_address && !is_removed => secrets.query.clone(),
            (None, _) => Secret::default(),
        }
    }
}

fn url(check: &mut Check<'_>) -> Option<Url> {
    let name = "url";
    let text = check.required(name, "the address that takes the files", MOST_ADDRESS);
    // the parser repairs these; whoever means well does not type them
    if text.contains(['\\', ' ']) {
        check.refuse(name, "Remove spaces and backslashes from the address");
    }
    let url: Url = check.parsed(name, WRONG_ADDRESS)?;
    // what the parser lets pass and the client does not would fail each time
    let is_sendable = url.as_str().parse::<http::Uri>().is_ok();
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) || !is_sendable {
        check.refuse(name, WRONG_ADDRESS);
    }
    if !url.username().is_empty() || url.password().is_some() {
        check.refuse(name, "Remove user name and password from the address; write an Authorization header");
    }
    if url.fragment().is_some() {
        check.refuse(name, "Remove # and what follows from the address");
    }
    Some(url)
}

const WRONG_ADDRESS: &str = "Enter an address such as https://hub.example.com/pictures";

fn field_name(check: &mut Check<'_>) -> String {
    let text = check.text("field_name", 100);
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || "._-[]".contains(c)) {
        check.refuse("field_name", "Use letters without accents, digits and . _ - [ ]");
    }
    if super::multipart::PARTS.contains(&text.as_str()) {
        check.refuse("field_name", "Choose another name: a part of this name says something about the file");
    }
    if text.is_empty() { "file".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const GOOD: &[(&str, &str)] = &[
        ("url", "https://hub.example.com/in?token=hunter2"),
        ("headers", "Authorization: Bearer hunter2hunter2\r\nX-Tenant: north\r\n"),
        ("signing_secret", SECRET),
    ];

    fn form(changes: &[(&str, &str)]) -> FormFields {
        let good = GOOD.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        changes.iter().fold(FormFields::new(good), |form, (name, value)| form.set(name, *value))
    }

    fn problem(changes: &[(&str, &str)], field: &str) -> String {
        let errors = parse(&form(changes), None).expect_err("a problem");
        errors.first(field).unwrap_or_default().to_owned()
    }

    #[test]
    fn what_may_be_shown_names_no_value() {
        let (settings, secrets) = parse(&form(&[]), None).unwrap();

        assert_eq!(settings.url, "https://hub.example.com/in");
        assert_eq!((settings.encoding, settings.field_name.as_str()), (Encoding::Multipart, "file"));
        assert_eq!(settings.header_names, ["authorization", "x-tenant"]);
        assert!(settings.has_query && settings.is_signed);
        assert_eq!(secrets.query.expose(), "token=hunter2");
        let shown = format!("{settings:?} {secrets:?} {}", serde_json::to_string(&settings).unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains(SECRET), "{shown}");
    }

    #[test]
    fn addresses_are_those_of_a_web_server_and_carry_no_name() {
        for url in ["", "ftp://hub.example.com", "hub.example.com", "https://", "file:///etc/passwd"] {
            assert!(problem(&[("url", url)], "url").starts_with("Enter"), "{url}");
        }
        for url in [
            "https://u:p@hub.example.com",
            "https://u@hub.example.com",
            "https://hub.example.com/#x",
            "https://hub.example.com\\@x",
            "https://hub.example.com/a b",
        ] {
            assert!(problem(&[("url", url)], "url").starts_with("Remove"), "{url}");
        }
    }

    #[test]
    fn signing_secrets_have_24_to_64_bytes() {
        let of = |bytes: usize| format!("whsec_{}", BASE64.encode(vec![7; bytes]));
        for good in [24, 32, 64] {
            assert!(parse(&form(&[("signing_secret", &of(good))]), None).is_ok(), "{good}");
        }
        let plain = SECRET.trim_start_matches("whsec_");
        for bad in [&of(23), &of(65), "whsec_", "whsec_!", plain, &SECRET[..36]] {
            let said = problem(&[("signing_secret", bad)], "signing_secret");
            assert!(said.contains("24 to 64"), "{bad}: {said}");
            assert!(bad == "whsec_" || !said.contains(bad), "{said}");
        }
    }

    #[test]
    fn what_is_stored_is_kept_for_the_same_server_only() {
        let (settings, secrets) = parse(&form(&[]), None).unwrap();
        let stored = Some((&settings, &secrets));
        let same = [("url", "https://hub.example.com:443/in"), ("headers", ""), ("signing_secret", "")];
        let (again, kept) = parse(&form(&same), stored).unwrap();
        assert_eq!((again, kept), (settings.clone(), secrets.clone()));

        let elsewhere = |url| form(&[("url", url), ("headers", ""), ("signing_secret", "")]);
        let (moved, kept) = parse(&elsewhere("https://hub.example.com/else"), stored).unwrap();
        assert!(
            !moved.has_query && kept.headers == secrets.headers,
            "the query belongs to the whole address"
        );
        for url in
            ["https://evil.example.com/in", "https://hub.example.com:8443/in", "http://hub.example.com/in"]
        {
            let errors = parse(&elsewhere(url), stored).expect_err("void");
            for field in ["headers", "signing_secret"] {
                assert!(errors.first(field).is_some_and(|text| text.contains("again")), "{url} {field}");
            }
            let leaving = elsewhere(url).set("remove_headers", "on").set("remove_signing_secret", "on");
            let (moved, left) = parse(&leaving, stored).unwrap();
            assert_eq!(left, Secrets::default());
            assert!(moved.header_names.is_empty() && !moved.is_signed && !moved.has_query);
        }
    }

    #[test]
    fn what_is_stored_can_be_removed() {
        let (settings, secrets) = parse(&form(&[]), None).unwrap();
        let stored = Some((&settings, &secrets));
        let bare = form(&[("url", &settings.url), ("headers", ""), ("signing_secret", "")]);

        let removed = parse(&bare.clone().set("remove_headers", "on"), stored).unwrap().1;
        assert_eq!(
            (removed.headers.expose().as_str(), &removed.signing_secret),
            ("", &secrets.signing_secret)
        );
        let removed = parse(&bare.set("remove_query", "on"), stored).unwrap().1;
        assert_eq!((removed.query.expose().as_str(), &removed.headers), ("", &secrets.headers));
        let both = parse(&form(&[("remove_headers", "on")]), stored).expect_err("typed and removed");
        assert!(both.first("remove_headers").is_some());
    }

    #[test]
    fn the_field_of_the_file_has_a_name_of_its_own() {
        for name in ["photo", "files[]", "a.b-c_d"] {
            assert_eq!(parse(&form(&[("field_name", name)]), None).unwrap().0.field_name, name);
        }
        for name in ["a b", "a\"b", "ü", "sha256", "path"] {
            assert!(!problem(&[("field_name", name)], "field_name").is_empty(), "{name}");
        }
    }
}
