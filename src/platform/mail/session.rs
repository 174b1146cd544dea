//! What is said to a server that has let us in.

use std::time::Duration;

use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use super::{Letter, MailAddress, MailError, MailSettings, Stage};

/// How long an answer may take. RFC 5321 asks for five minutes, which nobody waits for in a form; what really takes longer
/// is tried again.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a mail may take, its bytes and the server's answer to them: 25 MB, and what encoding adds, at 0.6 Mbit/s.
const CONTENT: Duration = Duration::from_mins(10);

/// A connection on which mail can be sent. Ends when it is dropped.
pub struct Session {
    connection: AsyncSmtpConnection,
    from: MailAddress,
    /// The largest mail in bytes, when the server says so; it need not be told sizes otherwise.
    size: Size,
}

/// What a server says about sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// Nothing.
    Unknown,
    /// It wants to be told, and takes any that it has room for.
    Any,
    /// At most so many bytes.
    AtMost(u64),
}

impl Session {
    /// Signs in, where there is an account, and asks what the server takes.
    pub(super) async fn start(
        mut connection: AsyncSmtpConnection,
        name: ClientId,
        settings: &MailSettings,
    ) -> Result<Self, MailError> {
        if let Some(account) = &settings.server.account {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            if connection.server_info().get_auth_mechanism(&mechanisms).is_none() {
                return Err(MailError::NoSignIn);
            }
            let credentials = Credentials::new(account.user.clone(), account.password.expose().clone());
            timed(Stage::SignIn, connection.auth(&mechanisms, &credentials)).await?;
        }
        // asked again, since the library keeps only a part of the answer
        let said = timed(Stage::Greeting, connection.command(Ehlo::new(name))).await?;
        Ok(Self { connection, from: settings.from.clone(), size: size(&said) })
    }

    /// Asks whether a mail would be taken for each of these, without sending one. Gives what the server said against
    /// single recipients.
    pub async fn ask<'a>(
        &mut self,
        recipients: &'a [MailAddress],
    ) -> Result<Vec<(&'a MailAddress, MailError)>, MailError> {
        self.announce(None).await?;
        let mut refused = Vec::new();
        for to in recipients {
            match self.name(to).await {
                Ok(()) => {}
                Err(error @ MailError::Refused(_)) => refused.push((to, error)),
                Err(error) => return Err(error),
            }
        }
        self.reset().await?;
        Ok(refused)
    }

    /// Sends a mail. When this returns well, the server has said that it has it. After a refusal the session may be used
    /// for another one.
    pub async fn send(&mut self, letter: &Letter<'_>) -> Result<(), MailError> {
        let bytes = letter.write(&self.from)?;
        let size = bytes.len() as u64;
        if let Size::AtMost(most) = self.size
            && size > most
        {
            return Err(MailError::TooLarge { size, most });
        }
        let sent = self.exchange(letter.to, &bytes).await;
        if let Err(MailError::Refused(_)) = sent
            && let Err(error) = self.reset().await
        {
            tracing::debug!(%error, "a server did not forget a mail that it refused");
        }
        sent
    }

    async fn exchange(&mut self, to: &MailAddress, bytes: &[u8]) -> Result<(), MailError> {
        self.announce(Some(bytes.len())).await?;
        self.name(to).await?;
        let ready = timed(Stage::Content, self.connection.command(Data)).await?;
        if !ready.has_code(354) {
            return Err(MailError::Broken(Stage::Content));
        }
        let sending = timeout(CONTENT, self.connection.message(bytes)).await;
        let taken = sending.map_err(|_| MailError::Late(Stage::Content))?;
        let taken = taken.map_err(|error| MailError::of(Stage::Content, &error))?;
        // anything else is no word that it has the mail
        if taken.has_code(250) { Ok(()) } else { Err(MailError::Broken(Stage::Content)) }
    }

    /// Says whom a mail comes from, and how large it is.
    async fn announce(&mut self, size: Option<usize>) -> Result<(), MailError> {
        let size = size.filter(|_| self.size != Size::Unknown).map(MailParameter::Size);
        let from = self.from.for_mail().map_err(|error| MailError::Unwritable(error.to_string()))?;
        let command = Mail::new(Some(from), size.into_iter().collect());
        timed(Stage::Sender, self.connection.command(command)).await.map(drop)
    }

    async fn name(&mut self, to: &MailAddress) -> Result<(), MailError> {
        let to = to.for_mail().map_err(|error| MailError::Unwritable(error.to_string()))?;
        timed(Stage::Recipient, self.connection.command(Rcpt::new(to, Vec::new()))).await.map(drop)
    }

    async fn reset(&mut self) -> Result<(), MailError> {
        timed(Stage::Sender, self.connection.command(Rset)).await.map(drop)
    }

    /// Tells whether the server still answers.
    pub async fn is_open(&mut self) -> bool {
        !self.connection.has_broken() && timed(Stage::Sender, self.connection.command(Noop)).await.is_ok()
    }

    /// Says goodbye. Whether the server answers changes nothing any more.
    pub async fn close(mut self) {
        if timeout(ANSWER, self.connection.quit()).await.is_err() {
            tracing::debug!("a mail server did not say goodbye");
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Session")
            .field("from", &self.from)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Waits for an answer, and not longer than an answer may take.
pub(super) async fn timed<T>(
    stage: Stage,
    asking: impl Future<Output = Result<T, smtp::Error>>,
) -> Result<T, MailError> {
    let answer = timeout(ANSWER, asking).await.map_err(|_| MailError::Late(stage))?;
    answer.map_err(|error| MailError::of(stage, &error))
}

/// Reads what a server says about sizes (RFC 1870); 0 and nothing say that there is no fixed limit.
fn size(said: &Response) -> Size {
    let mut words = said.message().map(str::split_whitespace);
    let parameter = words.find_map(|mut words| {
        words.next().filter(|word| word.eq_ignore_ascii_case("SIZE")).map(|_| words.next())
    });
    match parameter.map(|text| text.and_then(|text| text.parse().ok())) {
        None => Size::Unknown,
        Some(None | Some(0)) => Size::Any,
        Some(Some(most)) => Size::AtMost(most),
    }
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::response::{Category, Code, Detail, Severity};

    use super::*;

    #[test]
    fn a_server_may_say_how_large_a_mail_may_be() {
        let code = Code::new(Severity::PositiveCompletion, Category::MailSystem, Detail::Zero);
        for (line, expected) in [
            ("SIZE 1000", Size::AtMost(1000)),
            ("size 1000", Size::AtMost(1000)),
            ("SIZE", Size::Any),
            ("SIZE 0", Size::Any),
            ("SIZES 7", Size::Unknown),
        ] {
            let said = Response::new(code, vec!["mail.example.com".to_owned(), line.to_owned()]);
            assert_eq!(size(&said), expected, "{line}");
        }
    }
}
