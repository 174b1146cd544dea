//! Typed identifiers: `UUIDv7`, stored and shown as lower-case text on both databases.

/// Declares an identifier type: [`typed_id!`](crate::typed_id) gives it text form, JSON form and column form.
///
/// The column form is text on both databases (a `Uuid` would be a BLOB on one of them), and parsing accepts only the
/// canonical hyphenated lower-case form, so two spellings never name one row.
#[macro_export]
macro_rules! typed_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(::uuid::Uuid);

        impl $name {
            /// Makes a fresh identifier; later ones sort after earlier ones.
            #[must_use]
            pub fn fresh() -> Self {
                Self(::uuid::Uuid::now_v7())
            }

            /// Wraps a UUID that was derived or parsed elsewhere.
            #[must_use]
            pub fn from_uuid(uuid: ::uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// Gives the UUID inside.
            #[must_use]
            pub fn uuid(self) -> ::uuid::Uuid {
                self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0.hyphenated(), out)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::platform::ids::MalformedId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::platform::ids::parse(text).map(Self)
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }

        impl ::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!({"type": "string", "format": "uuid"})
            }
        }

        $crate::text_column!($name);
    };
}

/// Stores a type that has a text form ([`Display`](std::fmt::Display) and [`FromStr`](std::str::FromStr)) as text on both
/// databases.
#[macro_export]
macro_rules! text_column {
    ($name:ident) => {
        impl<DB: ::sqlx::Database> ::sqlx::Type<DB> for $name
        where
            String: ::sqlx::Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <String as ::sqlx::Type<DB>>::type_info()
            }

            fn compatible(info: &DB::TypeInfo) -> bool {
                <String as ::sqlx::Type<DB>>::compatible(info)
            }
        }

        impl<'q, DB: ::sqlx::Database> ::sqlx::Encode<'q, DB> for $name
        where
            String: ::sqlx::Encode<'q, DB>,
        {
            fn encode_by_ref(
                &self,
                buffer: &mut <DB as ::sqlx::Database>::ArgumentBuffer,
            ) -> Result<::sqlx::encode::IsNull, ::sqlx::error::BoxDynError> {
                <String as ::sqlx::Encode<'q, DB>>::encode(self.to_string(), buffer)
            }
        }

        impl<'r, DB: ::sqlx::Database> ::sqlx::Decode<'r, DB> for $name
        where
            String: ::sqlx::Decode<'r, DB>,
        {
            fn decode(
                value: <DB as ::sqlx::Database>::ValueRef<'r>,
            ) -> Result<Self, ::sqlx::error::BoxDynError> {
                let text = <String as ::sqlx::Decode<'r, DB>>::decode(value)?;
                Ok(text.parse()?)
            }
        }
    };
}

/// Says that a text is not an identifier in canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct MalformedId;

/// Reads the canonical text form.
pub fn parse(text: &str) -> Result<uuid::Uuid, MalformedId> {
    let uuid = uuid::Uuid::try_parse(text).map_err(|_| MalformedId)?;
    if uuid.hyphenated().to_string() == text { Ok(uuid) } else { Err(MalformedId) }
}

/// Declares a plain `enum` that is stored, serialised and shown as text: `text_enum! { /// doc Name { Variant = "text" } }`.
///
/// It is public unless a visibility stands in front: `text_enum! { in pub(super), /// doc Name { … } }`.
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $($body:tt)+ }) => {
        $crate::text_enum! { in pub, $(#[$meta])* $name { $($body)+ } }
    };
    (in $vis:vis, $(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// Lists every value.
            $vis const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Gives the stored and shown text.
            #[must_use]
            $vis fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::platform::ids::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let known = Self::ALL.iter().copied().find(|value| value.as_str() == text);
                known.ok_or_else(|| $crate::platform::ids::UnknownWord(text.to_owned()))
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }

        impl ::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                let words: Vec<&str> = Self::ALL.iter().map(|word| word.as_str()).collect();
                ::schemars::json_schema!({"type": "string", "enum": words})
            }
        }

        $crate::text_column!($name);
    };
}

/// Says that a text names no value of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a known value")]
pub struct UnknownWord(pub String);

#[cfg(test)]
mod tests {
    typed_id! {
        /// For the test only.
        ThingId
    }

    #[test]
    fn only_the_canonical_form_is_read() {
        let id = ThingId::fresh();
        let text = id.to_string();

        assert_eq!(text.parse(), Ok(id));
        assert_eq!(ThingId::from_uuid(id.uuid()), id);
        assert!(text.to_uppercase().parse::<ThingId>().is_err() || text == text.to_uppercase());
        assert!(text.replace('-', "").parse::<ThingId>().is_err());
        assert!("../etc".parse::<ThingId>().is_err());
    }
}
