//! When a server wants to be asked again.

use std::time::Duration;

use http::header::{HeaderMap, RETRY_AFTER};

use crate::platform::clock::Timestamp;

/// Reads `Retry-After`, seconds or a date, as the time from `now`; nothing when there is none that can be read.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_millis(date.timestamp().as_millisecond()).since(now))
}
