//! Blobs in a container of Azure Storage.
//!
//! The account's key signs each request, or a shared access signature goes with each address; nothing here asks the
//! environment or an instance's metadata service. The SDK does not retry (the queue does), and every byte goes through
//! [`Outbound`].
//!
//! [`Outbound`]: crate::platform::outbound::Outbound

mod client;
mod doctor;
mod fault;
mod put;
mod sas;
mod settings;
mod verify;

use askama::Template;

use super::field::Values;
use super::{Connector, DeliveryError, Field, Ground, Item, Receipt, Report, Takes, VerifiedBy};
use crate::platform::form::{FieldErrors, FormFields};
use client::Container;
pub use settings::{Secrets, Settings, Tier};

/// The destination type "Azure".
pub struct Azure;

#[derive(Template)]
#[template(path = "endpoints/types/azure.html")]
struct Fields<'a> {
    form: &'a FormFields,
    stored: bool,
}

impl Connector for Azure {
    const KEY: &'static str = "azure";
    const LABEL: &'static str = "Azure";
    const TAKES: Takes = Takes::Everything;
    const FIELDS: &'static [Field] = &[
        Field::required("account", "The storage account's name"),
        Field::required("container", "The container's name"),
        Field {
            is_required: false,
            ..Field::secret("access_key", "One of the account's keys; or a signature")
        },
        Field {
            is_required: false,
            ..Field::secret(
                "sas_token",
                "Instead of a key: a shared access signature for the container or account",
            )
        },
        Field::optional(
            "endpoint_url",
            "Address of the account in another cloud, or of a server that speaks the protocol",
        ),
        Field::optional("prefix", "Folder in the container"),
        Field {
            values: Values::Words(&["Hot", "Cool", "Cold", "Archive"]),
            ..Field::optional("access_tier", "Left to the account when it is left out")
        },
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
        let url = settings.url("").map(String::from).unwrap_or_default();
        format!("{url}{}", settings.prefix).trim_end_matches('/').to_owned()
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
        // the SDK's futures are large
        Box::pin(put::run(&Container::open(settings, secrets, ground), item)).await
    }

    async fn verify(
        settings: &Settings,
        secrets: &Secrets,
        ground: &Ground,
        item: &Item,
        receipt: &Receipt,
    ) -> Result<VerifiedBy, DeliveryError> {
        Box::pin(verify::run(&Container::open(settings, secrets, ground), item, receipt)).await
    }
}
