//! The public part of a key.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::{ID, Purpose, is_base_62};
use crate::platform::clock::Timestamp;
use crate::platform::ids::MalformedId;
use crate::platform::web::pagination::Cursor;
use crate::text_column;

/// Names a key of an app or a personal token; no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub(super) String);

text_column!(KeyId);

impl KeyId {
    /// Gives the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells what the key is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        if self.0.starts_with(Purpose::App.letter()) { Purpose::App } else { Purpose::Token }
    }
}

impl Display for KeyId {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_known = text.starts_with([Purpose::App.letter(), Purpose::Token.letter()]);
        (is_known && is_base_62(text, ID)).then(|| Self(text.to_owned())).ok_or(MalformedId)
    }
}

impl JsonSchema for KeyId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "KeyId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[kt][0-9A-Za-z]{11}$"})
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A place in a list of keys. Their identifiers are drawn by lot, so the instant comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPlace {
    /// When the key was made.
    pub at: Timestamp,
    /// The key.
    pub id: KeyId,
}

impl Cursor for KeyPlace {
    fn read(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('~')?;
        let place = Self { at: Timestamp::from_millis(at.parse().ok()?), id: id.parse().ok()? };
        (place.text() == text).then_some(place)
    }

    fn text(&self) -> String {
        format!("{}~{}", self.at.millis(), self.id)
    }
}

impl KeyPlace {
    /// Gives instant and identifier to continue behind; for the first page what sorts behind every key.
    #[must_use]
    pub fn behind(place: Option<&Self>) -> (Timestamp, &str) {
        place.map_or((Timestamp::from_millis(i64::MAX), ""), |place| (place.at, place.id.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::keys::Key;

    #[test]
    fn identifiers_and_places_survive_their_text_form() {
        for purpose in [Purpose::App, Purpose::Token] {
            let id: KeyId = Key::mint(purpose).id.to_string().parse().expect("an identifier");
            assert_eq!(id.purpose(), purpose);
            let place = KeyPlace { at: Timestamp::from_millis(17), id };
            assert_eq!(KeyPlace::read(&place.text()), Some(place));
        }
        for wrong in ["", "k", "x00000000000", "k0000000000", "k00000000000 ", "k0000000000é", "k0000000000%"]
        {
            assert!(wrong.parse::<KeyId>().is_err(), "{wrong}");
            assert_eq!(KeyPlace::read(&format!("1~{wrong}")), None, "{wrong}");
        }
        assert_eq!(KeyPlace::read("+1~k00000000000"), None);
    }
}
