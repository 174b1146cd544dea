//! The endpoint test: as far as a server can be asked without anybody getting a mail.

use super::super::report::{Found, Report, StepName};
use super::super::{DeliveryError, Ground};
use super::recipients::Recipients;
use super::{Settings, fault};
use crate::platform::mail::{MailAddress, MailError, Mailer, Security, Session};

/// Runs all steps.
pub(super) async fn run(settings: &Settings, ground: &Ground, report: &mut Report) {
    let resolve = async {
        let mailer = ground.mail.as_ref().ok_or_else(|| fault::no_server().message().to_owned())?;
        let said = |error| sentence(&error, mailer);
        mailer.resolve().await.map_err(said)?;
        Ok(Found::passed(mailer, mailer.place()))
    };
    let Some(mailer) = report.step(StepName::Resolve, resolve).await else { return };
    let said = |error: MailError| sentence(&error, mailer);
    let connect = async { mailer.connect().await.map(|stream| Found::passed(stream, "")).map_err(said) };
    let Some(stream) = report.step(StepName::Connect, connect).await else { return };
    let identity = async {
        let secured = mailer.secure(stream).await.map_err(said)?;
        Ok(match mailer.security() {
            Security::None => Found::skipped(secured, "Plain smtp: nothing proves who the server is"),
            Security::StartTls | Security::Tls => Found::passed(secured, ""),
        })
    };
    let Some(secured) = report.step(StepName::Identity, identity).await else { return };
    let sign_in = async {
        let session = mailer.sign_in(secured).await.map_err(said)?;
        Ok(if mailer.has_account() {
            Found::passed(session, "")
        } else {
            Found::skipped(session, "The operator has set no account: the server takes mail without")
        })
    };
    let Some(session) = report.step(StepName::SignIn, sign_in).await else { return };
    report.step(StepName::Write, ask(session, &settings.to, mailer)).await;
    let skipped = |why: &str| Ok(Found::skipped((), why.to_owned()));
    report
        .step(StepName::Verify, async { skipped("Nothing was sent; a delivery rests on the server's word") })
        .await;
    report.step(StepName::Delete, async { skipped("Nothing was sent, so nothing stays") }).await;
}

/// Names sender and recipients and takes it back before any mail is given.
async fn ask(mut session: Session, to: &Recipients, mailer: &Mailer) -> Result<Found<()>, String> {
    let recipients: &[MailAddress] = to.fixed();
    let asked = session.ask(recipients).await;
    let result = match asked {
        Err(error) => Err(sentence(&error, mailer)),
        Ok(refused) => match worst(&refused) {
            Some((to, error)) => match fault::delivery(error, Some(to), mailer.from()) {
                // a server that wants to be asked twice, or a full mailbox, is no reason not to save
                DeliveryError::Transient { message, .. } => Ok(Found::warning((), message)),
                error => Err(error.message().to_owned()),
            },
            None if recipients.is_empty() => {
                Ok(Found::passed((), "The agent's address comes with each picture"))
            }
            None => Ok(Found::passed((), "The server would take mail for every recipient; nobody got one")),
        },
    };
    session.close().await;
    result
}

/// Finds what is to be told first: a refusal that stays before one that passes.
fn worst<'a, 'b>(refused: &'b [(&'a MailAddress, MailError)]) -> Option<&'b (&'a MailAddress, MailError)> {
    let stays = |(_, error): &&(&MailAddress, MailError)| match error {
        MailError::Refused(refusal) => !refusal.is_passing(),
        _ => true,
    };
    refused.iter().find(stays).or_else(|| refused.first())
}

fn sentence(error: &MailError, mailer: &Mailer) -> String {
    fault::delivery(error, None, mailer.from()).message().to_owned()
}
