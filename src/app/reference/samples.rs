//! What can be pasted: JSON laid out for reading, and the same request for a shell.

/// An object or a list up to this length stays on one line.
const SHORT: usize = 48;

/// Lays JSON out, with its members in the order in which they were written.
pub(super) fn laid_out(json: &str) -> String {
    let tokens = tokens(json);
    let mut text = String::new();
    write(&tokens, 0, &mut text);
    text
}

fn tokens(json: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = json.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => end_of_string(rest),
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            _ => rest.find(|letter: char| ",:]} \n\r\t".contains(letter)).unwrap_or(rest.len()),
        };
        let (token, behind) = rest.split_at(length.max(1));
        tokens.push(token);
        rest = behind.trim_start();
    }
    tokens
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !escaped => return index + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Writes one value and gives how many tokens it took.
fn write(tokens: &[&str], depth: usize, text: &mut String) -> usize {
    let Some(open) = tokens.first().copied() else { return 0 };
    if open != "{" && open != "[" {
        text.push_str(open);
        return 1;
    }
    let length = length_of_value(tokens);
    let line = on_one_line(&tokens[..length]);
    let is_flat = !tokens[1..length].iter().any(|token| *token == "{" || *token == "[");
    if length == 2 || (is_flat && depth > 0 && line.chars().count() <= SHORT) {
        text.push_str(&line);
        return length;
    }
    let indent = |depth: usize| format!("\n{}", "  ".repeat(depth));
    text.push_str(open);
    text.push_str(&indent(depth + 1));
    let mut at = 1;
    while at + 1 < length {
        match tokens[at] {
            "," => {
                text.push(',');
                text.push_str(&indent(depth + 1));
            }
            ":" => text.push_str(": "),
            _ => {
                at += write(&tokens[at..length], depth + 1, text);
                continue;
            }
        }
        at += 1;
    }
    text.push_str(&indent(depth));
    text.push_str(tokens[length - 1]);
    length
}

fn length_of_value(tokens: &[&str]) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match *token {
            "{" | "[" => depth += 1,
            "}" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

fn on_one_line(tokens: &[&str]) -> String {
    let spaced = tokens.iter().map(|token| match *token {
        "," => ", ",
        ":" => ": ",
        other => other,
    });
    spaced.collect()
}

/// A request as `curl` sends it; what depends on the caller is a variable of the shell.
pub(super) struct Curl<'c> {
    pub(super) method: &'c str,
    /// With its `{…}` segments.
    pub(super) address: &'c str,
    /// Parameters of the query, with a value each.
    pub(super) query: Vec<(&'c str, &'c str)>,
    pub(super) body: Body<'c>,
    /// Whether the answer is a file.
    pub(super) keeps_answer: bool,
}

/// What a request carries.
pub(super) enum Body<'c> {
    None,
    Json(&'c str),
    /// Names with values; a file is `@` and a name.
    Form(Vec<(&'c str, &'c str)>),
    /// A file as it is, with its type.
    File(&'c str),
}

impl Curl<'_> {
    /// Writes the command. The page's script writes the same one while somebody types.
    pub(super) fn command(&self) -> String {
        let implied = if matches!(self.body, Body::None) { "GET" } else { "POST" };
        let method = if self.method == implied { String::new() } else { format!("-X {} ", self.method) };
        let mut lines = vec![format!("curl {method}\"{}\"", self.url())];
        lines.push("-H \"Authorization: Bearer $KEY\"".to_owned());
        match &self.body {
            Body::None => {}
            Body::Json(text) => {
                lines.push("-H \"Content-Type: application/json\"".to_owned());
                lines.push(format!("-d {}", quoted(text)));
            }
            Body::Form(fields) => {
                lines.extend(
                    fields.iter().map(|(name, value)| format!("-F {}", quoted(&format!("{name}={value}")))),
                );
            }
            Body::File(media_type) => {
                lines.push(format!("-H \"Content-Type: {media_type}\""));
                lines.push("--data-binary @file".to_owned());
            }
        }
        if self.keeps_answer {
            lines.push("-OJ".to_owned());
        }
        lines.join(" \\\n  ")
    }

    /// `{id}` becomes `$ID`.
    fn url(&self) -> String {
        let segments = self.address.split('/').map(|segment| {
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => format!("${}", name.to_ascii_uppercase()),
                None => segment.to_owned(),
            }
        });
        let mut url = segments.collect::<Vec<_>>().join("/");
        for (index, (name, value)) in self.query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(value);
        }
        url
    }
}

/// Quotes for a shell: within single quotes nothing but their end means anything.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_as_it_was_written() {
        let json = r#"{"name": "a \"b\", {c}", "use_case": {"id": "1", "name": "Claims"},
            "list": [], "files": [{"sizes": [1, -2.5e3], "is": true}], "none": null}"#;

        let laid_out = laid_out(json);

        let expected = r#"{
  "name": "a \"b\", {c}",
  "use_case": {"id": "1", "name": "Claims"},
  "list": [],
  "files": [
    {
      "sizes": [1, -2.5e3],
      "is": true
    }
  ],
  "none": null
}"#;
        assert_eq!(laid_out, expected);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&laid_out), value(json));
    }

    #[test]
    fn what_is_not_json_comes_to_an_end() {
        for text in ["", "{", "[1,", "\"open", "}", "{\"a\":}", "a b"] {
            laid_out(text);
        }
    }

    #[test]
    fn curl_asks_for_the_same() {
        let curl = |method, address, body, keeps_answer| {
            Curl { method, address, query: vec![("kind", "fax")], body, keeps_answer }.command()
        };

        let download = curl("GET", "https://hub/api/{id}/content", Body::None, true);
        let change = curl("PUT", "https://hub/api", Body::Json("{\"a\": \"it's\"}"), false);
        let end = curl("POST", "https://hub/api", Body::None, false);
        let form = curl("POST", "https://hub/api", Body::Form(vec![("file", "@a.jpg")]), false);

        let key = "-H \"Authorization: Bearer $KEY\"";
        assert_eq!(download, format!("curl \"https://hub/api/$ID/content?kind=fax\" \\\n  {key} \\\n  -OJ"));
        let json = "-H \"Content-Type: application/json\"";
        assert_eq!(
            change,
            format!(
                "curl -X PUT \"https://hub/api?kind=fax\" \\\n  {key} \\\n  {json} \\\n  -d '{{\"a\": \"it'\\''s\"}}'"
            )
        );
        assert_eq!(end, format!("curl -X POST \"https://hub/api?kind=fax\" \\\n  {key}"));
        assert_eq!(form, format!("curl \"https://hub/api?kind=fax\" \\\n  {key} \\\n  -F 'file=@a.jpg'"));
    }
}
