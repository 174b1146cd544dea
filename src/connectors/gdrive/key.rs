//! The key of a service account: what is taken from its file, and what it signs.

use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::Signer;
use serde::Deserialize;

use super::Secrets;
use crate::platform::secret::Secret;

/// What is wrong with a key. The texts never quote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyProblem {
    #[error("This is no JSON. Enter the whole file that Google handed out as the key, from {{ to }}")]
    NotJson,
    #[error(
        "This is not the key of a service account. Make one in the Google Cloud console: IAM, Service Accounts, Keys, JSON"
    )]
    OtherKind,
    #[error("The key names no account (client_email). Enter the whole file that Google handed out")]
    NoAccount,
    #[error(
        "The private key in this file cannot be read. Enter the file as Google handed it out, or make a new key"
    )]
    Unreadable,
}

/// As much of the file as is used. What it says about addresses is never read.
#[derive(Deserialize)]
struct File {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: Secret<String>,
    #[serde(default)]
    private_key_id: Secret<String>,
}

/// A service account and how it signs.
#[derive(Debug)]
pub(super) struct ServiceAccount {
    pub(super) email: String,
    pub(super) secrets: Secrets,
}

/// Reads the file of a key, which must be able to sign.
pub(super) fn read(text: &str) -> Result<ServiceAccount, KeyProblem> {
    let file: File = serde_json::from_str(text).map_err(|_| KeyProblem::NotJson)?;
    if file.kind != "service_account" {
        return Err(KeyProblem::OtherKind);
    }
    let email = file.client_email;
    if !is_email(&email) {
        return Err(KeyProblem::NoAccount);
    }
    signer(file.private_key.expose())?;
    let secrets = Secrets { private_key: file.private_key, private_key_id: file.private_key_id };
    Ok(ServiceAccount { email, secrets })
}

/// Makes what signs with RSA and SHA-256, as Google asks of service accounts.
pub(super) fn signer(pem: &str) -> Result<Box<dyn Signer>, KeyProblem> {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyProblem::Unreadable)?;
    let key = any_supported_type(&der).map_err(|_| KeyProblem::Unreadable)?;
    key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or(KeyProblem::Unreadable)
}

/// Tells whether a text can be an e-mail address of an account; whether it is one, Google knows.
pub(super) fn is_email(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"'".contains(c);
    let halves = text.split_once('@');
    text.chars().all(is_plain)
        && halves.is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A key that belongs to nobody, made for these tests with `openssl genpkey`.
    pub(in super::super) const PEM: &str = include_str!("../../../tests/fixtures/keys/rsa.pem");

    pub(in super::super) fn file(kind: &str, email: &str, pem: &str) -> String {
        serde_json::json!({
            "type": kind, "client_email": email, "private_key": pem, "private_key_id": "k1",
            "token_uri": "https://evil.example/token", "universe_domain": "evil.example",
        })
        .to_string()
    }

    #[test]
    fn only_keys_of_service_accounts_are_read() {
        let email = "hub@claims.iam.gserviceaccount.com";
        let account = read(&file("service_account", email, PEM)).expect("a key");
        assert_eq!((account.email.as_str(), account.secrets.private_key.expose().as_str()), (email, PEM));
        assert!(!format!("{account:?}").contains("PRIVATE KEY"));

        let elliptic = include_str!("../../../tests/fixtures/keys/p256.pem");
        for (text, problem) in [
            ("{", KeyProblem::NotJson),
            ("[]", KeyProblem::OtherKind),
            (PEM, KeyProblem::NotJson),
            ("{}", KeyProblem::OtherKind),
            (&file("authorized_user", email, PEM), KeyProblem::OtherKind),
            (&file("service_account", "", PEM), KeyProblem::NoAccount),
            (&file("service_account", "a@b\n.c", PEM), KeyProblem::NoAccount),
            (&file("service_account", email, ""), KeyProblem::Unreadable),
            (&file("service_account", email, &PEM[..300]), KeyProblem::Unreadable),
            (&file("service_account", email, elliptic), KeyProblem::Unreadable),
        ] {
            assert_eq!(read(text).err(), Some(problem), "{text}");
        }
    }
}
