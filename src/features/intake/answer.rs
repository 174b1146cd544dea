//! What the head of a server's answer says about a file that was asked for. All of it is hostile until it has been read.

use actix_web::http::header::{ContentDisposition, HeaderValue as ActixValue};
use http::header::{
    CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, REFRESH,
    TRANSFER_ENCODING,
};
use http::{Response, StatusCode};

use super::model::Expected;
use super::multipart;
use super::setback::Setback;
use crate::features::media::FailedReason;
use crate::platform::clock::Timestamp;
use crate::platform::outbound::retry_after;

/// What follows the last dot of a file name; more is a token, not an extension.
const MOST_EXTENSION: usize = 10;

/// What a server says about the file that it is about to send.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// How many bytes will come, if it says so.
    pub(super) length: Option<u64>,
    /// The type that it declares.
    pub(super) declared: Option<String>,
    /// The name that it gives; empty when it gives none.
    pub(super) name: String,
}

impl Head {
    /// Reads the head of an answer that brings the file, and says of any other what it means.
    pub(super) fn of<B>(answer: &Response<B>, expected: &Expected, now: Timestamp) -> Result<Self, Setback> {
        let headers = answer.headers();
        judge(answer.status(), headers, now)?;
        if headers.contains_key(REFRESH) {
            return Err(Setback::Final(FailedReason::Redirected));
        }
        if !matches!(text(headers, &CONTENT_ENCODING).to_ascii_lowercase().as_str(), "" | "identity") {
            return Err(Setback::Final(FailedReason::Encoded));
        }
        let length = text(headers, &CONTENT_LENGTH).parse().ok();
        // An end that is only a closed connection may be the end of the server instead of that of the file.
        let has_end = length.is_some() || headers.contains_key(TRANSFER_ENCODING);
        if !has_end && expected.size.is_none() && expected.sha256.is_none() {
            return Err(Setback::Final(FailedReason::LengthUnknown));
        }
        let declared = text(headers, &CONTENT_TYPE).to_ascii_lowercase();
        Ok(Self { length, declared: Some(declared).filter(|given| !given.is_empty()), name: name(headers) })
    }
}

fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Result<(), Setback> {
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(Setback::Final(FailedReason::NotFound)),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Err(later(headers, now))
        }
        status if status.is_server_error() => Err(later(headers, now)),
        status if status.is_redirection() => Err(Setback::Final(FailedReason::Redirected)),
        _ => Err(Setback::Final(FailedReason::Rejected)),
    }
}

fn later(headers: &HeaderMap, now: Timestamp) -> Setback {
    Setback::Passing { reason: FailedReason::Unavailable, asked: retry_after(headers, now) }
}

/// What is no text counts as absent.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

fn name(headers: &HeaderMap) -> String {
    let raw =
        headers.get(CONTENT_DISPOSITION).and_then(|value| ActixValue::from_bytes(value.as_bytes()).ok());
    let disposition = raw.and_then(|raw| ContentDisposition::from_raw(&raw).ok());
    disposition.as_ref().map(multipart::name_in).unwrap_or_default()
}

/// Gives the file name at the end of an address, if that is what stands there: it needs an extension, because a last
/// part without one is as often a key that opens the file, and names are shown and passed on.
pub(super) fn name_in(url: &str) -> String {
    let path = url::Url::parse(url).map(|url| url.path().to_owned()).unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let name = percent_encoding::percent_decode_str(last).decode_utf8().unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_extension = !extension.is_empty()
        && extension.len() <= MOST_EXTENSION
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_extension { name.into_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16, headers: &[(&str, &str)], expected: &Expected) -> Result<Head, Setback> {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        // Wed, 21 Oct 2015 07:28:00 GMT
        let now = Timestamp::from_millis(1_445_412_480_000);
        Head::of(&answer.body(()).expect("an answer"), expected, now)
    }

    fn refusal(status: u16, headers: &[(&str, &str)]) -> (FailedReason, bool, Option<u64>) {
        match head(status, headers, &Expected::default()) {
            Err(Setback::Final(reason)) => (reason, true, None),
            Err(Setback::Passing { reason, asked }) => (reason, false, asked.map(|wait| wait.as_secs())),
            other => panic!("{status} {headers:?}: {other:?}"),
        }
    }

    #[test]
    fn every_status_but_200_says_whether_to_come_again() {
        use FailedReason::{NotFound, Redirected, Rejected, Unavailable};
        for (status, reason, is_final) in [
            (100, Rejected, true),
            (204, Rejected, true),
            (206, Rejected, true),
            (301, Redirected, true),
            (302, Redirected, true),
            (303, Redirected, true),
            (304, Redirected, true),
            (307, Redirected, true),
            (308, Redirected, true),
            (400, Rejected, true),
            (401, Rejected, true),
            (403, Rejected, true),
            (404, NotFound, true),
            (408, Unavailable, false),
            (410, NotFound, true),
            (418, Rejected, true),
            (425, Unavailable, false),
            (429, Unavailable, false),
            (500, Unavailable, false),
            (503, Unavailable, false),
            (599, Unavailable, false),
        ] {
            assert_eq!(refusal(status, &[]), (reason, is_final, None), "{status}");
        }
    }

    #[test]
    fn a_server_may_say_when_to_come_again() {
        for (text, seconds) in [
            ("90", Some(90)),
            ("Wed, 21 Oct 2015 07:30:00 GMT", Some(120)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(refusal(429, &[("retry-after", text)]).2, seconds, "{text}");
        }
    }

    #[test]
    fn an_answer_must_say_where_it_ends_and_be_the_file_itself() {
        let (plain, sized) = (Expected::default(), Expected { size: Some(5), sha256: None });
        let length = ("content-length", "5");
        assert_eq!(head(200, &[length], &plain).expect("the file").length, Some(5));
        assert!(head(200, &[("transfer-encoding", "chunked")], &plain).is_ok());
        assert!(head(200, &[], &sized).is_ok());
        assert_eq!(refusal(200, &[]).0, FailedReason::LengthUnknown);
        assert_eq!(refusal(200, &[length, ("refresh", "0; url=/x")]).0, FailedReason::Redirected);
        assert_eq!(refusal(200, &[length, ("content-encoding", "gzip")]).0, FailedReason::Encoded);
        assert!(head(200, &[length, ("content-encoding", "identity")], &plain).is_ok());
    }

    #[test]
    fn names_come_from_the_server_or_the_address() {
        let given = |value: &str| {
            let headers = [("content-length", "5"), ("content-disposition", value)];
            head(200, &headers, &Expected::default()).expect("the file").name
        };
        assert_eq!(given("attachment; filename=\"roof.jpg\""), "roof.jpg");
        assert_eq!(given("attachment; filename=\"x\"; filename*=UTF-8''D%C3%A4cher.jpg"), "Dächer.jpg");
        assert_eq!(given("attachment"), "");
        assert_eq!(given("\"\""), "");
        for (url, name) in [
            ("https://a.example/b/roof.jpg?sig=x.y", "roof.jpg"),
            ("https://a.example/b/D%C3%A4cher%20neu.jpg", "Dächer neu.jpg"),
            ("https://a.example/b/", ""),
            ("https://a.example", ""),
            ("https://a.example/get/0a1b2c3d4e5f", ""),
            ("https://a.example/get/eyJh.eyJz.SflKxwRJSMeKKF2QT4", ""),
            ("https://a.example/%FF.jpg", ""),
        ] {
            assert_eq!(name_in(url), name, "{url}");
        }
    }
}
