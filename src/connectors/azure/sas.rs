//! Shared access signatures: what one says of itself.

use url::form_urlencoded;

use crate::platform::clock::Timestamp;

/// A signature as it goes with an address.
#[derive(Debug)]
pub(super) struct Sas {
    /// Everything behind the question mark.
    pub(super) query: String,
    /// Its end; nothing when a policy of the container says it.
    pub(super) expires_at: Option<Timestamp>,
    /// What it allows, in the service's letters; empty when a policy of the container says it.
    pub(super) permissions: String,
}

const NONE: &str =
    "Enter the shared access signature as the portal shows it: it begins with sv= or sp= and has a sig=";

impl Sas {
    /// Reads a signature, with or without `?`, or the whole address that it came in. Says what is wrong with one that
    /// could never do.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let query = text.split_once('?').map_or(text, |(_, query)| query);
        if query.chars().any(|letter| letter.is_whitespace() || letter.is_control()) || query.contains('#') {
            return Err(NONE.to_owned());
        }
        let value = |name: &str| {
            form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value)
        };
        if value("sig").is_none_or(|signature| signature.is_empty()) || value("sv").is_none() {
            return Err(NONE.to_owned());
        }
        if value("sr").is_some_and(|resource| resource != "c") {
            return Err(
                "This signature is for a single blob. Make one for the container or the account".to_owned()
            );
        }
        if value("ss").is_some_and(|services| !services.contains('b')) {
            return Err("This signature is not for blobs. Tick Blob among its services".to_owned());
        }
        if value("srt").is_some_and(|kinds| !kinds.contains('o')) {
            return Err("This signature is not for objects. Tick Object among its resource types".to_owned());
        }
        let permissions = value("sp").map(std::borrow::Cow::into_owned);
        if permissions.as_ref().is_some_and(|letters| !letters.contains(['c', 'w'])) {
            return Err(
                "This signature does not allow writing. Make one with Create, Write, Read and Delete"
                    .to_owned(),
            );
        }
        Ok(Self {
            query: query.to_owned(),
            expires_at: value("se").and_then(|end| instant(&end)),
            permissions: permissions.unwrap_or_default(),
        })
    }
}

/// The service takes a date, or a date with a time of minutes or seconds, in UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let short = text.trim_end_matches('Z');
    let (date, time) = short.split_once('T').unwrap_or((short, "00:00:00"));
    let time = if time.len() == 5 { format!("{time}:00") } else { time.to_owned() };
    format!("{date}T{time}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_read_as_they_are_copied() {
        let query = "sv=2024-11-04&sr=c&sp=cwrd&se=2027-03-01&sig=abc%3D";
        for text in
            [query.to_owned(), format!("?{query}"), format!(" https://a.blob.core.windows.net/c?{query}\n")]
        {
            let sas = Sas::parse(&text).expect("a signature");
            assert_eq!((sas.query.as_str(), sas.permissions.as_str()), (query, "cwrd"));
            assert_eq!(sas.expires_at, "2027-03-01T00:00:00Z".parse().ok());
        }
        let of_policy = Sas::parse("sv=2024-11-04&sr=c&si=hub&sig=x").expect("a signature");
        assert_eq!((of_policy.expires_at, of_policy.permissions.as_str()), (None, ""));
        for (text, read) in
            [("2027-03-01T12:30Z", "2027-03-01T12:30:00Z"), ("2027-03-01T12:30:05Z", "2027-03-01T12:30:05Z")]
        {
            assert_eq!(instant(text), read.parse().ok());
        }
    }

    #[test]
    fn what_could_never_do_is_said_at_once() {
        for (text, word) in [
            ("", "sig="),
            ("sv=2024-11-04&sp=c", "sig="),
            ("sv=1&sig=a b", "sig="),
            ("sv=1&sr=b&sig=x", "single blob"),
            ("sv=1&ss=fq&srt=o&sig=x", "not for blobs"),
            ("sv=1&ss=b&srt=s&sig=x", "not for objects"),
            ("sv=1&sr=c&sp=rl&sig=x", "does not allow writing"),
        ] {
            assert!(Sas::parse(text).expect_err(text).contains(word), "{text}");
        }
    }
}
