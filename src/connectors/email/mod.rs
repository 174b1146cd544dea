//! Pictures sent to people by mail: one mail for each recipient, with the picture enclosed or a link to it.
//!
//! The operator sets one server for the installation ([`crate::platform::mail`]); an endpoint says who gets a mail and what
//! it says. A picture counts as delivered when the server has taken every mail. Who has one already is remembered between
//! attempts, and a mail that is sent again carries the same `Message-ID`. A picture is read into memory as a whole, up to
//! the 25 MB that an endpoint may enclose.

mod compose;
mod doctor;
mod fault;
mod recipients;
mod send;
mod settings;
mod template;

use askama::Template;

use super::{Connector, DeliveryError, Field, Ground, Item, Receipt, Report, Takes, Values, VerifiedBy};
use crate::platform::form::{FieldErrors, FormFields};
use settings::Preview;
pub use settings::Settings;

/// The destination type "Email".
pub struct Email;

/// There is none: the server and its password are the operator's.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Secrets {}

#[derive(Template)]
#[template(path = "endpoints/types/email.html")]
struct Fields<'a> {
    form: &'a FormFields,
    preview: Preview,
    placeholders: String,
}

impl Connector for Email {
    const KEY: &'static str = "email";
    const LABEL: &'static str = "Email";
    const TAKES: Takes = Takes::PicturesOnly;
    const TRACE: &'static str =
        "Saving asks the mail server whether it takes mail for each recipient. Nobody gets one.";
    const FIELDS: &'static [Field] = &[
        Field::required(
            "to",
            "Up to 20 addresses with commas between, or `agent` for the agent of the conversation",
        ),
        Field::optional(
            "subject_template",
            "The subject; placeholders such as `{file_name}` stand in braces",
        ),
        Field::optional("body_template", "The text, in lines, with the same placeholders"),
        Field {
            values: Values::UpTo(settings::MOST_MEGABYTES),
            ..Field::optional("max_megabytes", "Larger pictures are sent as a link; 10 when it is left out")
        },
        Field::flag("as_link", "Always sends a link, which asks for a sign-in, instead of the picture"),
    ];
    type Settings = Settings;
    type Secrets = Secrets;

    fn fields(form: &FormFields, _stored: bool) -> impl Template {
        Fields { form, preview: Preview::of(form), placeholders: template::Placeholder::list() }
    }

    fn parse(
        form: &FormFields,
        _stored: Option<(&Settings, &Secrets)>,
    ) -> Result<(Settings, Secrets), FieldErrors> {
        settings::parse(form).map(|settings| (settings, Secrets {}))
    }

    async fn assist(form: FormFields, _ground: &Ground) -> FormFields {
        settings::checked(form)
    }

    fn address(settings: &Settings) -> String {
        format!("mailto:{}", settings.to)
    }

    async fn check(settings: &Settings, _secrets: &Secrets, ground: &Ground, report: &mut Report) {
        doctor::run(settings, ground, report).await;
    }

    async fn put(
        settings: &Settings,
        _secrets: &Secrets,
        ground: &Ground,
        item: &Item,
    ) -> Result<Receipt, DeliveryError> {
        send::run(settings, ground, item).await
    }

    async fn verify(
        _settings: &Settings,
        _secrets: &Secrets,
        _ground: &Ground,
        _item: &Item,
        receipt: &Receipt,
    ) -> Result<VerifiedBy, DeliveryError> {
        send::verify(receipt)
    }
}
