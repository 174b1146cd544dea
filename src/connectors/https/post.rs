//! One file, one request.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::super::item::is_relative;
use super::super::{DeliveryError, Ground, Item, Receipt};
use super::answer::{self, Proof};
use super::body::Plan;
use super::settings::Encoding;
use super::sums::Sums;
use super::{Secrets, Settings, headers};
use crate::platform::outbound::OutboundError;

/// What a path keeps of its signs in a header.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MEDIAPORT_PATH: HeaderName = HeaderName::from_static("mediaport-path");
const MEDIAPORT_TEST: HeaderName = HeaderName::from_static("mediaport-test");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A file that somebody wants there.
    Delivery,
    /// The endpoint test, which says so in the request.
    Test,
}

/// Posts an item and gives what the receiver said, when it took it.
pub(super) async fn run(
    (settings, secrets): (&Settings, &Secrets),
    ground: &Ground,
    item: &Item,
    purpose: Purpose,
) -> Result<Receipt, DeliveryError> {
    if !is_relative(&item.path) {
        return Err(DeliveryError::unsafe_path());
    }
    let added = headers::read(secrets.headers.expose()).map_err(|_| unsendable())?;
    let uri = uri(settings, secrets).ok_or_else(unsendable)?;
    let plan = Plan::of(settings, item);
    let sums = Sums::of(&plan, item, secrets.signing_secret.expose()).await?;
    let head = head(settings, item, &plan, &sums).ok_or_else(unsendable)?;

    let (fate, body) = plan.body(item);
    let mut request = Request::post(uri).body(body).map_err(|_| unsendable())?;
    *request.headers_mut() = added;
    request.headers_mut().extend(head);
    if purpose == Purpose::Test {
        request.headers_mut().insert(MEDIAPORT_TEST, HeaderValue::from_static("1"));
    }
    let answered = match ground.outbound.send(request).await {
        Ok(answer) => answer::judge(answer, secrets).await,
        Err(cause) => Err(unanswered(&cause)),
    };
    // a request that we broke off was not about the receiver, whatever it says
    if let Some(failure) = fate.failure() {
        return Err(failure);
    }
    let proof = answered?;
    if !fate.is_whole() {
        return Err(DeliveryError::transient(
            "The receiver said that it has the file before all of it was sent, so it does not count as delivered. \
             Check what stands at this address",
        ));
    }
    Ok(receipt(settings, &proof))
}

fn uri(settings: &Settings, secrets: &Secrets) -> Option<Uri> {
    let query = secrets.query.expose();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{mark}{query}", settings.url).parse().ok()
}

fn head(settings: &Settings, item: &Item, plan: &Plan, sums: &Sums) -> Option<HeaderMap> {
    let mut head = HeaderMap::new();
    let mut set = |name: HeaderName, text: &str| {
        head.insert(name, HeaderValue::from_str(text).ok()?);
        Some(())
    };
    set(CONTENT_TYPE, &plan.content_type)?;
    set(CONTENT_LENGTH, &plan.length.to_string())?;
    set(CONTENT_DIGEST, &sums.digest)?;
    set(IDEMPOTENCY_KEY, &item.delivery.to_string())?;
    if settings.encoding == Encoding::Raw {
        set(MEDIAPORT_PATH, &utf8_percent_encode(&item.path, PATH).to_string())?;
    }
    if let Some(signature) = &sums.signature {
        set(WEBHOOK_ID, &signature.id)?;
        set(WEBHOOK_TIMESTAMP, &signature.timestamp)?;
        set(WEBHOOK_SIGNATURE, &signature.value)?;
    }
    Some(head)
}

fn receipt(settings: &Settings, proof: &Proof) -> Receipt {
    Receipt { location: json!({"url": settings.url}), proof: json!(proof) }
}

fn unsendable() -> DeliveryError {
    DeliveryError::endpoint(
        "These settings do not make a valid request. Open the endpoint and enter them again",
    )
}

/// Says why there was no answer. The receiver may have the file all the same; the next attempt carries the same key.
fn unanswered(cause: &OutboundError) -> DeliveryError {
    match cause {
        OutboundError::Other(_) => {
            tracing::debug!(error = ?cause, "a receiver broke off");
            DeliveryError::transient(
                "unreachable: the receiver broke off before it answered; it is tried again with the same key",
            )
        }
        _ => DeliveryError::unreached(cause),
    }
}
