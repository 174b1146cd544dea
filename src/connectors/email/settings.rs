//! What an admin enters for mails.

use serde::{Deserialize, Serialize};

use super::super::{About, Item};
use super::compose::{self, Enclosed};
use super::recipients::Recipients;
use super::template::TextTemplate;
use crate::platform::form::{Check, FieldErrors, FormFields};

/// As large a picture as may be enclosed. Encoded it has a third more, and few servers take more than 35 MB.
pub(super) const MOST_MEGABYTES: u16 = 25;
const USUAL_MEGABYTES: u16 = 10;
const MEGABYTE: u64 = 1024 * 1024;
const MOST_SUBJECT: usize = 200;
const MOST_BODY: usize = 4_000;
/// Twenty addresses of the greatest length, and commas.
const MOST_TO: usize = 20 * 256;

const USUAL_SUBJECT: &str = "New {kind}: {file_name}";
const USUAL_BODY: &str = "A {kind} has come in.\n\nFile: {file_name} ({size})\nUse case: {use_case}\nContact: \
    {conversation}\nTaken: {taken_at}\n\nIn the portal, with a sign-in: {link}";

/// Who gets a mail, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub(super) to: Recipients,
    pub(super) subject_template: TextTemplate,
    pub(super) body_template: TextTemplate,
    pub(super) max_megabytes: u16,
    pub(super) as_link: bool,
}

impl Settings {
    /// Tells whether a file of this size travels in the mail itself.
    pub(super) fn encloses(&self, size: u64) -> bool {
        !self.as_link && size <= u64::from(self.max_megabytes) * MEGABYTE
    }
}

/// Checks what was typed; see [`super::Connector::parse`].
pub(super) fn parse(form: &FormFields) -> Result<Settings, FieldErrors> {
    let mut check = form.check();
    let typed = check.required("to", "whom the mails are for", MOST_TO);
    let to = match typed.parse() {
        Ok(to) => to,
        Err(problem) => {
            if !typed.is_empty() {
                check.refuse("to", problem);
            }
            Recipients::Agent
        }
    };
    let problem = "Enter a whole number from 1 to 25";
    let max_megabytes = check.parsed("max_megabytes", problem).unwrap_or(USUAL_MEGABYTES);
    if !(1..=MOST_MEGABYTES).contains(&max_megabytes) {
        check.refuse("max_megabytes", problem);
    }
    let (subject, body) = templates(&mut check);
    let as_link = check.flag("as_link");
    let usual = |text: &str| {
        text.parse::<TextTemplate>().map_err(|wrong| FieldErrors::one("type", wrong.to_string()))
    };
    let settings = Settings {
        to,
        subject_template: subject.map_or_else(|| usual(USUAL_SUBJECT), Ok)?,
        body_template: body.map_or_else(|| usual(USUAL_BODY), Ok)?,
        max_megabytes,
        as_link,
    };
    check.finish(settings)
}

/// Reads the two templates; nothing where the usual one applies or a problem was found.
fn templates(check: &mut Check<'_>) -> (Option<TextTemplate>, Option<TextTemplate>) {
    let subject = check.text("subject_template", MOST_SUBJECT);
    let body = check.lines("body_template", MOST_BODY);
    (template(check, "subject_template", &subject), template(check, "body_template", &body))
}

fn template(check: &mut Check<'_>, name: &str, text: &str) -> Option<TextTemplate> {
    if text.is_empty() {
        return None;
    }
    match text.parse() {
        Ok(template) => Some(template),
        Err(wrong) => {
            check.refuse(name, wrong.to_string());
            None
        }
    }
}

/// Gives the form back with what is wrong with its templates beside them.
pub(super) fn checked(form: FormFields) -> FormFields {
    let mut check = form.check();
    templates(&mut check);
    match check.finish(()) {
        Ok(()) => form,
        Err(errors) => form.with_errors(errors),
    }
}

/// How a mail will read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Preview {
    pub(super) subject: String,
    pub(super) text: String,
    /// What is wrong with the templates instead.
    pub(super) problem: String,
}

impl Preview {
    /// Fills in samples. Whatever else is wrong with the form does not matter here.
    pub(super) fn of(form: &FormFields) -> Self {
        let only = ["subject_template", "body_template", "as_link", "max_megabytes"];
        let values = only.map(|name| (name.to_owned(), form.value(name).to_owned()));
        let sample = FormFields::new(values.into_iter().filter(|(_, value)| !value.is_empty()).collect());
        match parse(&sample.set("to", "agent")) {
            Ok(settings) => {
                let item = Item {
                    about: About { agent: "ada@example.com".to_owned(), ..About::sample() },
                    ..Item::probe()
                };
                let item = Item { size: 2_516_583, ..item };
                let enclosed = if settings.encloses(item.size) { Enclosed::Picture } else { Enclosed::Link };
                let (subject, text) = compose::words(&settings, &item, enclosed);
                Self { subject, text, problem: String::new() }
            }
            Err(errors) => Self {
                subject: String::new(),
                text: String::new(),
                problem: errors.iter().map(|(_, problem)| problem).next().unwrap_or_default().to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> FormFields {
        FormFields::new(
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[test]
    fn what_is_left_out_is_what_is_usual() {
        let settings = parse(&form(&[("to", "a@example.com")])).unwrap();

        assert_eq!(settings.subject_template.to_string(), USUAL_SUBJECT);
        assert_eq!(settings.body_template.to_string(), USUAL_BODY);
        assert!(settings.encloses(10 * MEGABYTE) && !settings.encloses(10 * MEGABYTE + 1));
        let stored = serde_json::to_value(&settings).unwrap();
        assert_eq!(stored["to"], "a@example.com");
        assert_eq!(serde_json::from_value::<Settings>(stored).unwrap(), settings);
    }

    #[test]
    fn every_problem_stands_beside_its_field() {
        let wrong = form(&[
            ("to", "nobody"),
            ("subject_template", "{name}"),
            ("body_template", "{"),
            ("max_megabytes", "26"),
        ]);
        let errors = parse(&wrong).expect_err("four problems");
        for field in ["to", "subject_template", "body_template", "max_megabytes"] {
            assert!(errors.first(field).is_some(), "{field}");
        }
        let shown = checked(wrong);
        assert!(shown.error("subject_template").is_some() && shown.error("to").is_none());
        for (field, value) in [("to", ""), ("max_megabytes", "0"), ("max_megabytes", "ten")] {
            let errors = parse(&form(&[("to", "agent")]).set(field, value)).expect_err(value);
            assert!(errors.first(field).is_some(), "{field} {value}");
        }
        let smuggled = parse(&form(&[("to", "agent"), ("subject_template", "a\r\nBcc: eve@example.com")]));
        assert!(smuggled.expect_err("a line break").first("subject_template").is_some());
    }

    #[test]
    fn a_preview_shows_samples_or_the_problem() {
        let preview = Preview::of(&form(&[
            ("subject_template", "{use_case}/{agent}"),
            ("body_template", "See\n{size}"),
        ]));
        assert_eq!(
            (preview.subject.as_str(), preview.text.as_str()),
            ("Claims/ada@example.com", "See\n2.4 MB")
        );

        let linked = Preview::of(&form(&[("body_template", "See it."), ("as_link", "on")]));
        assert!(linked.text.contains("https://media.example.com/library/"), "{}", linked.text);
        assert!(Preview::of(&form(&[("body_template", "{x}")])).problem.contains("no {x}"));
        assert!(Preview::of(&form(&[])).text.contains("roof.jpg"));
    }
}
