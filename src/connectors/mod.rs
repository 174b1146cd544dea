//! Where files can be delivered: one destination type per file, and the registry of all of them.
//!
//! A new type is one file here that implements [`Connector`], one template `templates/endpoints/types/<key>.html`, and
//! one entry in [`ALL`]. The rest of the program works with [`AnyConnector`] and stored JSON and never asks which type
//! it has before it.
//!
//! A connector knows its protocol and nothing else: no database, no clock, no queue. It never retries (the queue does),
//! never overwrites a file that it did not write, and never holds a file in memory.

mod about;
pub mod azure;
pub mod email;
mod erased;
mod error;
mod field;
pub mod folder;
pub mod gdrive;
pub mod https;
mod item;
mod probe;
mod reach;
mod report;
pub mod s3;
pub mod sftp;
mod typed;

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use about::{About, Notes};
pub use erased::{AnyConnector, Configuration};
pub use error::{DeliveryError, EndpointProblem, ItemProblem};
pub use field::{Field, Values};
pub use item::{Item, Receipt, Source, VerifiedBy, place};
pub use report::{Ends, Found, Lasting, Outcome, Report, Step, StepName, StepState};

use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::mail::Mailer;
use crate::platform::outbound::Outbound;

/// Every destination type, in the order in which the form offers them.
pub const ALL: &[&dyn AnyConnector] =
    &[&s3::S3, &sftp::Sftp, &azure::Azure, &gdrive::Gdrive, &https::Https, &email::Email, &folder::Folder];

/// Finds a destination type by its stored key.
#[must_use]
pub fn find(key: &str) -> Option<&'static dyn AnyConnector> {
    ALL.iter().copied().find(|connector| connector.key() == key)
}

/// What a connector may stand on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The only way to the network.
    pub outbound: Outbound,
    /// Who sends mail, when the operator has set a server.
    pub mail: Option<Mailer>,
    /// The operator's root, below which folder endpoints lie.
    pub folder_root: PathBuf,
    /// Where Google's services are.
    pub google: gdrive::Google,
}

/// Which media a destination type takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Pictures during a call; the recordings list refuses it.
    PicturesOnly,
    /// Every kind of media.
    Everything,
}

/// A destination type.
pub trait Connector: Send + Sync + 'static {
    /// Stored with endpoints and used in URLs: never rename.
    const KEY: &'static str;
    /// How people call the type.
    const LABEL: &'static str;
    /// Which media it takes.
    const TAKES: Takes;
    /// Says under the form what the test leaves at the destination, or does not.
    const TRACE: &'static str = "Saving writes, reads back and deletes a 1 KB probe file.";
    /// What is filled in, in the order of the form.
    const FIELDS: &'static [Field];
    /// What may be shown. Serialises under the names of the form's fields, so that a stored endpoint fills its own form.
    type Settings: Serialize + DeserializeOwned + Send + Sync;
    /// What only the protocol may see. Its `Debug` shows nothing.
    type Secrets: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync;

    /// Draws the form fields with what was typed and the problems beside them; `stored` tells that secrets are on file.
    fn fields(form: &FormFields, stored: bool) -> impl askama::Template;

    /// Checks what was typed. An empty secret keeps the stored one, unless the account or the host it was meant for
    /// changed: then it must be typed again.
    fn parse(
        form: &FormFields,
        stored: Option<(&Self::Settings, &Self::Secrets)>,
    ) -> Result<(Self::Settings, Self::Secrets), FieldErrors>;

    /// Fills in what only the destination itself can tell, such as its key, at the press of a button among the fields:
    /// a submit button named `assist`. The form comes back with the answer in it, or with the problem beside the field.
    #[must_use]
    fn assist(form: FormFields, _ground: &Ground) -> impl Future<Output = FormFields> + Send {
        std::future::ready(form)
    }

    /// Says in one line where files go: `s3://bucket/prefix`.
    fn address(settings: &Self::Settings) -> String;

    /// Tests the endpoint step by step with the code of `put` and `verify`, and leaves no probe behind where it may
    /// delete.
    fn check(
        settings: &Self::Settings,
        secrets: &Self::Secrets,
        ground: &Ground,
        report: &mut Report,
    ) -> impl Future<Output = ()> + Send;

    /// Gives what has to be stored with the delivery before [`Connector::put`] may run, such as an identifier that every
    /// attempt has to use; nothing when there is nothing, or when what is stored (`item.reservation`) still holds. The
    /// caller stores it and passes it on in the item.
    fn reserve(
        _settings: &Self::Settings,
        _secrets: &Self::Secrets,
        _ground: &Ground,
        _item: &Item,
    ) -> impl Future<Output = Result<Option<serde_json::Value>, DeliveryError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Stores the item under its path. Running it again after any failure, or after success, is safe; a different file
    /// under that path is [`ItemProblem::Conflict`] and stays as it is.
    fn put(
        settings: &Self::Settings,
        secrets: &Self::Secrets,
        ground: &Ground,
        item: &Item,
    ) -> impl Future<Output = Result<Receipt, DeliveryError>> + Send;

    /// Proves that the stored copy has the item's length and bytes.
    fn verify(
        settings: &Self::Settings,
        secrets: &Self::Secrets,
        ground: &Ground,
        item: &Item,
        receipt: &Receipt,
    ) -> impl Future<Output = Result<VerifiedBy, DeliveryError>> + Send;
}
