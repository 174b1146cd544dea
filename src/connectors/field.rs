//! What an admin fills in for a destination type, as the HTTP API describes it.

/// A field of a destination type.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name in forms and JSON.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Whether it may be left out.
    pub is_required: bool,
    /// Whether it goes in and never comes out.
    pub is_secret: bool,
    /// What it may be.
    pub values: Values,
}

/// What a field may be.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// Any text.
    Text,
    /// Yes or no.
    Flag,
    /// A number from 1 to 65535.
    Port,
    /// A whole number from 1 to this one.
    UpTo(u16),
    /// One of these words.
    Words(&'static [&'static str]),
}

impl Field {
    /// A text that must be there.
    #[must_use]
    pub const fn required(name: &'static str, about: &'static str) -> Self {
        Self { name, about, is_required: true, is_secret: false, values: Values::Text }
    }

    /// A text that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, about: &'static str) -> Self {
        Self { is_required: false, ..Self::required(name, about) }
    }

    /// A secret that must be there for a new endpoint.
    #[must_use]
    pub const fn secret(name: &'static str, about: &'static str) -> Self {
        Self { is_secret: true, ..Self::required(name, about) }
    }

    /// A yes or no.
    #[must_use]
    pub const fn flag(name: &'static str, about: &'static str) -> Self {
        Self { values: Values::Flag, ..Self::optional(name, about) }
    }

    /// One of a few words; the first one applies when it is left out.
    #[must_use]
    pub const fn words(name: &'static str, about: &'static str, words: &'static [&'static str]) -> Self {
        Self { values: Values::Words(words), ..Self::optional(name, about) }
    }
}
