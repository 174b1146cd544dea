//! Typed checks of submitted fields: what was typed, what is wrong with it, and the parsed value.
//!
//! A form is read once into [`FormFields`]; a parser asks a [`Check`] for each field by name and collects every problem,
//! so that a visitor sees all of them at once, each beside its field. JSON bodies use the same names and checks.

mod errors;

use std::str::FromStr;
use std::time::Duration;

use zeroize::Zeroize;

pub use errors::FieldErrors;

use super::secret::Secret;

/// The longest life of a key: whoever has not exchanged it for two years has forgotten it.
const MOST_DAYS: u32 = 730;

/// The fields of a submitted form or JSON object, in the order in which they came, with the problems found so far.
#[derive(Clone, Default)]
pub struct FormFields {
    values: Vec<(String, String)>,
    /// How JSON wrote the fields; a form writes text only, and everything in it.
    written: Vec<(String, Written)>,
    errors: FieldErrors,
}

/// How JSON wrote a value. What is text in the documentation has to be text: a number in its place would lose leading
/// zeros, or digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Text,
    Number,
    Flag,
    List,
}

impl Written {
    fn of(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Bool(_) => Self::Flag,
            serde_json::Value::Number(_) => Self::Number,
            serde_json::Value::Array(_) => Self::List,
            _ => Self::Text,
        }
    }
}

/// Prints names only: any value may be a secret.
impl std::fmt::Debug for FormFields {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.values.iter().map(|(name, _)| name)).finish()
    }
}

impl Drop for FormFields {
    fn drop(&mut self) {
        for (_, value) in &mut self.values {
            value.zeroize();
        }
    }
}

impl FormFields {
    /// Wraps decoded name and value pairs.
    #[must_use]
    pub fn new(values: Vec<(String, String)>) -> Self {
        Self { values, written: Vec::new(), errors: FieldErrors::default() }
    }

    /// Reads a JSON object whose values are text, numbers, booleans or lists of these.
    ///
    /// Errors name the fields whose value is of no use in a form.
    pub fn from_json(object: &serde_json::Map<String, serde_json::Value>) -> Result<Self, FieldErrors> {
        let (mut values, mut written) = (Vec::new(), Vec::new());
        let mut errors = FieldErrors::default();
        for (name, value) in object {
            written.push((name.clone(), Written::of(value)));
            let items = match value {
                serde_json::Value::Array(items) => items.as_slice(),
                serde_json::Value::Null => &[],
                single => std::slice::from_ref(single),
            };
            for item in items {
                match item {
                    serde_json::Value::String(text) => values.push((name.clone(), text.clone())),
                    serde_json::Value::Number(number) => values.push((name.clone(), number.to_string())),
                    serde_json::Value::Bool(flag) => values.push((name.clone(), flag.to_string())),
                    _ => errors.add(name, "Give text, a number, true or false, or a list of these"),
                }
            }
        }
        if errors.is_empty() { Ok(Self { values, written, errors }) } else { Err(errors) }
    }

    /// Gives the same fields with these problems beside them.
    #[must_use]
    pub fn with_errors(mut self, errors: FieldErrors) -> Self {
        self.errors = errors;
        self
    }

    /// Gives what was typed into a field; empty when it was not sent.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Gives the name of each value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }

    /// Gives every value of a repeated field.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Tells whether a repeated field contains a value: whether that box is ticked.
    #[must_use]
    pub fn checked(&self, name: &str, value: &str) -> bool {
        self.values(name).any(|ticked| ticked == value)
    }

