//! What an admin enters for a container.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::super::typed;
use super::sas::Sas;
use crate::platform::clock::Timestamp;
use crate::platform::form::{Check, FieldErrors, FormFields};
use crate::platform::secret::Secret;
use crate::text_enum;

/// Where the blobs of an endpoint go and how they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub(super) account: String,
    pub(super) container: String,
    /// Nothing for Microsoft's own service.
    pub(super) endpoint_url: Option<String>,
    pub(super) prefix: String,
    /// Nothing leaves it to the account.
    pub(super) access_tier: Option<Tier>,
    /// When the stored signature ends, if it says so; nothing with an access key.
    pub(super) sas_expires_at: Option<Timestamp>,
    /// What the stored signature allows, in the service's letters; empty with an access key.
    pub(super) sas_permissions: String,
}

text_enum! {
    /// How soon blobs are wanted again, and what they cost meanwhile.
    Tier {
        /// Read often.
        Hot = "Hot",
        /// Read seldom, kept for a month at least.
        Cool = "Cool",
        /// Read hardly ever, kept for three months at least.
        Cold = "Cold",
        /// Has to be fetched back for hours before it is read.
        Archive = "Archive",
    }
}

/// What proves to the service who we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secrets {
    /// One of the account's two keys, in base64.
    AccessKey(Secret<String>),
    /// A shared access signature: the query that goes with each address.
    SasToken(Secret<String>),
}

impl Settings {
    /// Gives the name of a blob.
    pub(super) fn name(&self, path: &str) -> String {
        typed::below(&self.prefix, path)
    }

    /// Gives the address of a blob without any signature; nothing when the settings make none.
    pub(super) fn url(&self, name: &str) -> Option<Url> {
        let mut url: Url = match &self.endpoint_url {
            Some(url) => url.parse().ok()?,
            None => format!("https://{}.blob.core.windows.net", self.account).parse().ok()?,
        };
        url.path_segments_mut().ok()?.pop_if_empty().push(&self.container).extend(name.split('/'));
        Some(url)
    }

    /// Tells whether the service is Microsoft's own.
    pub(super) fn is_microsoft(&self) -> bool {
        self.endpoint_url.is_none()
    }

    /// Tells whether a secret stored for `other` may be used here.
    fn shares_secret(&self, other: &Self) -> bool {
        self.endpoint_url == other.endpoint_url && self.account == other.account
    }
}

/// Gives the bytes of an access key; nothing when it is none.
pub(super) fn key(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(BASE64.decode(text.trim()).ok()?);
    Some(bytes).filter(|bytes| bytes.len() == 64)
}

/// Checks what was typed; see [`super::Connector::parse`].
pub(super) fn parse(
    form: &FormFields,
    stored: Option<(&Settings, &Secrets)>,
) -> Result<(Settings, Secrets), FieldErrors> {
    let mut check = form.check();
    let mut settings = Settings {
        account: account(&mut check),
        container: container(&mut check),
        endpoint_url: typed::endpoint_url(&mut check, "https://account.blob.core.usgovcloudapi.net"),
        prefix: typed::prefix(&mut check),
        access_tier: check
            .parsed("access_tier", "Choose Hot, Cool, Cold or Archive, or leave it to the account"),
        sas_expires_at: None,
        sas_permissions: String::new(),
    };
    let secrets = secrets(form, &mut check, &settings, stored);
    if let Some(Secrets::SasToken(token)) = &secrets
        && let Ok(sas) = Sas::parse(token.expose())
    {
        settings.sas_expires_at = sas.expires_at;
        settings.sas_permissions = sas.permissions;
    }
    check.finish(())?;
    // without a problem there is one
    let secrets = secrets.ok_or_else(|| FieldErrors::one("access_key", NONE))?;
    Ok((settings, secrets))
}

const NONE: &str = "Enter an access key or a shared access signature";

fn account(check: &mut Check<'_>) -> String {
    let name = check.required("account", "the storage account's name", 24);
    let is_lower = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    if !name.is_empty() && (name.len() < 3 || !name.chars().all(is_lower)) {
        check.refuse("account", "Enter the account's name alone: 3 to 24 lower-case letters and digits");
    }
    name
}

fn container(check: &mut Check<'_>) -> String {
    let name = check.required("container", "the container's name", 63);
    let is_fine = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let is_shaped = name.len() >= 3 && !name.starts_with('-') && !name.ends_with('-') && !name.contains("--");
    if !name.is_empty() && name != "$root" && (!is_shaped || !name.chars().all(is_fine)) {
        check.refuse(
            "container",
            "Enter the container's name: 3 to 63 lower-case letters, digits and single hyphens between them",
        );
    }
    name
}

fn secrets(
    form: &FormFields,
    check: &mut Check<'_>,
    settings: &Settings,
    stored: Option<(&Settings, &Secrets)>,
) -> Option<Secrets> {
    let is_typed = |name| !form.value(name).trim().is_empty();
    match (is_typed("access_key"), is_typed("sas_token")) {
        (true, true) => {
            check.refuse("sas_token", "Enter either an access key or a shared access signature, not both");
            None
        }
        (true, false) => access_key(check),
        (false, true) => sas_token(check),
        (false, false) => kept(check, settings, stored),
    }
}

