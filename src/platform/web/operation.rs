//! What the documentation says of a call of the HTTP API. It stands beside the handler, and the route table has both, so
//! that a call without a description cannot exist.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

use super::problem::Code;

/// One call: what it does, takes and answers.
pub struct Operation {
    /// Its name in generated clients: never rename.
    pub name: &'static str,
    /// The chapter where it stands.
    pub chapter: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What one has to know beside that, in sentences; Markdown.
    pub about: &'static str,
    /// What may stand in the query.
    pub query: &'static [Parameter],
    /// What may stand in the body; the first one is shown as the example. Empty: no body.
    pub body: &'static [Content],
    /// How it answers when all is well.
    pub answers: &'static [Told],
    /// Why it refuses, beside what holds for every call.
    pub problems: &'static [Code],
}

/// A name in the query.
pub struct Parameter {
    /// The name.
    pub name: &'static str,
    /// What it is for; Markdown.
    pub about: &'static str,
    /// What it may be.
    pub shape: Shape,
}

/// How many items a page of a list has.
pub const LIMIT: Parameter = Parameter {
    name: "limit",
    about: "Items of one answer: 50 unless given, never more than 200",
    shape: |_| serde_json::json!({"type": "integer", "minimum": 1}),
};

/// Where a page of a list begins.
pub const AFTER: Parameter = Parameter {
    name: "after",
    about: "The `next` of the page before",
    shape: |_| serde_json::json!({"type": "string"}),
};

/// The media type of most bodies.
pub const JSON: &str = "application/json";

impl Content {
    /// A JSON document.
    #[must_use]
    pub const fn json(shape: Shape, example: &'static str) -> Self {
        Self { media_type: JSON, shape, example }
    }
}

impl Told {
    /// Answers with a JSON document.
    #[must_use]
    pub const fn json(status: u16, about: &'static str, shape: Shape, example: &'static str) -> Self {
        Self { status, about, content: Some(Content::json(shape, example)) }
    }
}

/// A kind of body.
pub struct Content {
    /// Its media type.
    pub media_type: &'static str,
    /// What it may be.
    pub shape: Shape,
    /// An example as JSON; empty for what is not JSON.
    pub example: &'static str,
}

/// One way to answer.
pub struct Told {
    /// The status.
    pub status: u16,
    /// When that is the answer.
    pub about: &'static str,
    /// Its body; nothing for none.
    pub content: Option<Content>,
}

/// Makes a JSON Schema; what it names is added to the schemas of the document.
pub type Shape = fn(&mut Schemas) -> Value;

/// The named schemas of a document (JSON Schema 2020-12, as OpenAPI 3.1 wants it).
pub struct Schemas(SchemaGenerator);

impl Default for Schemas {
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        Self(SchemaGenerator::new(settings.with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })))
    }
}

impl Schemas {
    /// Refers to the schema of a type.
    pub fn of<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }

    /// Refers to the schema of a page of a list.
    pub fn page_of<T: JsonSchema>(&mut self) -> Value {
        let item = self.of::<T>();
        serde_json::json!({
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "items": item},
                "next": {
                    "type": ["string", "null"],
                    "description": "What to send as `after` for the page behind this one; null on the last page",
                },
            },
        })
    }

    /// Gives every schema that was named.
    #[must_use]
    pub fn named(mut self) -> Map<String, Value> {
        self.0.take_definitions(true)
    }
}
