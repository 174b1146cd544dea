//! Subjects and texts with placeholders in braces: `{file_name}`. There is nothing else that could be written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_enum;

text_enum! { in pub(super),
    /// What may stand in braces.
    Placeholder {
        /// The name of the file.
        FileName = "file_name",
        /// What the contact is about.
        UseCase = "use_case",
        /// The app's name for the contact.
        Conversation = "conversation",
        /// Who handles the contact.
        Agent = "agent",
        /// What the file is.
        Kind = "kind",
        /// How large it is.
        Size = "size",
        /// When it was taken.
        TakenAt = "taken_at",
        /// Where to look at it in the portal.
        Link = "link",
        /// The delivery's identifier.
        Delivery = "delivery",
    }
}

impl Placeholder {
    /// Lists them as they are written.
    pub(super) fn list() -> String {
        Self::ALL.iter().map(|known| format!("{{{known}}}")).collect::<Vec<_>>().join(" ")
    }
}

/// A text with placeholders, all of them known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct TextTemplate {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Placeholder),
}

/// What is wrong with a template, in a sentence for the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct WrongTemplate(String);

impl TextTemplate {
    /// Puts values in.
    pub(super) fn fill(&self, value: impl Fn(Placeholder) -> String) -> String {
        let filled = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(placeholder) => value(*placeholder),
        });
        filled.collect()
    }

    /// Tells whether a placeholder stands in it.
    pub(super) fn has(&self, placeholder: Placeholder) -> bool {
        self.pieces.contains(&Piece::Value(placeholder))
    }
}

impl FromStr for TextTemplate {
    type Err = WrongTemplate;

    fn from_str(text: &str) -> Result<Self, WrongTemplate> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            let inside = brace.strip_prefix('{').and_then(|inside| inside.split_once(['{', '}']));
            let Some((name, after)) = inside.filter(|(name, _)| brace[name.len() + 1..].starts_with('}'))
            else {
                return Err(WrongTemplate(format!(
                    "Braces only go around placeholders, each with one on both sides: {}",
                    Placeholder::list()
                )));
            };
            let Ok(placeholder) = name.parse() else {
                let name: String = name.chars().take(40).collect();
                let list = Placeholder::list();
                return Err(WrongTemplate(format!("There is no {{{name}}}. Use one of {list}")));
            };
            pieces.extend([Piece::Text(before.to_owned()), Piece::Value(placeholder)]);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { text: text.to_owned(), pieces })
    }
}

impl TryFrom<String> for TextTemplate {
    type Error = WrongTemplate;

    fn try_from(text: String) -> Result<Self, WrongTemplate> {
        text.parse()
    }
}

impl From<TextTemplate> for String {
    fn from(template: TextTemplate) -> Self {
        template.text
    }
}

impl fmt::Display for TextTemplate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_placeholders_are_filled_in_once() {
        let template: TextTemplate = "{file_name}: {kind}{size}!".parse().unwrap();
        // a value that looks like a placeholder stays what it is
        assert_eq!(
            template.fill(|placeholder| format!("<{{{placeholder}}}>")),
            "<{file_name}>: <{kind}><{size}>!"
        );
        assert!(template.has(Placeholder::Kind) && !template.has(Placeholder::Link));
        assert_eq!(template.to_string(), "{file_name}: {kind}{size}!");
        assert_eq!("".parse::<TextTemplate>().unwrap().fill(|_| "x".to_owned()), "");
    }

    #[test]
    fn everything_else_in_braces_is_refused() {
        for text in
            ["{name}", "{}", "{ kind }", "{KIND}", "{kind.size}", "{{kind}}", "a {b", "{kind", "kind}", "}{"]
        {
            let wrong = text.parse::<TextTemplate>().expect_err(text).to_string();
            assert!(wrong.contains("{file_name} {use_case}"), "{text}: {wrong}");
        }
        assert!("{passwort}".parse::<TextTemplate>().unwrap_err().to_string().contains("no {passwort}"));
    }
}
