//! What a mail server's no means, and what helps.

use super::super::{DeliveryError, ItemProblem};
use crate::platform::mail::{MailAddress, MailError, Refusal, Stage};

/// Says that the operator has set no server.
pub(super) fn no_server() -> DeliveryError {
    DeliveryError::endpoint(
        "This installation has no mail server. Ask its operator to set MEDIAPORT_SMTP_URL and MEDIAPORT_SMTP_FROM",
    )
}

/// Judges a failure. `to` is the recipient whom it is about, `from` the sender.
pub(super) fn delivery(error: &MailError, to: Option<&MailAddress>, from: &MailAddress) -> DeliveryError {
    match error {
        MailError::Unreached(cause) => DeliveryError::unreached(cause),
        MailError::NoStartTls => DeliveryError::endpoint(
            "rejected: the mail server offers no STARTTLS, or somebody between has taken the offer away. Nothing was \
             sent, no password either. Have the operator look at the server, or use smtps:// if it speaks TLS at once",
        ),
        MailError::NotSmtp => DeliveryError::endpoint(
            "rejected: what answers there does not speak SMTP as it should. Have the operator check host, port and \
             kind (smtp+starttls:// or smtps://)",
        ),
        MailError::NoSignIn => DeliveryError::endpoint(
            "The mail server offers no way to sign in that we know (AUTH PLAIN or LOGIN). Have password sign-in allowed, \
             or use a server that takes mail without",
        ),
        MailError::TooLarge { most, .. } => DeliveryError::item(
            ItemProblem::TooLarge,
            format!(
                "The mail server takes mails of at most {most} bytes, and this one has more. Lower max_megabytes or \
                 send links, then retry"
            ),
        ),
        MailError::Unwritable(cause) => {
            tracing::debug!(%cause, "a mail could not be written");
            DeliveryError::item(
                ItemProblem::Rejected,
                "No mail can be made of this picture's name and type. Hand it in under another name",
            )
        }
        MailError::Broken(Stage::Greeting) | MailError::Late(Stage::Greeting) => DeliveryError::transient(
            "unreachable: the mail server broke off or fell silent before it let us in; it is tried again",
        ),
        MailError::Broken(stage) | MailError::Late(stage) => silent(*stage),
        MailError::Refused(refusal) => refused(refusal, to, from),
    }
}

fn silent(stage: Stage) -> DeliveryError {
    DeliveryError::transient(match stage {
        Stage::Content => {
            "The mail server broke off or fell silent before it said that it has the mail. It is tried again, so that \
             somebody may get it twice"
        }
        _ => "The mail server broke off or fell silent in the middle; it is tried again",
    })
}

fn refused(refusal: &Refusal, to: Option<&MailAddress>, from: &MailAddress) -> DeliveryError {
    let code = refusal.code;
    let words = match refusal.words.as_str() {
        "" => String::new(),
        words => format!(" The server's words: \u{201c}{words}\u{201d}"),
    };
    let to = to.map_or("the recipient", MailAddress::as_str);
    if is_about_size(refusal) {
        return DeliveryError::item(
            ItemProblem::TooLarge,
            format!(
                "The mail server answered {code}: the mail is too large. Lower max_megabytes or send links, then retry.{words}"
            ),
        );
    }
    match (refusal.stage, refusal.is_passing()) {
        (Stage::Greeting, true) => DeliveryError::transient(
            "rejected: the mail server takes no connection at the moment; it is tried again",
        ),
        (Stage::Greeting, false) => DeliveryError::endpoint(
            "rejected: the mail server takes nothing from this machine. Ask whoever runs it to allow its address",
        ),
        (Stage::SignIn, true) => DeliveryError::transient(format!(
            "The mail server answered {code}: it cannot check the password at the moment; it is tried again"
        )),
        (Stage::SignIn, false) => DeliveryError::endpoint(format!(
            "The mail server answered {code}: it refuses the operator's user name and password. Have them checked in \
             MEDIAPORT_SMTP_URL"
        )),
        (Stage::Sender, true) => DeliveryError::transient(format!(
            "The mail server answered {code}: it takes no mail at the moment; it is tried again.{words}"
        )),
        (Stage::Sender, false) if code == 530 => DeliveryError::endpoint(format!(
            "The mail server answered 530: it wants a sign-in or TLS first. Have the operator correct \
             MEDIAPORT_SMTP_URL.{words}"
        )),
        (Stage::Sender, false) => DeliveryError::endpoint(format!(
            "The mail server answered {code}: it takes no mail from {from}. Have the operator correct \
             MEDIAPORT_SMTP_FROM, or allow it for this account.{words}"
        )),
        (Stage::Recipient, true) => DeliveryError::transient(format!(
            "The mail server answered {code}: it takes no mail for {to} at the moment (a full mailbox, or it wants to \
             be asked twice); it is tried again.{words}"
        )),
        (Stage::Recipient, false) => DeliveryError::item(
            ItemProblem::Rejected,
            format!(
                "The mail server answered {code}: it takes no mail for {to}. Correct the address, or have the server \
                 allow it, then retry.{words}"
            ),
        ),
        (Stage::Content, true) => DeliveryError::transient(format!(
            "The mail server answered {code}: it cannot keep the mail at the moment; it is tried again.{words}"
        )),
        (Stage::Content, false) => DeliveryError::item(
            ItemProblem::Rejected,
            format!(
                "The mail server answered {code}: it refuses the mail to {to} itself, as filters for content do. Have \
                 the server allow it, or send links, then retry.{words}"
            ),
        ),
    }
}

