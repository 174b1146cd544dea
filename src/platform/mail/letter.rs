//! A mail as it is written down.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{self, Mailbox, MultiPart, SinglePart};

use super::MailAddress;
use super::error::MailError;
use crate::platform::clock::Timestamp;

/// The longest line of a subject that programs show whole.
const MOST_SUBJECT: usize = 200;

/// A mail to one person.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// What names it, the same whenever it is sent again; without the domain.
    pub id: String,
    /// Whom it is for.
    pub to: &'a MailAddress,
    /// What it is about. Signs that a header cannot hold become blanks.
    pub subject: &'a str,
    /// What it says, in lines that end with `\n`.
    pub text: &'a str,
    /// What is enclosed.
    pub attachment: Option<Attachment<'a>>,
    /// When it was written.
    pub date: Timestamp,
}

/// A file that goes along.
#[derive(Debug, Clone)]
pub struct Attachment<'a> {
    /// How it is called. Signs that a header cannot hold become blanks.
    pub name: &'a str,
    /// What it is.
    pub mime_type: &'a str,
    /// All of it.
    pub bytes: &'a [u8],
}

impl Letter<'_> {
    /// Gives the name of the mail as the world knows it.
    pub(super) fn message_id(&self, from: &MailAddress) -> String {
        format!("<{}@{}>", self.id, from.domain())
    }

    /// Writes the mail down.
    pub(super) fn write(&self, from: &MailAddress) -> Result<Vec<u8>, MailError> {
        let unwritable = |error: &dyn std::fmt::Display| MailError::Unwritable(error.to_string());
        let mailbox = |address: &MailAddress| {
            address.for_mail().map(|address| Mailbox::new(None, address)).map_err(|error| unwritable(&error))
        };
        let millis = u64::try_from(self.date.millis()).unwrap_or_default();
        let head = message::Message::builder()
            .from(mailbox(from)?)
            .to(mailbox(self.to)?)
            .subject(one_line(self.subject, MOST_SUBJECT))
            .date(UNIX_EPOCH + Duration::from_millis(millis))
            .message_id(Some(self.message_id(from)))
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        let text = SinglePart::plain(self.text.replace('\n', "\r\n"));
        let written = match &self.attachment {
            None => head.singlepart(text),
            Some(file) => {
                let kind = ContentType::parse(file.mime_type).or_else(|_| ContentType::parse(UNKNOWN));
                let kind = kind.map_err(|error| unwritable(&error))?;
                let name = one_line(file.name, usize::MAX);
                let enclosed = message::Attachment::new(name).body(file.bytes.to_vec(), kind);
                head.multipart(MultiPart::mixed().singlepart(text).singlepart(enclosed))
            }
        };
        Ok(written.map_err(|error| unwritable(&error))?.formatted())
    }
}

/// What a file is that nobody knows better.
const UNKNOWN: &str = "application/octet-stream";

/// Gives a text that fits a header: one line, at most so many signs.
fn one_line(text: &str, most: usize) -> String {
    let is_break = |sign: char| sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}');
    text.chars().map(|sign| if is_break(sign) { ' ' } else { sign }).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(subject: &str, text: &str, name: &str) -> String {
        let (from, to) = ("hub@example.com".parse().unwrap(), "ada@example.com".parse().unwrap());
        let letter = Letter {
            id: "01a1-7f".to_owned(),
            to: &to,
            subject,
            text,
            attachment: Some(Attachment { name, mime_type: "image/jpeg", bytes: b"\xff\xd8\xff" }),
            date: Timestamp::from_millis(1_700_000_000_000),
        };
        String::from_utf8(letter.write(&from).unwrap()).expect("a mail is plain text")
    }

    #[test]
    fn headers_are_those_that_were_designed() {
        let mail = written("Roof", "Hello\nthere", "roof.jpg");
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        for line in [
            "From: hub@example.com",
            "To: ada@example.com",
            "Subject: Roof",
            "Date: Tue, 14 Nov 2023 22:13:20 +0000",
            "Message-ID: <01a1-7f@example.com>",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(head.lines().any(|known| known == line), "{line}: {head}");
        }
    }

    #[test]
    fn nothing_that_is_named_becomes_a_header_or_an_end() {
        let evil = "a\r\nBcc: eve@example.com\r\n\r\n.\r\nMAIL FROM:<eve@example.com>\r\n\u{2028}ü\0";
        let mail = written(evil, "x\n.\nBcc: eve@example.com", evil);

        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        let names: Vec<_> = head
            .lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap_or_default())
            .collect();
        let designed =
            ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"];
        assert_eq!(names, designed, "{head}");
        assert!(mail.is_ascii() && !mail.replace("\r\n", "").contains(['\r', '\n', '\0']));
        assert!(mail.lines().all(|line| line.len() < 998), "{mail}");
    }
}
