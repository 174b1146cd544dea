//! The lines that an admin adds to every request.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// More lines, or more bytes in all, than this are refused by many servers together with what clients add.
const MOST_LINES: usize = 20;
const MOST_BYTES: usize = 8 * 1024;

/// What the connection or this program sets by itself.
const RESERVED: &[&str] = &[
    "connection",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "repr-digest",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// How names begin whose meaning is not the admin's.
const RESERVED_FAMILIES: &[&str] = &["webhook-", "mediaport-"];

/// Reads lines of the form `Name: value`. A problem names the line and never a value.
pub(super) fn read(text: &str) -> Result<HeaderMap, String> {
    if text.len() > MOST_BYTES {
        return Err("Use at most 8,192 bytes for all headers together".to_owned());
    }
    let mut headers = HeaderMap::new();
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let (name, value) = read_line(line).map_err(|problem| format!("Line {number}: {problem}"))?;
        if headers.insert(&name, value).is_some() {
            return Err(format!("Line {number}: {name} is there twice; write one line for each name"));
        }
    }
    if headers.len() > MOST_LINES {
        return Err(format!("Use at most {MOST_LINES} headers"));
    }
    Ok(headers)
}

fn read_line(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = line.split_once(':').ok_or("write a name, a colon and a value")?;
    let name: HeaderName = name
        .trim()
        .parse()
        .map_err(|_| "what stands before the colon is no name of a header; use letters, digits and -")?;
    let is_reserved = RESERVED.contains(&name.as_str())
        || RESERVED_FAMILIES.iter().any(|family| name.as_str().starts_with(family));
    if is_reserved {
        return Err(format!("leave {name} out; Mediaport sets it by itself"));
    }
    let value = Some(value.trim()).filter(|value| value.is_ascii());
    let mut value = value.and_then(|value| HeaderValue::from_str(value).ok()).ok_or_else(|| {
        format!("the value of {name} holds signs that no header may; use letters without accents")
    })?;
    if value.is_empty() {
        return Err(format!("{name} has no value; write one behind the colon"));
    }
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_headers_that_print_no_value() {
        let headers = read("Authorization: Bearer a:b c\r\n\r\n  X-Tenant :north\n").expect("headers");

        assert_eq!(headers["authorization"], "Bearer a:b c");
        assert_eq!(headers["x-tenant"], "north");
        assert!(!format!("{headers:?}").contains("north"));
        assert!(read("").expect("none").is_empty());
    }

    #[test]
    fn problems_name_the_line_and_no_value() {
        for (line, said) in [
            ("hunter2", "Line 2: write a name"),
            ("X Y: hunter2", "Line 2: what stands before"),
            (": hunter2", "Line 2: what stands before"),
            ("X-A:", "Line 2: x-a has no value"),
            ("X-A: hunter2\rX-B: 1", "Line 2: the value of x-a"),
            ("X-A: hunter2\u{0}", "Line 2: the value of x-a"),
            ("X-A: hünter2", "Line 2: the value of x-a"),
            ("x-first: hunter2", "Line 2: x-first is there twice"),
        ] {
            let problem = read(&format!("X-First: 1\n{line}")).expect_err(line);
            assert!(problem.starts_with(said) && !problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn nobody_overrides_what_says_how_a_message_is_read() {
        for name in [
            "Host",
            "Content-Length",
            "CONTENT-TYPE",
            "Transfer-Encoding",
            "Connection",
            "Content-Digest",
            "Idempotency-Key",
            "webhook-id",
            "Webhook-Signature",
            "Mediaport-Test",
            "Expect",
            "TE",
            "Upgrade",
        ] {
            assert!(read(&format!("{name}: x")).expect_err(name).contains("leave"), "{name}");
        }
    }

    #[test]
    fn headers_are_bounded() {
        let lines =
            |count: usize| (0..count).map(|index| format!("X-{index}: 1")).collect::<Vec<_>>().join("\n");
        assert!(read(&lines(20)).is_ok() && read(&lines(21)).is_err());
        assert!(read(&format!("X-A: {}", "a".repeat(8180))).is_ok());
        assert!(read(&format!("X-A: {}", "a".repeat(8200))).is_err());
    }
}