/// RFC 5321 has 552, RFC 3463 has 5.3.4 for a mail that is too large; 552 for a recipient is a full mailbox.
fn is_about_size(refusal: &Refusal) -> bool {
    let is_said = refusal.words.starts_with("5.3.4");
    is_said || (refusal.code == 552 && matches!(refusal.stage, Stage::Sender | Stage::Content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::outbound::OutboundError;

    fn judged(error: &MailError) -> DeliveryError {
        let (to, from) = ("ada@example.com".parse().unwrap(), "hub@example.com".parse().unwrap());
        delivery(error, Some(&to), &from)
    }

    fn answer(stage: Stage, code: u16, words: &str) -> MailError {
        MailError::Refused(Refusal { stage, code, words: words.to_owned() })
    }

    #[test]
    fn every_no_says_whose_turn_it_is() {
        use Stage::{Content, Greeting, Recipient, Sender, SignIn};
        for (error, class, said) in [
            (MailError::Unreached(OutboundError::TimedOut), "transient", "unreachable"),
            (MailError::NoStartTls, "endpoint", "rejected"),
            (MailError::NotSmtp, "endpoint", "rejected"),
            (MailError::Broken(Greeting), "transient", "unreachable"),
            (MailError::Late(Greeting), "transient", "unreachable"),
            (answer(Greeting, 421, ""), "transient", "rejected"),
            (answer(Greeting, 554, ""), "endpoint", "rejected"),
            (MailError::NoSignIn, "endpoint", "AUTH PLAIN"),
            (answer(SignIn, 454, ""), "transient", "454"),
            (answer(SignIn, 535, ""), "endpoint", "password"),
            (answer(Sender, 451, ""), "transient", "451"),
            (answer(Sender, 530, ""), "endpoint", "sign-in"),
            (answer(Sender, 550, ""), "endpoint", "hub@example.com"),
            (answer(Sender, 552, ""), "item", "too large"),
            (answer(Recipient, 450, "4.2.1 later"), "transient", "ada@example.com"),
            (answer(Recipient, 550, "5.1.1 nobody"), "item", "ada@example.com"),
            (answer(Recipient, 552, "5.2.2 full"), "item", "ada@example.com"),
            (answer(Content, 452, ""), "transient", "452"),
            (answer(Content, 552, ""), "item", "too large"),
            (answer(Content, 554, "5.3.4 size"), "item", "too large"),
            (answer(Content, 554, "5.7.1 no"), "item", "content"),
            (MailError::TooLarge { size: 2, most: 1 }, "item", "at most 1 bytes"),
            (MailError::Broken(Content), "transient", "twice"),
            (MailError::Late(Sender), "transient", "tried again"),
            (MailError::Unwritable(String::new()), "item", "another name"),
        ] {
            let judged = judged(&error);
            assert_eq!(judged.class(), class, "{error:?}: {judged}");
            assert!(judged.message().contains(said), "{error:?}: {judged}");
        }
    }
}