    /// Tells whether a single box is ticked.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), "1" | "on" | "true" | "yes")
    }

    /// Sets a field, replacing what was there; for prefilled forms.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.retain(|(known, _)| known != name);
        self.values.push((name.to_owned(), value.into()));
        self
    }

    /// Adds one value of a repeated field.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.values.push((name.to_owned(), value.into()));
    }

    /// Gives the first problem of a field.
    #[must_use]
    pub fn error(&self, name: &str) -> Option<&str> {
        self.errors.first(name)
    }

    /// Gives all problems as field and message.
    pub fn errors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.errors.iter()
    }

    /// Counts the problems.
    #[must_use]
    pub fn error_count(&self) -> usize {
        self.errors.iter().count()
    }

    /// Starts checking; every question may add a problem.
    #[must_use]
    pub fn check(&self) -> Check<'_> {
        Check { fields: self, errors: FieldErrors::default() }
    }
}

/// Asks for fields one by one and collects what is wrong. A question whose answer is wrong gives a harmless value;
/// [`Check::finish`] then refuses the whole.
pub struct Check<'a> {
    fields: &'a FormFields,
    errors: FieldErrors,
}

impl Check<'_> {
    /// Adds a problem found by the caller.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.errors.add(name, message);
    }

    /// Refuses what JSON wrote in another way than one of these.
    fn is_written(&mut self, name: &str, ways: &[Written], problem: &str) -> bool {
        let written = self.fields.written.iter().find(|(known, _)| known == name);
        let is_right = written.is_none_or(|(_, way)| ways.contains(way)) || self.is_null(name);
        if !is_right {
            self.refuse(name, problem);
        }
        is_right
    }

    fn is_null(&self, name: &str) -> bool {
        let is_list = self.fields.written.iter().any(|(known, way)| known == name && *way == Written::List);
        !is_list && self.fields.values(name).next().is_none()
    }

    /// Gives the trimmed text of a field that may be empty; at most `most` characters, no control characters.
    pub fn text(&mut self, name: &str, most: usize) -> String {
        if !self.is_written(name, &[Written::Text], "Give text, in quotes") {
            return String::new();
        }
        let text = self.fields.value(name).trim();
        if text.chars().count() > most {
            self.refuse(name, format!("Use at most {most} characters"));
        }
        if text.chars().any(char::is_control) {
            self.refuse(name, "Remove line breaks and control characters");
        }
        text.to_owned()
    }

    /// Gives the text of a field of several lines, which end with `\n`, without blanks around it; at most `most`
    /// characters, no other control characters.
    pub fn lines(&mut self, name: &str, most: usize) -> String {
        if !self.is_written(name, &[Written::Text], "Give text, in quotes") {
            return String::new();
        }
        let text = self.fields.value(name).trim().replace("\r\n", "\n").replace('\r', "\n");
        if text.chars().count() > most {
            self.refuse(name, format!("Use at most {most} characters"));
        }
        if text.chars().any(|sign| sign.is_control() && sign != '\n' && sign != '\t') {
            self.refuse(name, "Remove control characters");
        }
        text
    }

    /// Gives the trimmed text of a field that must be filled in.
    pub fn required(&mut self, name: &str, what: &str, most: usize) -> String {
        let text = self.text(name, most);
        if text.is_empty() && self.errors.first(name).is_none() {
            self.refuse(name, format!("Enter {what}"));
        }
        text
    }

    /// Gives a parsed value, or nothing when the field is empty.
    pub fn parsed<T: FromStr>(&mut self, name: &str, problem: &str) -> Option<T> {
        if !self.is_written(name, &[Written::Text, Written::Number], problem) {
            return None;
        }
        let text = self.fields.value(name).trim().to_owned();
        if text.is_empty() {
            return None;
        }
        let value = text.parse().ok();
        if value.is_none() {
            self.refuse(name, problem);
        }
        value
    }

    /// Gives a span of days from 1 to 730, or nothing when the field is empty.
    pub fn days(&mut self, name: &str) -> Option<Duration> {
        let problem = "Use a whole number of days from 1 to 730";
        let days = self.parsed::<u32>(name, problem)?;
        if !(1..=MOST_DAYS).contains(&days) {
            self.refuse(name, problem);
        }
        Some(Duration::from_hours(24) * days)
    }

    /// Gives every value of a repeated field, parsed.
    pub fn each<T: FromStr>(&mut self, name: &str, problem: &str) -> Vec<T> {
        let mut parsed = Vec::new();
        if !self.is_written(name, &[Written::List], "Give a list") {
            return parsed;
        }
        for value in self.fields.values(name) {
            match value.parse() {
                Ok(value) => parsed.push(value),
                Err(_) => self.errors.add(name, problem),
            }
        }
        parsed
    }

    /// Gives a secret exactly as typed; an empty field keeps `stored`, and without a stored one it is a problem.
    pub fn secret(&mut self, name: &str, what: &str, stored: Option<&Secret<String>>) -> Secret<String> {
        if !self.is_written(name, &[Written::Text], "Give text, in quotes") {
            return Secret::default();
        }
        let typed = self.fields.value(name);
        match (typed.is_empty(), stored) {
            (false, _) if typed.len() > 16 * 1024 => {
                self.refuse(name, "Use at most 16,384 characters");
                Secret::default()
            }
            (false, _) => Secret::new(typed.to_owned()),
            (true, Some(stored)) => stored.clone(),
            (true, None) => {
                self.refuse(name, format!("Enter {what}"));
                Secret::default()
            }
        }
    }

    /// Tells whether a single box is ticked.
    pub fn flag(&mut self, name: &str) -> bool {
        self.is_written(name, &[Written::Flag], "Give true or false") && self.fields.flag(name)
    }

    /// Gives `value` when no problem was found, else all problems.
    pub fn finish<T>(self, value: T) -> Result<T, FieldErrors> {
        if self.errors.is_empty() { Ok(value) } else { Err(self.errors) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> FormFields {
        FormFields::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let fields = fields(&[("name", "  "), ("port", "seven")]);
        let mut check = fields.check();
        check.required("name", "a name", 100);
        check.parsed::<u16>("port", "Enter a port number");

        let errors = check.finish(()).expect_err("two problems");

        assert_eq!(errors.first("name"), Some("Enter a name"));
        assert_eq!(errors.first("port"), Some("Enter a port number"));
    }

    #[test]
    fn an_empty_secret_keeps_the_stored_one() {
        let stored = Secret::from("kept");
        let fields = fields(&[("password", "")]);
        let mut check = fields.check();

        assert_eq!(check.secret("password", "the password", Some(&stored)), stored);
        check.secret("password", "the password", None);
        assert!(check.finish(()).is_err());
    }

    #[test]
    fn json_has_to_write_a_value_as_what_it_is() {
        let object = serde_json::json!({
            "name": false, "phone": 4930, "words": ["a"], "port": 22, "flag": "yes", "is": true, "list": "a", "ids": ["a"],
            "none": null, "empty": [],
        });
        let serde_json::Value::Object(object) = object else { panic!("an object") };
        let fields = FormFields::from_json(&object).expect("values of use in a form");
        let mut check = fields.check();

        for name in ["name", "phone", "words"] {
            check.required(name, "a text", 9);
        }
        check.secret("phone", "a secret", None);
        check.flag("flag");
        check.each::<String>("list", "Give names");
        assert_eq!(check.parsed::<u16>("port", "Give a number"), Some(22));
        assert_eq!(check.parsed::<u16>("empty", "Give a number"), None);
        assert!(check.flag("is") && !check.flag("none"));
        assert_eq!(check.each::<String>("ids", "Give names"), ["a"]);
        assert_eq!(
            (check.text("none", 9), check.each::<String>("none", "Give names").len()),
            (String::new(), 0)
        );

        let errors = check.finish(()).expect_err("six of them are wrong");
        let mut wrong: Vec<&str> = errors.iter().map(|(name, _)| name).collect();
        wrong.dedup();
        assert_eq!(wrong, ["name", "phone", "words", "flag", "list", "empty"]);
    }

    #[test]
    fn debug_never_shows_values() {
        assert!(!format!("{:?}", fields(&[("password", "hunter2")])).contains("hunter2"));
    }
}
