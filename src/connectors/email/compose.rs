//! What a mail says about a picture.

use sha2::{Digest, Sha256};

use super::super::Item;
use super::Settings;
use super::template::{Placeholder, TextTemplate};
use crate::platform::mail::MailAddress;

/// As much of one value as a mail shows, in characters.
const MOST: usize = 200;
/// What stands where nothing is known.
const NOTHING: &str = "-";

/// How the picture travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enclosed {
    /// In the mail.
    Picture,
    /// As a link to the portal.
    Link,
}

/// Gives subject and text.
pub(super) fn words(settings: &Settings, item: &Item, enclosed: Enclosed) -> (String, String) {
    let value = |placeholder| clean(&value(placeholder, item));
    let mut text = settings.body_template.fill(value);
    if enclosed == Enclosed::Link && !has_link(&settings.body_template) {
        text.push_str("\n\nIn the portal, with a sign-in: ");
        text.push_str(&clean(&item.about.link));
    }
    (settings.subject_template.fill(value), text)
}

fn has_link(template: &TextTemplate) -> bool {
    template.has(Placeholder::Link)
}

fn value(placeholder: Placeholder, item: &Item) -> String {
    let about = &item.about;
    match placeholder {
        Placeholder::FileName => about.file_name.clone(),
        Placeholder::UseCase => about.use_case.clone(),
        Placeholder::Conversation => about.conversation.clone(),
        Placeholder::Agent => about.agent.clone(),
        Placeholder::Kind => about.kind.clone(),
        Placeholder::Size => size(item.size),
        Placeholder::TakenAt => about.taken_at.map(|at| at.to_string()).unwrap_or_default(),
        Placeholder::Link => about.link.clone(),
        Placeholder::Delivery => item.delivery.to_string(),
    }
}

/// Gives a value as one short line: what it holds came from outside.
pub(super) fn clean(value: &str) -> String {
    let is_plain = |sign: char| {
        !sign.is_control()
            && !matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let plain: String = value.chars().map(|sign| if is_plain(sign) { sign } else { ' ' }).collect();
    let line: String = plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST).collect();
    if line.is_empty() { NOTHING.to_owned() } else { line }
}

fn size(bytes: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = u128::from(bytes) * 10 / u128::from(unit);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KB", tenths(1024)),
        _ => format!("{} MB", tenths(1_048_576)),
    }
}

/// Names the mail of a delivery to one person: the same at every attempt, another for everybody.
pub(super) fn id(item: &Item, to: &MailAddress) -> String {
    format!("{}.{}", item.delivery, mark(to))
}

/// Stands for a person where the address itself need not stand.
pub(super) fn mark(to: &MailAddress) -> String {
    hex::encode(Sha256::digest(to.as_str().to_ascii_lowercase()))[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_one_short_line() {
        for (value, line) in [
            ("roof.jpg", "roof.jpg"),
            ("a\r\nBcc: eve@example.com\r\n.\r\n", "a Bcc: eve@example.com ."),
            ("\u{202e}gpj.\0\u{2028}x", "gpj. x"),
            (" \t\n", "-"),
            ("", "-"),
        ] {
            assert_eq!(clean(value), line);
        }
        assert_eq!(clean(&"ü".repeat(5000)).chars().count(), MOST);
    }

    #[test]
    fn a_mail_is_named_after_delivery_and_person() {
        let item = Item::probe();
        let [ada, same, eve] = ["ada@example.com", "Ada@Example.com", "eve@example.com"]
            .map(|text| id(&item, &text.parse().unwrap()));
        assert_eq!(ada, same);
        assert!(ada != eve && ada.starts_with(&item.delivery.to_string()) && !ada.contains("ada"));
    }
}
