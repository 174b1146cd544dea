//! What is wrong with submitted fields.

use serde::{Serialize, Serializer};

/// Problems by field, in the order in which they were found, which is the order of the form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<(String, Vec<String>)>);

/// An object: each field with its problems.
impl Serialize for FieldErrors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(field, messages)| (field, messages)))
    }
}

impl FieldErrors {
    /// Makes a list with one problem.
    #[must_use]
    pub fn one(field: &str, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    /// Adds a problem to a field.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        match self.0.iter_mut().find(|(known, _)| known == field) {
            Some((_, messages)) => messages.push(message.into()),
            None => self.0.push((field.to_owned(), vec![message.into()])),
        }
    }

    /// Takes over the problems of another list.
    pub fn extend(&mut self, other: Self) {
        for (field, messages) in other.0 {
            for message in messages {
                self.add(&field, message);
            }
        }
    }

    /// Tells whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the first problem of a field.
    #[must_use]
    pub fn first(&self, field: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == field).map(|(_, message)| message)
    }

    /// Gives all problems as field and message.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(field, messages)| {
            messages.iter().map(move |message| (field.as_str(), message.as_str()))
        })
    }
}
