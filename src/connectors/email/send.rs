//! Sending the mails of one picture.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::json;

use super::super::item::inspect;
use super::super::{DeliveryError, Ground, Item, Notes, Receipt, VerifiedBy};
use super::compose::{self, Enclosed};
use super::{Settings, fault};
use crate::platform::clock::Clock;
use crate::platform::mail::{Attachment, Letter, MailAddress, MailError, Mailer, Session};

/// Sends a mail to everybody who has none yet. One who is refused does not keep the others waiting.
pub(super) async fn run(settings: &Settings, ground: &Ground, item: &Item) -> Result<Receipt, DeliveryError> {
    let mailer = ground.mail.as_ref().ok_or_else(fault::no_server)?;
    let recipients = settings.to.of(&item.about)?;
    let enclosed = if settings.encloses(item.size) { Enclosed::Picture } else { Enclosed::Link };
    let bytes = match enclosed {
        Enclosed::Picture => read(item).await?,
        Enclosed::Link => Vec::new(),
    };
    let mut taken = Taken::of(&item.notes);
    let left: Vec<&MailAddress> = recipients.iter().filter(|to| !taken.has(to)).collect();
    if !left.is_empty() {
        let mut session = open(mailer).await?;
        let mails = Mails { words: compose::words(settings, item, enclosed), item, enclosed, bytes: &bytes };
        let sent = send(&mut session, &mails, &left, mailer, &mut taken).await;
        session.close().await;
        sent?;
    }
    Ok(receipt(&recipients, enclosed))
}

/// What all mails of a picture have in common.
struct Mails<'a> {
    words: (String, String),
    item: &'a Item,
    enclosed: Enclosed,
    bytes: &'a [u8],
}

impl Mails<'_> {
    fn letter<'a>(&'a self, to: &'a MailAddress, name: &'a str) -> Letter<'a> {
        let attachment = (self.enclosed == Enclosed::Picture).then(|| Attachment {
            name,
            mime_type: &self.item.mime_type,
            bytes: self.bytes,
        });
        Letter {
            id: compose::id(self.item, to),
            to,
            subject: &self.words.0,
            text: &self.words.1,
            attachment,
            date: Clock::system().now(),
        }
    }
}

async fn open(mailer: &Mailer) -> Result<Session, DeliveryError> {
    mailer.open().await.map_err(|error| fault::delivery(&error, None, mailer.from()))
}

async fn send(
    session: &mut Session,
    mails: &Mails<'_>,
    left: &[&MailAddress],
    mailer: &Mailer,
    taken: &mut Taken<'_>,
) -> Result<(), DeliveryError> {
    let name = compose::clean(&mails.item.about.file_name);
    let mut refused = Vec::new();
    for &to in left {
        match session.send(&mails.letter(to, &name)).await {
            Ok(()) => taken.add(to),
            // what the server says about one mail need not be true of the next
            Err(error @ MailError::Refused(_)) => {
                let error = fault::delivery(&error, Some(to), mailer.from());
                if let DeliveryError::Endpoint { .. } = error {
                    return Err(error);
                }
                refused.push(error);
            }
            Err(error) => return Err(fault::delivery(&error, Some(to), mailer.from())),
        }
    }
    combined(refused)
}

/// Makes one failure of those of several people: as long as one of them may pass, it is tried again.
fn combined(refused: Vec<DeliveryError>) -> Result<(), DeliveryError> {
    let count = refused.len();
    let passing = refused.iter().position(|error| error.class() == "transient").unwrap_or_default();
    let Some(mut first) = refused.into_iter().nth(passing) else { return Ok(()) };
    if count > 1
        && let DeliveryError::Transient { message, .. } | DeliveryError::Item { message, .. } = &mut first
    {
        let others = count - 1;
        let _ =
            write!(message, " (And {others} more of the recipients; whoever was taken gets no second mail.)");
    }
    Err(first)
}

/// Reads the picture, and lets nothing out whose bytes are not those that were accepted.
async fn read(item: &Item) -> Result<Vec<u8>, DeliveryError> {
    let mut bytes = Vec::with_capacity(usize::try_from(item.size).unwrap_or_default());
    inspect(item, |piece| bytes.extend_from_slice(piece)).await?;
    Ok(bytes)
}

/// Who has a mail already, kept with the delivery so that the next attempt leaves them out.
struct Taken<'a> {
    notes: &'a Notes,
    marks: BTreeSet<String>,
}

impl<'a> Taken<'a> {
    fn of(notes: &'a Notes) -> Self {
        let kept = notes.read();
        let marks = kept["taken"].as_array().into_iter().flatten().filter_map(|mark| mark.as_str());
        Self { marks: marks.map(str::to_owned).collect(), notes }
    }

    fn has(&self, to: &MailAddress) -> bool {
        self.marks.contains(&compose::mark(to))
    }

    fn add(&mut self, to: &MailAddress) {
        self.marks.insert(compose::mark(to));
        self.notes.write(json!({"taken": self.marks}));
    }
}

fn receipt(recipients: &[MailAddress], enclosed: Enclosed) -> Receipt {
    let people: Vec<_> = recipients.iter().map(MailAddress::as_str).collect();
    let form = match enclosed {
        Enclosed::Picture => "attachment",
        Enclosed::Link => "link",
    };
    Receipt {
        location: json!({"to": people.join(","), "sent_as": form}),
        proof: json!({"taken": recipients.len()}),
    }
}

/// The server's word is all there is: a receipt is made only when it has taken every mail.
pub(super) fn verify(receipt: &Receipt) -> Result<VerifiedBy, DeliveryError> {
    match receipt.proof["taken"].as_u64() {
        Some(1..) => Ok(VerifiedBy::Acknowledged),
        _ => Err(DeliveryError::endpoint("The receipt of this delivery cannot be read; it is sent again")),
    }
}