fn access_key(check: &mut Check<'_>) -> Option<Secrets> {
    let typed = check.secret("access_key", "the access key", None);
    if key(typed.expose()).is_none() {
        check.refuse(
            "access_key",
            "Enter one of the two keys that the portal shows under Access keys: 88 characters that end in ==. It is neither \
             a connection string nor a signature",
        );
        return None;
    }
    Some(Secrets::AccessKey(Secret::new(typed.expose().trim().to_owned())))
}

fn sas_token(check: &mut Check<'_>) -> Option<Secrets> {
    let typed = check.secret("sas_token", "the shared access signature", None);
    match Sas::parse(typed.expose()) {
        Ok(sas) => Some(Secrets::SasToken(Secret::new(sas.query))),
        Err(problem) => {
            check.refuse("sas_token", problem);
            None
        }
    }
}

/// Keeps the stored secret, or says why it has to be typed again.
fn kept(
    check: &mut Check<'_>,
    settings: &Settings,
    stored: Option<(&Settings, &Secrets)>,
) -> Option<Secrets> {
    let Some((known, secrets)) = stored else {
        check.refuse("access_key", NONE);
        return None;
    };
    if known.shares_secret(settings) {
        return Some(secrets.clone());
    }
    let (field, what) = match secrets {
        Secrets::AccessKey(_) => ("access_key", "the access key"),
        Secrets::SasToken(_) => ("sas_token", "the shared access signature"),
    };
    check
        .refuse(field, format!("Enter {what} again: the stored one belongs to the former account or server"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAS: &str =
        "?sv=2024-11-04&ss=b&srt=co&sp=rwdc&se=2027-03-01T12:00:00Z&spr=https&sig=aHVudGVyMmh1bnRlcjI%3D";

    fn a_key() -> String {
        BASE64.encode([7; 64])
    }

    fn form(changes: &[(&str, &str)]) -> FormFields {
        let key = a_key();
        let good = [("account", "clinicfiles"), ("container", "pictures"), ("access_key", &key)];
        let good = good.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        changes.iter().fold(FormFields::new(good), |form, (name, value)| form.set(name, *value))
    }

    fn problem(changes: &[(&str, &str)], field: &str) -> String {
        let errors = parse(&form(changes), None).expect_err("a problem");
        errors.first(field).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_blob_has_an_address_in_every_cloud() {
        let (mut settings, _) = parse(&form(&[("prefix", "/emea/")]), None).unwrap();
        let url = |settings: &Settings| settings.url(&settings.name("a b/ü%+.jpg")).unwrap().to_string();
        let path = "/pictures/emea/a%20b/%C3%BC%25+.jpg";
        assert_eq!(url(&settings), format!("https://clinicfiles.blob.core.windows.net{path}"));
        settings.endpoint_url = Some("http://127.0.0.1:10000/clinicfiles".to_owned());
        assert_eq!(url(&settings), format!("http://127.0.0.1:10000/clinicfiles{path}"));
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for name in ["", "ab", "Clinic", "clinic.blob.core.windows.net", "a-b-c"] {
            assert!(!problem(&[("account", name)], "account").is_empty(), "{name}");
        }
        for name in ["", "ab", "Pictures", "a--b", "-ab", "ab-", "a/b", "a_b"] {
            assert!(!problem(&[("container", name)], "container").is_empty(), "{name}");
        }
        assert!(problem(&[("access_tier", "Frozen")], "access_tier").starts_with("Choose"));
    }

    #[test]
    fn a_key_or_a_signature_and_never_both() {
        assert!(problem(&[("sas_token", SAS)], "sas_token").contains("not both"));
        assert!(problem(&[("access_key", "DefaultEndpointsProtocol=https;…")], "access_key").contains("88"));
        assert_eq!(problem(&[("access_key", "")], "access_key"), NONE);
        let (settings, secrets) = parse(&form(&[("access_key", ""), ("sas_token", SAS)]), None).unwrap();
        assert_eq!(settings.sas_permissions, "rwdc");
        assert_eq!(settings.sas_expires_at, "2027-03-01T12:00:00Z".parse().ok());
        assert!(!format!("{settings:?} {secrets:?}").contains("aHVudGVy"));
    }

    #[test]
    fn a_stored_secret_stays_with_its_account_and_server() {
        let (settings, secrets) = parse(&form(&[]), None).unwrap();
        let stored = Some((&settings, &secrets));
        let same = [("access_key", ""), ("container", "other"), ("prefix", "else")];
        assert_eq!(parse(&form(&same), stored).unwrap().1, secrets);
        for change in [("account", "another"), ("endpoint_url", "https://evil.example.com")] {
            let errors = parse(&form(&[change, ("access_key", "")]), stored).expect_err("void");
            assert!(errors.first("access_key").is_some_and(|text| text.contains("again")), "{change:?}");
        }
    }
}
