//! The endpoint test of a bucket.

use super::super::probe::{self, Removal};
use super::super::reach;
use super::super::report::{Found, Report, StepName};
use super::super::{DeliveryError, Ground, Item, Receipt};
use super::client::Bucket;
use super::fault::Fault;
use super::verify::{self, Expected};
use super::{S3, Secrets, Settings};

/// Runs all steps.
pub(super) async fn run(settings: &Settings, secrets: &Secrets, ground: &Ground, report: &mut Report) {
    let bucket = Bucket::open(settings, secrets, ground);
    let url = bucket.url().await;
    if reach::run(url.as_ref(), MALFORMED, ground, report).await.is_none() {
        return;
    }
    report.step(StepName::SignIn, sign_in(&bucket)).await;
    let probe = probe::run::<S3, _, _>(settings, secrets, ground, report, |receipt| remove(&bucket, receipt));
    // the SDK's futures are large, and this one holds those of every request
    Box::pin(probe).await;
}

const MALFORMED: &str = "These settings do not make a valid address. Check bucket and region";

/// Asks for an object that cannot exist: the store must know the account to say so.
async fn sign_in(bucket: &Bucket<'_>) -> Result<Found<()>, String> {
    let key = bucket.settings.key(&Item::probe().path);
    let request = bucket.client.get_object().bucket(&bucket.settings.bucket).key(key);
    let Err(error) = request.send().await else { return Ok(Found::passed((), "")) };
    let fault = Fault::of(&error);
    if fault.is_missing() && !fault.is_missing_bucket() {
        Ok(Found::passed((), ""))
    } else if fault.is_forbidden() {
        Ok(Found::passed(
            (),
            "The store answers this account, but does not let it look for objects; writing is tried next",
        ))
    } else {
        Err(fault.delivery("look at objects (s3:GetObject)").message().to_owned())
    }
}

async fn remove(bucket: &Bucket<'_>, receipt: Receipt) -> Result<Removal, DeliveryError> {
    let key = receipt.location["key"].as_str().unwrap_or_default();
    let expected: Expected = serde_json::from_value(receipt.proof.clone()).unwrap_or_default();
    let version = expected.written.and_then(|written| written.version);
    match verify::remove(bucket, key, version.as_deref()).await {
        Ok(()) => Ok(Removal::Removed),
        Err(fault) if fault.is_forbidden() => Ok(Removal::Forbidden(key.to_owned())),
        Err(fault) => Err(fault.delivery("delete objects (s3:DeleteObject)")),
    }
}
