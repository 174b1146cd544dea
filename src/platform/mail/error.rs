//! Why a mail was not taken.

use lettre::transport::smtp;

use crate::platform::outbound::OutboundError;

/// How many signs of a server's own words are kept.
const QUOTED: usize = 200;

/// What was being done when a server said no, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It was to say who it is and what it can do.
    Greeting,
    /// It was to let us in.
    SignIn,
    /// It was told whom the mail comes from.
    Sender,
    /// It was told whom the mail is for.
    Recipient,
    /// It was given the mail.
    Content,
}

/// A server's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it was about.
    pub stage: Stage,
    /// Its three digits: 4xx passes, 5xx does not.
    pub code: u16,
    /// Its words in one harmless line; empty while signing in, where it may repeat what it was told.
    pub words: String,
}

impl Refusal {
    /// Tells whether the server wants to be asked again later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.code < 500
    }
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The server was not reached, or did not prove who it is.
    #[error("not reached")]
    Unreached(#[from] OutboundError),
    /// The server offers no STARTTLS, or somebody took the offer away. Nothing was said to it.
    #[error("the server offers no STARTTLS")]
    NoStartTls,
    /// What answers does not speak SMTP as it should.
    #[error("the server does not speak SMTP")]
    NotSmtp,
    /// There is an account, and no way to sign in that we know.
    #[error("the server offers no way to sign in that we know")]
    NoSignIn,
    /// The server said no.
    #[error("refused with {}", .0.code)]
    Refused(Refusal),
    /// The mail has more bytes than the server takes.
    #[error("{size} bytes are more than the {most} that the server takes")]
    TooLarge {
        /// How many bytes it has.
        size: u64,
        /// How many the server takes.
        most: u64,
    },
    /// The mail could not be written down.
    #[error("the mail cannot be written: {0}")]
    Unwritable(String),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(Stage),
    /// The server said nothing for too long.
    #[error("no answer in time")]
    Late(Stage),
}

impl MailError {
    /// Reads an error of the library below.
    pub(super) fn of(stage: Stage, error: &smtp::Error) -> Self {
        tracing::debug!(?stage, status = ?error.status().map(u16::from), "a mail server was not content");
        match error.status() {
            Some(code) => {
                let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                let words = if stage == Stage::SignIn { String::new() } else { one_line(&said) };
                Self::Refused(Refusal { stage, code: code.into(), words })
            }
            None if error.is_response() && stage == Stage::Greeting && !has_ended(error) => Self::NotSmtp,
            None => Self::Broken(stage),
        }
    }
}

/// Tells whether the server hung up, which the library takes for an answer that cannot be read.
fn has_ended(error: &smtp::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.to_string() == "incomplete response")
}

/// Gives a server's words as one short line without signs that show nothing.
fn one_line(said: &str) -> String {
    let is_harmless = |sign: char| {
        !sign.is_control()
            && !matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let clean: String = said.chars().map(|sign| if is_harmless(sign) { sign } else { ' ' }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_short_and_harmless() {
        assert_eq!(one_line("5.7.1 no\r\n\u{202e}way\u{7}  here"), "5.7.1 no way here");
        assert_eq!(one_line(&"ü".repeat(10_000)).chars().count(), QUOTED);
    }
}
