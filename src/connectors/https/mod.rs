//! Pictures posted to a server that takes them: one request per file.
//!
//! Nothing is asked of the receiver but a 2xx when it has the file safe. A repeated attempt carries the same
//! `Idempotency-Key`, so that a receiver that knows keys keeps one copy; one that wants more can answer with the SHA-256
//! of what it has. No redirect is followed, and a file that turns out damaged while it is read never arrives whole.

mod answer;
mod body;
mod doctor;
mod headers;
mod multipart;
mod post;
mod settings;
mod sums;

use askama::Template;
use serde::{Deserialize, Serialize};

use super::{Connector, DeliveryError, Field, Ground, Item, Receipt, Report, Takes, VerifiedBy};
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::secret::Secret;
use post::Purpose;
pub use settings::{Encoding, Settings};

/// The destination type "HTTPS".
pub struct Https;

/// What the receiver alone may see; empty stands for none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// What follows the question mark of the address.
    query: Secret<String>,
    /// Lines of the form `Name: value`.
    headers: Secret<String>,
    /// The key of the signature, as Standard Webhooks write it.
    signing_secret: Secret<String>,
}

#[derive(Template)]
#[template(path = "endpoints/types/https.html")]
struct Fields<'a> {
    form: &'a FormFields,
    stored: bool,
}

impl Connector for Https {
    const KEY: &'static str = "https";
    const LABEL: &'static str = "HTTPS";
    const TAKES: Takes = Takes::PicturesOnly;
    const TRACE: &'static str = "Saving posts a picture of one pixel to it, with the header Mediaport-Test.";
    const FIELDS: &'static [Field] = &[
        Field::required("url", "Where files are posted; a query in it is sealed and never comes out"),
        Field::words(
            "encoding",
            "Whether a file travels in a form or is the whole body",
            &["multipart", "raw"],
        ),
        Field::optional("field_name", "With `multipart`: the file's field, `file` when it is left out"),
        Field {
            is_secret: true,
            ..Field::optional("headers", "Lines `Name: value` that go along, at most 20")
        },
        Field {
            is_secret: true,
            ..Field::optional("signing_secret", "Signs requests as Standard Webhooks do: `whsec_` and base64")
        },
        Field::flag("remove_query", "Forgets the stored query of the address"),
        Field::flag("remove_headers", "Forgets the stored headers"),
        Field::flag("remove_signing_secret", "Forgets the stored signing secret"),
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

    fn address(settings: &Settings) -> String {
        settings.url.clone()
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
        post::run((settings, secrets), ground, item, Purpose::Delivery).await
    }

    async fn verify(
        _settings: &Settings,
        _secrets: &Secrets,
        _ground: &Ground,
        item: &Item,
        receipt: &Receipt,
    ) -> Result<VerifiedBy, DeliveryError> {
        answer::verify(item, receipt)
    }
}
