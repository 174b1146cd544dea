//! What a receiver's answer means. All of it is hostile until it has been read.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::StreamExt;
use http::header::{CONTENT_TYPE, HeaderMap, REFRESH};
use http::{Response, StatusCode};
use http_body_util::BodyDataStream;
use serde::{Deserialize, Serialize};

use super::super::{DeliveryError, Item, ItemProblem, Receipt, VerifiedBy};
use super::{Secrets, headers};
use crate::platform::clock::Clock;
use crate::platform::outbound::retry_after;

/// How a receiver says what it has. `Content-Digest` in an answer would speak of the answer's own bytes.
const RECEIVED: &str = "mediaport-received";
/// How much of an answer is read, in bytes, and for how long in all.
const MOST: usize = 64 * 1024;
const READING: Duration = Duration::from_secs(10);
/// How much of it people see, in characters.
const QUOTED: usize = 300;
/// Shorter words of a header, such as `Basic`, are no secrets.
const SECRET_WORD: usize = 8;

/// What the receiver said when it took a file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proof {
    pub(super) status: u16,
    /// The SHA-256 of what it has, lower-case hex, when it says so.
    pub(super) received: Option<String>,
}

/// Reads an answer. Anything but a 2xx that leads nowhere else says that the file was not taken.
pub(super) async fn judge(
    answer: Response<reqwest::Body>,
    secrets: &Secrets,
) -> Result<Proof, DeliveryError> {
    let (head, body) = answer.into_parts();
    let status = head.status;
    // read in any case: a connection with an unread answer cannot be used again
    let said = read(body).await;
    tracing::debug!(status = status.as_u16(), "a receiver answered");
    if status.is_redirection() || (status.is_success() && head.headers.contains_key(REFRESH)) {
        return Err(elsewhere(status));
    }
    if status.is_success() {
        return Ok(Proof { status: status.as_u16(), received: received(&head.headers)? });
    }
    Err(refusal(status, &head.headers, &quoted(&head.headers, &said, secrets)))
}

/// Compares what the receiver says it has with what was sent.
pub(super) fn verify(item: &Item, receipt: &Receipt) -> Result<VerifiedBy, DeliveryError> {
    let proof: Proof = serde_json::from_value(receipt.proof.clone()).map_err(|_| {
        DeliveryError::endpoint("The receipt of this delivery cannot be read; it is sent again")
    })?;
    match proof.received {
        None => Ok(VerifiedBy::Acknowledged),
        Some(received) if received == item.sha256 => Ok(VerifiedBy::Sha256),
        Some(_) => Err(DeliveryError::transient(
            "The receiver says that it has other bytes than were sent, so the file does not count as delivered. \
             It is sent again; check the receiver if this goes on",
        )),
    }
}

/// Reads `sha-256=:…:`, alone or among other sums.
fn received(headers: &HeaderMap) -> Result<Option<String>, DeliveryError> {
    let Some(value) = headers.get(RECEIVED) else { return Ok(None) };
    let sum = value.to_str().ok().and_then(|text| {
        let base64 =
            text.split(',').find_map(|sum| sum.trim().strip_prefix("sha-256=:")?.strip_suffix(':'))?;
        BASE64.decode(base64).ok().filter(|bytes| bytes.len() == 32)
    });
    let unreadable = "The receiver's header Mediaport-Received cannot be read. It has to be sha-256=:…: with the \
        base64 of the file's SHA-256, or be left out";
    sum.map(|sum| Some(hex::encode(sum))).ok_or_else(|| DeliveryError::endpoint(unreadable))
}

fn elsewhere(status: StatusCode) -> DeliveryError {
    DeliveryError::endpoint(format!(
        "The receiver answered {} and points to another address. Redirects are not followed, since files and secrets \
         would go where nobody tested; enter the final address",
        status.as_u16()
    ))
}

fn refusal(status: StatusCode, headers: &HeaderMap, words: &str) -> DeliveryError {
    let number = status.as_u16();
    let later = |message: String| DeliveryError::Transient {
        retry_after: retry_after(headers, Clock::system().now()),
        message,
    };
    match number {
        408 | 425 | 429 | 500..=599 => later(format!(
            "The receiver answered {number}: it cannot take the file now; it is tried again.{words}"
        )),
        // what receivers that know keys say while an earlier attempt is still at work
        409 => later(format!(
            "The receiver answered 409: it is still at work on an earlier attempt, or the file conflicts with \
             something there; it is tried again with the same key.{words}"
        )),
        413 => DeliveryError::item(
            ItemProblem::TooLarge,
            format!(
                "The receiver answered 413: it takes no file of this size. Raise its limit, then retry.{words}"
            ),
        ),
        400 | 415 | 422 => DeliveryError::item(
            ItemProblem::Rejected,
            format!(
                "The receiver answered {number}: it refuses this file. Ask whoever runs it, then retry.{words}"
            ),
        ),
        401 | 403 => DeliveryError::endpoint(format!(
            "The receiver answered {number}: it does not let us in. Check the endpoint's headers and signing secret.{words}"
        )),
        404 | 410 => DeliveryError::endpoint(format!(
            "The receiver answered {number}: nothing takes files at this address. Check the URL.{words}"
        )),
        405 => DeliveryError::endpoint(format!(
            "The receiver answered 405: it takes no POST at this address. Check the URL.{words}"
        )),
        _ => DeliveryError::endpoint(format!(
            "The receiver answered {number}, which is no answer to a file. Check the URL and the receiver.{words}"
        )),
    }
}

