//! The endpoint test of a container.

use super::super::probe::{self, Removal};
use super::super::reach;
use super::super::report::{Found, Lasting, Report, StepName};
use super::super::{DeliveryError, Ground, Item, Receipt};
use super::client::{Container, MALFORMED};
use super::fault::Fault;
use super::settings::{Secrets, Settings};
use super::{Azure, verify};

/// Runs all steps.
pub(super) async fn run(settings: &Settings, secrets: &Secrets, ground: &Ground, report: &mut Report) {
    let container = Container::open(settings, secrets, ground);
    let url = settings.url("");
    if reach::run(url.as_ref(), MALFORMED, ground, report).await.is_none() {
        return;
    }
    report.step(StepName::SignIn, sign_in(&container)).await;
    let probe =
        probe::run::<Azure, _, _>(settings, secrets, ground, report, |receipt| remove(&container, receipt));
    // the SDK's futures are large, and this one holds those of every request
    Box::pin(probe).await;
}

/// Asks for a blob that cannot exist: the service must know the account to say so.
async fn sign_in(container: &Container<'_>) -> Result<Found<()>, String> {
    if let Some(end) = container.ended() {
        return Err(format!("The shared access signature ended at {end}. Make a new one and enter it"));
    }
    let name = container.settings.name(&Item::probe().path);
    let blob = container.blob(&name).map_err(|error| error.message().to_owned())?;
    let Err(error) = Box::pin(blob.get_properties(None)).await else { return Ok(Found::passed((), "")) };
    let fault = Fault::of(&error);
    if fault.is_missing() && !fault.is_missing_container() {
        Ok(Found::passed((), allowed(container)).until(Lasting::Signature, container.settings.sas_expires_at))
    } else if fault.code == "AuthorizationPermissionMismatch" {
        Ok(Found::passed(
            (),
            "The service knows this signature, but does not let it look for blobs; writing is tried next",
        ))
    } else {
        Err(fault.delivery("look at blobs").message().to_owned())
    }
}

/// Says what a signature says of itself.
fn allowed(container: &Container<'_>) -> String {
    let settings = container.settings;
    match (settings.sas_expires_at, settings.sas_permissions.as_str()) {
        (None, "") => String::new(),
        (Some(end), "") => format!("The signature ends at {end}"),
        (None, letters) => format!("The signature allows {letters}"),
        (Some(end), letters) => format!("The signature allows {letters} and ends at {end}"),
    }
}

async fn remove(container: &Container<'_>, receipt: Receipt) -> Result<Removal, DeliveryError> {
    let name = verify::name_of(&receipt)?;
    match verify::remove(container, name, None).await? {
        Ok(()) => Ok(Removal::Removed),
        Err(fault) if fault.is_forbidden() => Ok(Removal::Forbidden(name.to_owned())),
        Err(fault) => Err(fault.delivery("delete blobs")),
    }
}
