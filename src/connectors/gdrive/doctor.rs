//! The endpoint test of a folder.

use super::super::probe::{self, Removal};
use super::super::reach;
use super::super::report::{Found, Report, StepName};
use super::super::{DeliveryError, Receipt};
use super::api::Drive;
use super::{Gdrive, folders, token, verify};

/// As much of a folder's name as people need to recognise it, in characters.
const NAME: usize = 80;

/// Runs all steps.
pub(super) async fn run(drive: &Drive<'_>, report: &mut Report) {
    let malformed = "The operator's address of Google's API is not valid";
    if reach::run(Some(&drive.ground.google.api), malformed, drive.ground, report).await.is_none() {
        return;
    }
    if report.step(StepName::SignIn, sign_in(drive)).await.is_none() {
        return;
    }
    let probe = probe::run::<Gdrive, _, _>(drive.settings, drive.secrets, drive.ground, report, |receipt| {
        remove(drive, receipt)
    });
    // holds the requests of every step
    Box::pin(probe).await;
}

/// Asks for a token, and with it for the folder.
async fn sign_in(drive: &Drive<'_>) -> Result<Found<()>, String> {
    let sentence = |error: DeliveryError| error.message().to_owned();
    token::get(drive).await.map_err(sentence)?;
    // an earlier look may be out of date, and this is when people expect a new one
    folders::forget(drive).await;
    let folder = folders::look(drive).await.map_err(sentence)?;
    let name: String = folder.name.chars().filter(|c| !c.is_control()).take(NAME).collect();
    let place = if folder.drive_id.is_some() { "in a shared drive" } else { "outside of shared drives" };
    Ok(Found::passed((), format!("{} sees the folder {name}, {place}", drive.settings.account())))
}

async fn remove(drive: &Drive<'_>, receipt: Receipt) -> Result<Removal, DeliveryError> {
    let id = receipt.location["file_id"].as_str().unwrap_or_default();
    if verify::remove(drive, id).await? {
        return Ok(Removal::Removed);
    }
    Ok(Removal::Forbidden(receipt.location["url"].as_str().unwrap_or(id).to_owned()))
}
