//! What an admin enters for a bucket.

use serde::{Deserialize, Serialize};

use super::super::typed;
use super::Secrets;
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::secret::Secret;
use crate::text_enum;

/// Where the objects of an endpoint go and how they are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub(super) bucket: String,
    pub(super) region: String,
    pub(super) access_key_id: String,
    /// Nothing for Amazon's own service.
    pub(super) endpoint_url: Option<String>,
    pub(super) path_style: bool,
    pub(super) prefix: String,
    pub(super) storage_class: Option<String>,
    pub(super) server_side_encryption: Encryption,
    pub(super) kms_key_id: Option<String>,
    pub(super) checksum: Checksum,
}

text_enum! {
    /// Which encryption the store is asked for.
    Encryption {
        /// Whatever the bucket does by default.
        None = "none",
        /// The store's own keys.
        Aes256 = "AES256",
        /// A key of the key management service.
        Kms = "aws:kms",
    }
}

text_enum! {
    /// Which checksums are sent along for the store to compare.
    Checksum {
        /// MD5 and SHA-256.
        Auto = "auto",
        /// CRC32 alone.
        Crc32 = "crc32",
        /// SHA-256 alone.
        Sha256 = "sha256",
        /// MD5 alone, which every store knows.
        Md5 = "md5",
        /// None, for stores that refuse them.
        None = "none",
    }
}

impl Settings {
    /// Gives the key of an object.
    pub(super) fn key(&self, path: &str) -> String {
        typed::below(&self.prefix, path)
    }

    /// Tells whether the bucket is Amazon's own.
    pub(super) fn is_amazon(&self) -> bool {
        self.endpoint_url.is_none()
    }

    /// Tells whether a secret stored for `other` may be used here.
    fn shares_secret(&self, other: &Self) -> bool {
        self.endpoint_url == other.endpoint_url && self.access_key_id == other.access_key_id
    }
}

/// Checks what was typed; see [`super::Connector::parse`].
pub(super) fn parse(
    form: &FormFields,
    stored: Option<(&Settings, &Secrets)>,
) -> Result<(Settings, Secrets), FieldErrors> {
    let mut check = form.check();
    let settings = Settings {
        bucket: typed::word(&mut check, "bucket", "the bucket's name", "._-"),
        region: typed::word(&mut check, "region", "the region", "-"),
        access_key_id: typed::word(&mut check, "access_key_id", "the access key ID", "._-+/=:@"),
        endpoint_url: typed::endpoint_url(&mut check, "https://s3.example.com"),
        path_style: check.flag("path_style"),
        prefix: typed::prefix(&mut check),
        storage_class: Some(check.text("storage_class", 40)).filter(|class| !class.is_empty()),
        server_side_encryption: check
            .parsed("server_side_encryption", "Choose none, AES256 or aws:kms")
            .unwrap_or(Encryption::None),
        kms_key_id: Some(check.text("kms_key_id", 500)).filter(|key| !key.is_empty()),
        checksum: check
            .parsed("checksum", "Choose auto, crc32, sha256, md5 or none")
            .unwrap_or(Checksum::Auto),
    };
    if settings.kms_key_id.is_some() && settings.server_side_encryption != Encryption::Kms {
        check.refuse("kms_key_id", "Choose aws:kms as encryption, or leave the key empty");
    }
    let kept = stored.filter(|(known, _)| known.shares_secret(&settings)).map(|(_, secrets)| secrets);
    let what = if stored.is_some() && kept.is_none() {
        "the secret access key again: the stored one belongs to the former server or key ID"
    } else {
        "the secret access key"
    };
    let secret = check.secret("secret_access_key", what, kept.map(|secrets| &secrets.secret_access_key));
    let secret_access_key = Secret::new(secret.expose().trim().to_owned());
    if !secret.expose().is_empty() && secret_access_key.expose().is_empty() {
        check.refuse("secret_access_key", "Enter the secret access key");
    }
    check.finish((settings, Secrets { secret_access_key }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("bucket", "claims"),
        ("region", "eu-west-1"),
        ("access_key_id", "AKIDEXAMPLE"),
        ("secret_access_key", "hunter2hunter2"),
        ("endpoint_url", "https://s3.example.com/"),
        ("prefix", "/recordings/emea/"),
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
    fn what_is_typed_is_put_in_order() {
        let (settings, secrets) = parse(&form(&[]), None).unwrap();

        assert_eq!(settings.endpoint_url.as_deref(), Some("https://s3.example.com"));
        assert_eq!(settings.key("a/b.jpg"), "recordings/emea/a/b.jpg");
        assert_eq!(secrets.secret_access_key.expose(), "hunter2hunter2");
        assert!(!format!("{settings:?} {secrets:?}").contains("hunter2"));
    }

    #[test]
    fn blank_keys_are_refused() {
        assert!(!problem(&[("access_key_id", " ")], "access_key_id").is_empty());
        assert!(!problem(&[("secret_access_key", "")], "secret_access_key").is_empty());
        assert!(!problem(&[("secret_access_key", " \t")], "secret_access_key").is_empty());
    }

    #[test]
    fn addresses_with_more_than_a_server_are_refused() {
        for url in [
            "https://u:p@s3.example.com",
            "https://s3.example.com/?x=1",
            "https://s3.example.com/#x",
            "https://s3.example.com\\@x",
        ] {
            assert!(problem(&[("endpoint_url", url)], "endpoint_url").starts_with("Remove"), "{url}");
        }
        for url in ["ftp://s3.example.com", "s3.example.com", "file:///etc/passwd", "https://"] {
            assert!(problem(&[("endpoint_url", url)], "endpoint_url").starts_with("Enter"), "{url}");
        }
    }

    #[test]
    fn a_kept_secret_does_not_follow_to_another_server() {
        let (settings, secrets) = parse(&form(&[]), None).unwrap();
        let stored = Some((&settings, &secrets));
        let same = [("secret_access_key", ""), ("prefix", "else"), ("bucket", "other")];
        assert_eq!(parse(&form(&same), stored).unwrap().1.secret_access_key, secrets.secret_access_key);

        for change in
            [("endpoint_url", "https://evil.example.com"), ("endpoint_url", ""), ("access_key_id", "B")]
        {
            let errors = parse(&form(&[change, ("secret_access_key", "")]), stored).expect_err("void");
            assert!(
                errors.first("secret_access_key").is_some_and(|text| text.contains("again")),
                "{change:?}"
            );
        }
    }

    #[test]
    fn signs_that_could_change_the_host_are_refused() {
        for region in ["eu-west-1.evil.com", "a/b", "x y", "eu@west"] {
            assert!(!problem(&[("region", region)], "region").is_empty(), "{region}");
        }
        assert!(!problem(&[("bucket", "a/b")], "bucket").is_empty());
        assert!(!problem(&[("prefix", "a/../b")], "prefix").is_empty());
    }
}
