//! The endpoint test of a bucket.

use url::Url;

use super::super::probe::{self, Removal};
use super::super::report::{Found, Report, StepName};
use super::super::{DeliveryError, Ground, Item, Receipt};
use super::client::Bucket;
use super::fault::Fault;
use super::verify::{self, Expected};
use super::{S3, Secrets, Settings};
use crate::platform::outbound::{OutboundError, Refused, Verdict};

/// Runs all steps.
pub(super) async fn run(settings: &Settings, secrets: &Secrets, ground: &Ground, report: &mut Report) {
    let bucket = Bucket::open(settings, secrets, ground);
    let Some(address) = report.step(StepName::Resolve, resolve(&bucket, ground)).await else { return };
    let connect = async {
        let stream = ground.outbound.connect(&address.host, address.port).await;
        stream.map(|stream| Found::passed(stream, "")).map_err(unreached)
    };
    let Some(stream) = report.step(StepName::Connect, connect).await else { return };
    let identity = async {
        if !address.secure {
            return Ok(Found::skipped((), "Plain http: nothing proves who the server is"));
        }
        let proven = ground.outbound.tls(&address.host, stream).await;
        proven.map(|_| Found::passed((), "")).map_err(unreached)
    };
    report.step(StepName::Identity, identity).await;
    report.step(StepName::SignIn, sign_in(&bucket)).await;
    let probe = probe::run::<S3, _, _>(settings, secrets, ground, report, |receipt| remove(&bucket, receipt));
    // the SDK's futures are large, and this one holds those of every request
    Box::pin(probe).await;
}

struct Address {
    host: String,
    port: u16,
    secure: bool,
}

async fn resolve(bucket: &Bucket<'_>, ground: &Ground) -> Result<Found<Address>, String> {
    let url = bucket.url().await;
    let address = url
        .as_ref()
        .and_then(address)
        .ok_or("These settings do not make a valid address. Check bucket and region")?;
    let places = ground.outbound.resolve(&address.host, address.port).await.map_err(unreached)?;
    // said here, since connecting alone would succeed and only the first request be refused
    if !address.secure {
        for place in places {
            if ground.outbound.judge(place.ip()).map_err(|refused| unreached(refused.into()))?
                != Verdict::Allowed
            {
                return Err(unreached(Refused::Unencrypted(place.ip()).into()));
            }
        }
    }
    let message = format!("{}:{}", address.host, address.port);
    Ok(Found::passed(address, message))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn unreached(error: OutboundError) -> String {
    DeliveryError::unreached(&error).message().to_owned()
}

fn address(url: &Url) -> Option<Address> {
    Some(Address {
        host: url.host_str()?.to_owned(),
        port: url.port_or_known_default()?,
        secure: url.scheme() == "https",
    })
}

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
