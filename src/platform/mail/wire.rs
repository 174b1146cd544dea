//! The stream below a conversation with a server, and how it comes to be encrypted.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::error::{MailError, Stage};

/// How long an answer in clear may take, and how long it may be.
const ANSWER: Duration = Duration::from_secs(30);
const MOST: usize = 16 * 1024;

/// A stream, and what of it was read before.
///
/// The library above begins a conversation by reading a greeting. A server greets once, before TLS, so that its greeting
/// is kept and given to the library behind TLS. Nothing else that was said in clear gets there.
#[derive(Debug)]
pub(super) struct Wire {
    said: Bytes,
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Wraps a stream in clear.
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self { said: Bytes::new(), stream: Stream::Plain(stream) }
    }

    /// Wraps an encrypted stream; `greeting` is what the server said before.
    pub(super) fn encrypted(stream: TlsStream<TcpStream>, greeting: String) -> Self {
        Self { said: greeting.into(), stream: Stream::Encrypted(Box::new(stream)) }
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.stream {
            Stream::Plain(stream) => stream.peer_addr(),
            Stream::Encrypted(stream) => stream.get_ref().0.peer_addr(),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.said.has_remaining() {
            let length = buffer.remaining().min(self.said.len());
            buffer.put_slice(&self.said.split_to(length));
            return Poll::Ready(Ok(()));
        }
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// Asks a server in clear to speak TLS, says nothing else, and gives its greeting.
///
/// What a server sends behind its consent was not protected and would be taken for an answer from behind TLS: whoever
/// sends such a thing is not spoken to any more.
pub(super) async fn ask_for_tls<S>(stream: &mut S, name: &ClientId) -> Result<String, MailError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut read = BytesMut::new();
    let greeting = answer(stream, &mut read).await?;
    expect(&greeting, 220)?;
    let offers = ask(stream, &mut read, &format!("EHLO {name}\r\n")).await?;
    expect(&offers, 250)?;
    let is_offer =
        |line: &str| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"));
    if !offers.lines().any(is_offer) {
        return Err(MailError::NoStartTls);
    }
    let consent = ask(stream, &mut read, "STARTTLS\r\n").await?;
    if !consent.starts_with("220") {
        return Err(MailError::NoStartTls);
    }
    if read.is_empty() { Ok(greeting) } else { Err(MailError::NotSmtp) }
}

async fn ask<S>(stream: &mut S, read: &mut BytesMut, line: &str) -> Result<String, MailError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |_| MailError::Broken(Stage::Greeting);
    timeout(ANSWER, stream.write_all(line.as_bytes()))
        .await
        .map_err(|_| MailError::Late(Stage::Greeting))?
        .map_err(broken)?;
    answer(stream, read).await
}

/// Reads one answer, all its lines; what comes behind it stays in `read`.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S, read: &mut BytesMut) -> Result<String, MailError> {
    let reading = async {
        loop {
            if let Some(length) = answer_length(read) {
                let said = read.split_to(length);
                return String::from_utf8(said.to_vec()).map_err(|_| MailError::NotSmtp);
            }
            if read.len() > MOST {
                return Err(MailError::NotSmtp);
            }
            match stream.read_buf(read).await {
                Ok(0) | Err(_) => return Err(MailError::Broken(Stage::Greeting)),
                Ok(_) => {}
            }
        }
    };
    timeout(ANSWER, reading).await.map_err(|_| MailError::Late(Stage::Greeting))?
}

/// Finds the end of the first answer: the line that has no `-` behind its number. A line without a number ends it too,
/// since no mail server says such a thing.
fn answer_length(read: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(length) = read[at..].iter().position(|byte| *byte == b'\n') {
        let line = &read[at..at + length];
        at += length + 1;
        let goes_on = line.get(3) == Some(&b'-') && line[..3].iter().all(u8::is_ascii_digit);
        if !goes_on {
            return Some(at);
        }
    }
    None
}

fn expect(answer: &str, code: u16) -> Result<(), MailError> {
    if answer.starts_with(&code.to_string()) {
        return Ok(());
    }
    match answer.get(..3).and_then(|digits| digits.parse().ok()) {
        Some(refused @ 400..=599) => Err(MailError::Refused(super::Refusal {
            stage: Stage::Greeting,
            code: refused,
            words: String::new(),
        })),
        _ => Err(MailError::NotSmtp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "250-mail.example.com\r\n250-SIZE 1000\r\n250 STARTTLS\r\n";

    /// Talks to a server that says these things whatever it hears, and gives what it heard.
    async fn talked(said: &[&str]) -> (Result<String, MailError>, String) {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let said: Vec<String> = said.iter().map(|text| (*text).to_owned()).collect();
        let server = async move {
            let mut heard = BytesMut::new();
            for text in said {
                theirs.write_all(text.as_bytes()).await.unwrap();
                theirs.read_buf(&mut heard).await.unwrap();
            }
            String::from_utf8(heard.to_vec()).unwrap()
        };
        let client = async move {
            let name = ClientId::Ipv4([127, 0, 0, 1].into());
            let asked = ask_for_tls(&mut ours, &name).await;
            drop(ours);
            asked
        };
        tokio::join!(client, server)
    }

    #[tokio::test]
    async fn only_the_greeting_comes_over_from_what_was_said_in_clear() {
        let (greeting, heard) = talked(&["220-hello\r\n220 mail\r\n", OFFER, "220 go on\r\n"]).await;

        assert_eq!(greeting.unwrap(), "220-hello\r\n220 mail\r\n");
        assert_eq!(heard, "EHLO [127.0.0.1]\r\nSTARTTLS\r\n");
    }

    #[tokio::test]
    async fn without_an_offer_nothing_more_is_said() {
        for offers in ["250-mail\r\n250-XXXXXXXX\r\n250 AUTH PLAIN\r\n", "250 STARTTLSX\r\n", "250 mail\r\n"]
        {
            let (asked, heard) = talked(&["220 mail\r\n", offers]).await;
            assert!(matches!(asked, Err(MailError::NoStartTls)), "{offers}: {asked:?}");
            assert_eq!(heard, "EHLO [127.0.0.1]\r\n");
        }
        let (asked, heard) = talked(&["220 mail\r\n", OFFER, "454 not now\r\n"]).await;
        assert!(matches!(asked, Err(MailError::NoStartTls)), "{asked:?}");
        assert_eq!(heard, "EHLO [127.0.0.1]\r\nSTARTTLS\r\n");
    }

    #[tokio::test]
    async fn what_somebody_puts_behind_the_consent_ends_it() {
        let smuggled = "220 go on\r\n250-mail\r\n250 AUTH PLAIN\r\n";
        let (asked, _) = talked(&["220 mail\r\n", OFFER, smuggled]).await;
        assert!(matches!(asked, Err(MailError::NotSmtp)), "{asked:?}");
    }

    #[tokio::test]
    async fn what_is_no_mail_server_is_noticed() {
        for said in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n", "\r\n"] {
            let (asked, heard) = talked(&[said]).await;
            assert!(matches!(asked, Err(MailError::NotSmtp)), "{said}: {asked:?}");
            assert_eq!(heard, "", "{said}");
        }
        let (asked, _) = talked(&["421 too many\r\n"]).await;
        assert!(matches!(asked, Err(MailError::Refused(refusal)) if refusal.code == 421));
    }
}
