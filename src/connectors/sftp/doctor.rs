//! The endpoint test of a server, and the fetching of its host key.

use russh_sftp::protocol::StatusCode;

use super::super::probe::{self, Removal};
use super::super::report::{Found, Report, StepName};
use super::super::{DeliveryError, Ground, Receipt};
use super::fault::{self, Doing};
use super::files::is_status;
use super::pool::Account;
use super::session::{self, Session, Ssh};
use super::{Secrets, Settings, Sftp, settings, sign_in, verify};
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::outbound::OutboundError;

/// Runs all steps.
pub(super) async fn run(settings: &Settings, secrets: &Secrets, ground: &Ground, report: &mut Report) {
    let (host, port) = (settings.host.as_str(), settings.port.get());
    let resolve = async {
        let resolved = ground.outbound.resolve(host, port).await;
        resolved.map(|_| Found::passed((), format!("{host}:{port}"))).map_err(unreached)
    };
    report.step(StepName::Resolve, resolve).await;
    let connect = async {
        let connected = ground.outbound.connect(host, port).await;
        connected.map(|_| Found::passed((), "")).map_err(unreached)
    };
    report.step(StepName::Connect, connect).await;
    let Some(ssh) = report.step(StepName::Identity, identify(settings, ground)).await else { return };
    let account = Account { settings, secrets, ground };
    report.step(StepName::SignIn, sign_in(ssh, &account)).await;
    let probe =
        probe::run::<Sftp, _, _>(settings, secrets, ground, report, |receipt| remove(&account, receipt));
    // large, and it would make the future of every connector as large
    Box::pin(probe).await;
}

async fn identify(settings: &Settings, ground: &Ground) -> Result<Found<Ssh>, String> {
    let ssh = session::identify(settings, ground).await.map_err(|error| error.message().to_owned())?;
    let message = format!("{} {}", ssh.host_key.kind(), ssh.host_key.fingerprint);
    Ok(Found::passed(ssh, message))
}

async fn sign_in(mut ssh: Ssh, account: &Account<'_>) -> Result<Found<()>, String> {
    let signed_in = async {
        sign_in::run(&mut ssh, account.settings, account.secrets).await?;
        account.keep(Session::start(ssh).await?)
    };
    signed_in.await.map(|()| Found::passed((), "")).map_err(|error| error.message().to_owned())
}

async fn remove(account: &Account<'_>, receipt: Receipt) -> Result<Removal, DeliveryError> {
    let path = verify::path_of(&receipt)?;
    account
        .with_session(async |session| match session.files.remove(path).await {
            Ok(()) => Ok(Removal::Removed),
            Err(error) if is_status(&error, StatusCode::PermissionDenied) => {
                Ok(Removal::Forbidden(path.to_owned()))
            }
            Err(error) => Err(fault::delivery(&error, Doing::Removing)),
        })
        .await
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn unreached(error: OutboundError) -> String {
    DeliveryError::unreached(&error).message().to_owned()
}

/// Asks the server for its host key and puts the fingerprint into the form, to be compared and confirmed by a person.
pub(super) async fn fetch_host_key(form: FormFields, ground: &Ground) -> FormFields {
    let mut check = form.check();
    let (host, port) = settings::server(&mut check);
    if let Err(errors) = check.finish(()) {
        return form.with_errors(errors);
    }
    match session::host_key(&host, port.get(), ground).await {
        Ok(key) => {
            let fingerprint = key.fingerprint.to_string();
            form.set("host_key_fingerprint", fingerprint.clone())
                .set("host_key_fetched", fingerprint)
                .set("host_key_type", key.kind())
                .set("host_key_confirmed", "")
        }
        Err(fault) => {
            let problem = fault.unproven().message().to_owned();
            form.with_errors(FieldErrors::one("host_key_fingerprint", problem))
        }
    }
}
