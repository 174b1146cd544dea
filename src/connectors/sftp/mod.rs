//! Files on an SFTP server.
//!
//! The server's host key is pinned: whoever shows another one gets no attempt to sign in, not even a user name. The
//! algorithms are those that are still safe (no SHA-1, no CBC), and a file appears under its final name whole or not at
//! all. Connections are kept for a moment, so that a row of small files signs in once.

mod doctor;
mod fault;
mod files;
mod host_key;
mod key;
mod link;
mod pool;
mod put;
mod session;
mod settings;
mod sign_in;
mod sweep;
mod upload;
mod verify;

use askama::Template;
use futures_util::FutureExt;

use super::field::Values;
use super::{Connector, DeliveryError, Field, Ground, Item, Receipt, Report, Takes, VerifiedBy};
use crate::platform::form::{FieldErrors, FormFields};
pub use settings::{Secrets, Settings};

/// The destination type "SFTP".
pub struct Sftp;

#[derive(Template)]
#[template(path = "endpoints/types/sftp.html")]
struct Fields<'a> {
    form: &'a FormFields,
    stored: bool,
}

impl Fields<'_> {
    /// Tells whether the fingerprint in the form was fetched from the server and not typed by a person.
    fn is_fetched(&self) -> bool {
        let fetched = self.form.value("host_key_fetched");
        !fetched.is_empty() && fetched == self.form.value("host_key_fingerprint")
    }
}

impl Connector for Sftp {
    const KEY: &'static str = "sftp";
    const LABEL: &'static str = "SFTP";
    const TAKES: Takes = Takes::Everything;
    const FIELDS: &'static [Field] = &[
        Field::required("host", "The server's name or address"),
        Field { values: Values::Port, ..Field::optional("port", "22 when it is left out") },
        Field::required("username", "The account"),
        Field { is_required: false, ..Field::secret("password", "The account's password; or a private key") },
        Field {
            is_required: false,
            ..Field::secret(
                "private_key",
                "Instead of a password: ed25519, ECDSA or RSA, in OpenSSH or PEM format",
            )
        },
        Field {
            is_required: false,
            ..Field::secret("private_key_passphrase", "What opens the private key, if anything")
        },
        Field::required(
            "host_key_fingerprint",
            "The server's host key as `ssh-keygen -l` shows it: `SHA256:` and 43 characters",
        ),
        Field::optional(
            "directory",
            "Where files go: absolute, or relative to where the account begins; without `..`",
        ),
    ];
    type Settings = Settings;
    type Secrets = Secrets;

    fn fields(form: &FormFields, stored: bool) -> impl Template {
        Fields { form, stored }
    }

    fn parse(
        form: &FormFields,
        stored: Option<(&Settings, &Secrets)>,
    ) -> Result<(Settings, Secrets), FieldErrors> {
        settings::parse(form, stored)
    }

    async fn assist(form: FormFields, ground: &Ground) -> FormFields {
        doctor::fetch_host_key(form, ground).await
    }

    fn address(settings: &Settings) -> String {
        settings.address()
    }

    async fn check(settings: &Settings, secrets: &Secrets, ground: &Ground, report: &mut Report) {
        doctor::run(settings, secrets, ground, report).await;
    }

    async fn put(
        settings: &Settings,
        secrets: &Secrets,
        ground: &Ground,
        item: &Item,
    ) -> Result<Receipt, DeliveryError> {
        let account = pool::Account { settings, secrets, ground };
        account.with_session(async |session| put::run(session, settings, item).boxed().await).await
    }

    async fn verify(
        settings: &Settings,
        secrets: &Secrets,
        ground: &Ground,
        item: &Item,
        receipt: &Receipt,
    ) -> Result<VerifiedBy, DeliveryError> {
        let account = pool::Account { settings, secrets, ground };
        account.with_session(async |session| verify::run(session, item, receipt).boxed().await).await
    }
}
