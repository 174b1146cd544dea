//! What people are told about endpoints, in the operator's log and by mail.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use uuid::Uuid;

use super::jobs::Tell;
use super::model::Notice;
use crate::features::endpoints::{self, Endpoint, EndpointId};
use crate::features::{Services, accounts};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::jobs::{self, JobError};
use crate::platform::mail::{Letter, MailAddress, MailError, Mailer};

/// How long to wait before a mail server is tried again.
const AGAIN: Duration = Duration::from_mins(5);
/// News that is older than this is none any more.
const STALE: Duration = Duration::from_hours(24);

/// Queues a mail for each administrator.
pub(super) async fn queue(
    tx: &mut Tx,
    endpoint: EndpointId,
    notice: &Notice,
    now: Timestamp,
) -> DbResult<()> {
    let id = Uuid::now_v7();
    for to in accounts::admins(tx).await? {
        let tell = Tell { endpoint, id, to, notice: notice.clone(), at: now };
        jobs::queue::enqueue(tx, &tell, now).await?;
    }
    Ok(())
}

/// Tells one person. Without a mail server the log has to do.
pub(super) async fn tell(services: &Arc<Services>, tell: &Tell) -> Result<(), JobError> {
    let (id, now) = (tell.endpoint, services.clock.now());
    let found: Option<Endpoint> =
        services.db.read(move |tx| async move { endpoints::find(tx, id).await }.boxed()).await?;
    let Some(endpoint) = found else { return Ok(()) };
    let (subject, text) = words(&endpoint, &tell.notice, &services.link(&format!("/endpoints/{id}")));
    tracing::warn!(endpoint = %id, "{subject}");
    let Some(mailer) = &services.ground.mail else { return Ok(()) };
    let Ok(to) = tell.to.parse::<MailAddress>() else {
        tracing::warn!(endpoint = %id, "an administrator's address takes no mail");
        return Ok(());
    };
    let letter = Letter {
        id: format!("{}.{}", tell.id, short(&tell.to)),
        to: &to,
        subject: &subject,
        text: &text,
        attachment: None,
        date: tell.at,
    };
    match send(mailer, &letter).await {
        Ok(()) => Ok(()),
        Err(MailError::Refused(refusal)) if !refusal.is_passing() => {
            tracing::warn!(code = refusal.code, words = refusal.words, "a mail server refuses a notice");
            Ok(())
        }
        Err(error) if now.since(tell.at) >= STALE => {
            tracing::warn!(%error, "a notice could not be sent for a day, and is dropped");
            Ok(())
        }
        Err(error) => Err(JobError::retry(AGAIN, format!("the mail server: {error}"))),
    }
}

async fn send(mailer: &Mailer, letter: &Letter<'_>) -> Result<(), MailError> {
    let mut session = mailer.open().await?;
    let sent = session.send(letter).await;
    session.close().await;
    sent
}

/// Makes a word of an address that tells the mails of one notice apart.
fn short(address: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(&Sha256::digest(address.to_lowercase())[..8])
}

fn words(endpoint: &Endpoint, notice: &Notice, link: &str) -> (String, String) {
    let name = &endpoint.summary.name;
    let (subject, sentence) = match notice {
        Notice::Broken(why) => (
            format!("The end point {name} fails"),
            format!("{why}.\n\nIts files wait and are delivered when it works again; nothing is lost."),
        ),
        Notice::Recovered => {
            (format!("The end point {name} works again"), "What had waited is being delivered.".to_owned())
        }
        Notice::Ending(warning) => {
            (format!("The end point {name} needs attention soon"), format!("{}.", warning.sentence()))
        }
    };
    let text = format!("{subject}.\n\n{sentence}\n\n{link}\n");
    (subject, text)
}