/// Reads the beginning of an answer. Where it breaks off or takes too long, what has come is enough to quote.
async fn read(body: reqwest::Body) -> Vec<u8> {
    let mut said = Vec::new();
    let mut pieces = BodyDataStream::new(body);
    let reading = async {
        while let Some(Ok(piece)) = pieces.next().await {
            said.extend_from_slice(&piece[..piece.len().min(MOST - said.len())]);
            if said.len() == MOST {
                break;
            }
        }
    };
    if tokio::time::timeout(READING, reading).await.is_err() {
        tracing::debug!("a receiver did not come to the end of its answer");
    }
    said
}

/// Quotes the receiver's own words in one short line. Pages for people say nothing here, and what it repeats of our
/// secrets is taken out.
fn quoted(headers: &HeaderMap, said: &[u8], secrets: &Secrets) -> String {
    let is_page = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/html"));
    let text = without(String::from_utf8_lossy(said).into_owned(), secrets);
    let clean: String =
        text.chars().map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c }).collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(QUOTED).collect();
    if is_page || line.is_empty() {
        String::new()
    } else {
        format!(" The receiver's words: \u{201c}{line}\u{201d}")
    }
}

/// Tells whether a sign shows nothing and may turn the order of those around it.
fn is_invisible(sign: char) -> bool {
    matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

fn without(text: String, secrets: &Secrets) -> String {
    let added = headers::read(secrets.headers.expose()).unwrap_or_default();
    let values = added.values().filter_map(|value| value.to_str().ok());
    let words = values.flat_map(|value| std::iter::once(value).chain(value.split_whitespace()));
    let query = secrets.query.expose().as_str();
    let parts = std::iter::once(query).chain(query.split(['&', '=']));
    let secret_words = words.chain(parts).filter(|word| word.len() >= SECRET_WORD);
    let text = secret_words.fold(text, |text, word| text.replace(word, "[secret]"));
    match secrets.signing_secret.expose().as_str() {
        "" => text,
        key => text.replace(key, "[secret]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<reqwest::Body> {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        answer.body(reqwest::Body::from(body.to_owned())).unwrap()
    }

    async fn refused(status: u16, headers: &[(&str, &str)], body: &str) -> DeliveryError {
        let secrets = Secrets {
            headers: "Authorization: Bearer hunter2hunter2".into(),
            query: "token=swordfish9".into(),
            ..Secrets::default()
        };
        judge(answer(status, headers, body), &secrets).await.expect_err("refused")
    }

    #[tokio::test]
    async fn every_status_says_whose_turn_it_is() {
        let endpoint =
            [300, 301, 302, 303, 304, 307, 308, 401, 402, 403, 404, 405, 407, 410, 411, 418, 421, 451];
        for (class, statuses) in [
            ("endpoint", &endpoint[..]),
            ("item", &[400, 413, 415, 422]),
            ("transient", &[408, 409, 425, 429, 500, 501, 502, 503, 504, 507, 599]),
        ] {
            for &status in statuses {
                let error = refused(status, &[], "").await;
                assert_eq!(error.class(), class, "{status}: {error}");
                assert!(error.message().contains(&status.to_string()), "{error}");
            }
        }
        for status in [200, 201, 202, 204, 207] {
            let proof = judge(answer(status, &[], "fine"), &Secrets::default()).await;
            assert_eq!(proof, Ok(Proof { status, received: None }));
        }
        assert_eq!(refused(200, &[("refresh", "0; url=/x")], "").await.class(), "endpoint");
    }

    #[tokio::test]
    async fn a_receivers_words_are_short_harmless_and_without_our_secrets() {
        let said = "no\u{7}\r\n\u{202e}hunter2hunter2 Bearer hunter2hunter2 token=swordfish9 swordfish9";
        let message = refused(422, &[], said).await.message().to_owned();
        assert!(
            message.ends_with("words: \u{201c}no [secret] [secret] [secret] [secret]\u{201d}"),
            "{message}"
        );

        let long = refused(400, &[], &"ü".repeat(100_000)).await.message().to_owned();
        assert_eq!(long.matches('ü').count(), 300);
        let page = refused(404, &[("content-type", "text/HTML; charset=utf-8")], "<h1>Not found</h1>").await;
        assert!(!page.message().contains("h1"), "{page}");
    }

    #[tokio::test]
    async fn a_receiver_says_what_it_has_in_one_way() {
        let sum = "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:";
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for good in [sum.to_owned(), format!("md5=:AA==:, {sum}")] {
            let proof = judge(answer(200, &[(RECEIVED, &good)], ""), &Secrets::default()).await;
            assert_eq!(proof.unwrap().received.as_deref(), Some(hex), "{good}");
        }
        for bad in ["", hex, "sha-256=ungW", "sha-256=:ungW:", "sha-512=:AA==:"] {
            assert_eq!(refused(200, &[(RECEIVED, bad)], "").await.class(), "endpoint", "{bad}");
        }
        let other = answer(200, &[("content-digest", sum)], "");
        assert_eq!(judge(other, &Secrets::default()).await.unwrap().received, None);
    }
}
