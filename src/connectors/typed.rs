//! What several destination types ask for in the same way.

use url::Url;

use crate::platform::form::Check;

/// Asks for letters, digits and a few signs: such values become parts of host names, paths and headers.
pub(super) fn word(check: &mut Check<'_>, name: &str, what: &str, signs: &str) -> String {
    let text = check.required(name, what, 255);
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c)) {
        let list: Vec<_> = signs.chars().map(String::from).collect();
        check.refuse(name, format!("Use letters without accents, digits and {}", list.join(" ")));
    }
    text
}

/// Asks for the address of a server that stands in for the provider's own, under the name `endpoint_url`.
pub(super) fn endpoint_url(check: &mut Check<'_>, example: &str) -> Option<String> {
    let name = "endpoint_url";
    let wrong = format!("Enter an address such as {example}");
    let text = check.text(name, 2_000);
    // the parser repairs these; whoever means well does not type them
    if text.contains(['\\', ' ']) {
        check.refuse(name, "Remove spaces and backslashes from the address");
    }
    let url: Url = check.parsed(name, &wrong)?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        check.refuse(name, wrong);
    }
    if !url.username().is_empty() || url.password().is_some() {
        check.refuse(name, "Remove user name and password from the address; keys have their own fields");
    }
    if url.query().is_some() || url.fragment().is_some() {
        check.refuse(name, "Remove ? and # and what follows from the address");
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}

/// Asks for a folder below which names begin, without slashes around it.
pub(super) fn prefix(check: &mut Check<'_>) -> String {
    let text = check.text("prefix", 500);
    let prefix = text.trim_matches('/').to_owned();
    let empty_or_dots = |part: &str| matches!(part, "" | "." | "..");
    if !prefix.is_empty() && prefix.split('/').any(empty_or_dots) {
        check.refuse("prefix", "Remove empty parts, . and .. from the path");
    }
    prefix
}

/// Puts a path below a prefix.
pub(super) fn below(prefix: &str, path: &str) -> String {
    if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") }
}
