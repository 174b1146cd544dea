//! The endpoint test of a receiver.

use bytes::Bytes;
use url::Url;
use uuid::Uuid;

use super::super::reach;
use super::super::report::{Found, Report, StepName};
use super::super::{About, DeliveryError, Ground, Item, Notes, Receipt, VerifiedBy};
use super::post::{self, Purpose};
use super::{Secrets, Settings, answer};

/// One black pixel, as small as a real PNG can be.
const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\x0aIDAT\
    \x78\xda\x63\x60\0\0\0\x02\0\x01\xe5\x27\xde\xfc\0\0\0\0IEND\xae\x42\x60\x82";

/// Runs all steps.
pub(super) async fn run(settings: &Settings, secrets: &Secrets, ground: &Ground, report: &mut Report) {
    let url = Url::parse(&settings.url).ok();
    let malformed = "These settings do not make a valid address. Check the URL";
    if reach::run(url.as_ref(), malformed, ground, report).await.is_none() {
        return;
    }
    report
        .step(StepName::SignIn, async {
            Ok(Found::skipped((), "There is no sign-in: the receiver judges the headers with the file"))
        })
        .await;
    let item = probe();
    let write = async {
        let sent = post::run((settings, secrets), ground, &item, Purpose::Test).await;
        sent.map(|receipt| Found::passed(receipt, "")).map_err(sentence)
    };
    let Some(receipt) = report.step(StepName::Write, write).await else { return };
    report.step(StepName::Verify, async { verify(&item, &receipt) }).await;
    report
        .step(StepName::Delete, async {
            Ok(Found::skipped(
                (),
                "A receiver keeps what it gets; this picture came with the header Mediaport-Test: 1",
            ))
        })
        .await;
}

/// Makes a picture, since receivers may look into what they get, with a name that explains itself.
fn probe() -> Item {
    let (delivery, bytes) = (Uuid::now_v7(), Bytes::from_static(PICTURE));
    Item {
        delivery,
        path: format!("mediaport-test-{delivery}.png"),
        mime_type: "image/png".to_owned(),
        size: bytes.len() as u64,
        sha256: hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes)),
        source: std::sync::Arc::new(bytes),
        reservation: None,
        about: About::sample(),
        notes: Notes::default(),
    }
}

/// An answer is all the proof that this type asks for, so that it needs nobody's word.
fn verify(item: &Item, receipt: &Receipt) -> Result<Found<()>, String> {
    let status = &receipt.proof["status"];
    let message = match answer::verify(item, receipt).map_err(sentence)? {
        VerifiedBy::Acknowledged => {
            format!(
                "The receiver answered {status}; it does not say what it has. Deliveries rest on that answer"
            )
        }
        _ => format!("The receiver answered {status} and named the SHA-256 of what was sent"),
    };
    Ok(Found::passed((), message))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn sentence(error: DeliveryError) -> String {
    error.message().to_owned()
}
