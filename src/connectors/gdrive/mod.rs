//! Files in a folder of Google Drive, stored by a service account.
//!
//! Nothing of the key's file is believed but who the account is and how it signs: where Google's services are is the
//! operator's to say ([`Google`]), never the form's. Files go up by the resumable protocol under an identifier that is
//! stored before the first byte travels, so that a lost answer leaves one file and not two. No redirect is followed.

mod api;
mod doctor;
mod fault;
mod folders;
mod key;
mod put;
mod settings;
mod token;
mod upload;
mod verify;

use askama::Template;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Connector, DeliveryError, Field, Ground, Item, Receipt, Report, Takes, VerifiedBy};
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::secret::Secret;
use api::Drive;
pub use settings::Settings;

/// The destination type "Google Drive".
pub struct Gdrive;

/// Where Google's services are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Google {
    /// The API, without the paths of its calls.
    pub api: Url,
    /// Where tokens are handed out.
    pub token: Url,
}

impl Default for Google {
    fn default() -> Self {
        let known = |text: &str| Url::parse(text).unwrap_or_else(|_| unreachable!("{text} is an address"));
        Self { api: known("https://www.googleapis.com"), token: known(token::AUDIENCE) }
    }
}

/// What signs for the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// As PEM.
    private_key: Secret<String>,
    /// By which Google finds the public half.
    private_key_id: Secret<String>,
}

#[derive(Template)]
#[template(path = "endpoints/types/gdrive.html")]
struct Fields<'a> {
    form: &'a FormFields,
    stored: bool,
}

impl Connector for Gdrive {
    const KEY: &'static str = "gdrive";
    const LABEL: &'static str = "Google Drive";
    const TAKES: Takes = Takes::Everything;
    const FIELDS: &'static [Field] = &[
        Field::secret("service_account_key", "The service account's key: the JSON file, as text"),
        Field::required(
            "folder_id",
            "The folder that gets the files: its identifier, or its address in a browser",
        ),
        Field::optional("shared_drive_id", "The shared drive that the folder has to be in"),
        Field::optional("impersonate", "E-mail address of the person in whose name files are stored"),
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
        format!("https://drive.google.com/drive/folders/{}", settings.folder_id)
    }

    async fn check(settings: &Settings, secrets: &Secrets, ground: &Ground, report: &mut Report) {
        doctor::run(&Drive { settings, secrets, ground }, report).await;
    }

    async fn reserve(
        settings: &Settings,
        secrets: &Secrets,
        ground: &Ground,
        item: &Item,
    ) -> Result<Option<serde_json::Value>, DeliveryError> {
        put::reserve(&Drive { settings, secrets, ground }, item).await
    }

    async fn put(
        settings: &Settings,
        secrets: &Secrets,
        ground: &Ground,
        item: &Item,
    ) -> Result<Receipt, DeliveryError> {
        put::run(&Drive { settings, secrets, ground }, item).await
    }

    async fn verify(
        settings: &Settings,
        secrets: &Secrets,
        ground: &Ground,
        item: &Item,
        receipt: &Receipt,
    ) -> Result<VerifiedBy, DeliveryError> {
        verify::run(&Drive { settings, secrets, ground }, item, receipt).await
    }
}
