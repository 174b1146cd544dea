//! Objects in an S3 bucket, Amazon's or that of any store that speaks the protocol.
//!
//! Credentials are those of the endpoint, always: nothing here asks the environment, a profile or an instance's
//! metadata service. The SDK does not retry (the queue does), and every byte goes through [`Outbound`].
//!
//! [`Outbound`]: crate::platform::outbound::Outbound

mod client;
mod doctor;
mod fault;
mod headers;
mod leftovers;
mod put;
mod settings;
mod sums;
mod verify;

use askama::Template;
use serde::{Deserialize, Serialize};

use super::{Connector, DeliveryError, Field, Ground, Item, Receipt, Report, Takes, VerifiedBy};
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::secret::Secret;
use client::Bucket;
pub use settings::{Checksum, Encryption, Settings};

/// The destination type "S3 bucket".
pub struct S3;

/// What signs requests.
#[derive(Debug, Serialize, Deserialize)]
pub struct Secrets {
    secret_access_key: Secret<String>,
}

#[derive(Template)]
#[template(path = "endpoints/types/s3.html")]
struct Fields<'a> {
    form: &'a FormFields,
    stored: bool,
}

impl Connector for S3 {
    const KEY: &'static str = "s3";
    const LABEL: &'static str = "S3 bucket";
    const TAKES: Takes = Takes::Everything;
    const FIELDS: &'static [Field] = &[
        Field::required("bucket", "The bucket's name"),
        Field::required("region", "Such as `eu-west-1`"),
        Field::required("access_key_id", "The account's key"),
        Field::secret("secret_access_key", "The account's secret"),
        Field::optional("prefix", "Folder in the bucket"),
        Field::optional("endpoint_url", "Address of a server that speaks S3 and is not Amazon's"),
        Field::flag("path_style", "Bucket in the path instead of the host name"),
        Field::optional("storage_class", "Such as `STANDARD_IA`"),
        Field::words(
            "checksum",
            "Checksums sent along for the store to compare",
            &["auto", "crc32", "sha256", "md5", "none"],
        ),
        Field::words(
            "server_side_encryption",
            "Encryption that the store is asked for",
            &["none", "AES256", "aws:kms"],
        ),
        Field::optional("kms_key_id", "With `aws:kms` only; the bucket's own key when it is left out"),
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
        format!("s3://{}/{}", settings.bucket, settings.prefix).trim_end_matches('/').to_owned()
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
        put::run(&Bucket::open(settings, secrets, ground), item).await
    }

    async fn verify(
        settings: &Settings,
        secrets: &Secrets,
        ground: &Ground,
        item: &Item,
        receipt: &Receipt,
    ) -> Result<VerifiedBy, DeliveryError> {
        verify::run(&Bucket::open(settings, secrets, ground), item, receipt).await
    }
}
