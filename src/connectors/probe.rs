//! The last three steps of every endpoint test: a probe goes the way of a delivery.

use super::report::{Found, Report, StepName};
use super::{Connector, DeliveryError, Ground, Item, Receipt, VerifiedBy};

/// How the attempt to remove a probe ended when nothing broke.
pub(super) enum Removal {
    /// It has gone.
    Removed,
    /// Our rights do not reach that far; the probe of this name stays.
    Forbidden(String),
}

/// Writes, verifies and removes a probe. Only a lack of rights for the last two is a warning.
pub(super) async fn run<C, D, F>(
    settings: &C::Settings,
    secrets: &C::Secrets,
    ground: &Ground,
    report: &mut Report,
    delete: D,
) where
    C: Connector,
    D: FnOnce(Receipt) -> F,
    F: Future<Output = Result<Removal, DeliveryError>>,
{
    let mut item = Item::probe();
    let write = async {
        item.reservation = C::reserve(settings, secrets, ground, &item).await.map_err(sentence)?;
        let receipt = C::put(settings, secrets, ground, &item).await.map_err(sentence)?;
        Ok(Found::passed(receipt, ""))
    };
    let Some(receipt) = report.step(StepName::Write, write).await else { return };

    let verify = async {
        let verified = C::verify(settings, secrets, ground, &item, &receipt).await.map_err(sentence)?;
        Ok(match verified {
            VerifiedBy::Acknowledged => Found::warning((), UNREADABLE),
            _ => Found::passed((), ""),
        })
    };
    let verified = report.step(StepName::Verify, verify).await;

    let delete = delete(receipt);
    if verified.is_none() {
        // the verdict stands; this only tidies up
        if let Err(error) = delete.await {
            tracing::debug!(%error, "the probe of a failed test stays");
        }
        return;
    }
    let delete = async {
        Ok(match delete.await.map_err(sentence)? {
            Removal::Removed => Found::passed((), ""),
            Removal::Forbidden(name) => Found::warning(
                (),
                format!(
                    "The account may not delete. Deliveries need no such right, but the probe {name} stays; delete it by hand"
                ),
            ),
        })
    };
    report.step(StepName::Delete, delete).await;
}

const UNREADABLE: &str = "The account may not read what it stores. Deliveries would rest on the destination's \
    acknowledgement of a checksum; grant read access to have stored files verified";

fn sentence(error: DeliveryError) -> String {
    match error {
        DeliveryError::Transient { message, .. }
        | DeliveryError::Item { message, .. }
        | DeliveryError::Endpoint { message, .. } => message,
    }
}
