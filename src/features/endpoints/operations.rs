//! What the documentation says of the calls.

use serde_json::{Map, Value, json};

use super::api::{EndpointView, SummaryView, TEST_FAILED, TEST_WARNINGS};
use super::error::UNKNOWN_TYPE;
use super::model::NAME_LENGTH;
use crate::connectors::{self, AnyConnector, Values};
use crate::platform::web::operation::{AFTER, Content, LIMIT, Operation, Schemas, Told};
use crate::platform::web::problem;

const CHAPTER: &str = "Endpoints";

const ENDPOINT: &str = r#"{
  "id": "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55", "name": "Claims archive", "type": "folder",
  "directory": "claims", "address": "folder://claims",
  "state": "active", "last_error": null, "failing_since": null, "delivered_at": null,
  "pictures": [], "recordings": [], "other": [],
  "archive": "none", "tested_at": "2026-11-20T12:28:59.130Z",
  "created_at": "2026-11-20T12:28:59.130Z", "updated_at": "2026-11-20T12:28:59.130Z"
}"#;

fn view(schemas: &mut Schemas) -> Value {
    schemas.of::<EndpointView>()
}

/// One schema for each type, told apart by `type`.
fn form(_: &mut Schemas) -> Value {
    json!({"oneOf": connectors::ALL.iter().map(|connector| form_of(*connector)).collect::<Vec<_>>()})
}

fn form_of(connector: &dyn AnyConnector) -> Value {
    let use_cases = |which: &str| {
        json!({
            "type": "array", "items": {"type": "string", "format": "uuid"},
            "description": format!("Use cases whose {which} go there"),
        })
    };
    let mut properties = Map::new();
    let mut required = vec!["name", "type"];
    properties.insert(
        "name".into(),
        json!({
            "type": "string", "minLength": 1, "maxLength": NAME_LENGTH, "description": "Unique",
        }),
    );
    properties.insert("type".into(), json!({"const": connector.key()}));
    for field in connector.described() {
        let mut property = match field.values {
            Values::Text => json!({"type": "string"}),
            Values::Port => json!({"type": "integer", "minimum": 1, "maximum": 65535}),
            Values::Flag => json!({"type": "boolean"}),
            Values::Words(words) => json!({"type": "string", "enum": words}),
        };
        property["description"] = field.about.into();
        if field.is_secret {
            property["writeOnly"] = true.into();
        }
        if field.is_required {
            property["minLength"] = 1.into();
            required.push(field.name);
        }
        properties.insert(field.name.into(), property);
    }
    properties.insert("pictures".into(), use_cases("pictures"));
    properties.insert("recordings".into(), use_cases("recordings"));
    properties
        .insert("archive".into(), json!({"const": "none", "description": "Packing is not available yet"}));
    properties.insert(
        "accept_warnings".into(),
        json!({
            "type": "boolean", "description": "Saves it although the test ended with warnings",
        }),
    );
    json!({
        "title": connector.label(), "type": "object", "required": required, "properties": properties,
        "additionalProperties": false,
    })
}

/// `GET /api/v1/endpoints`.
pub const INDEX: Operation = Operation {
    name: "listEndpoints",
    chapter: CHAPTER,
    summary: "List endpoints",
    about: "By name. Settings stand beside the rest under the names with which they go in; secrets never come out.",
    query: &[LIMIT, AFTER],
    body: &[],
    answers: &[Told::json(
        200,
        "A page of endpoints",
        Schemas::page_of::<SummaryView>,
        r#"{"items": [{
          "id": "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55", "name": "Claims archive", "type": "folder",
          "directory": "claims", "address": "folder://claims",
          "state": "active", "last_error": null, "failing_since": null, "delivered_at": null,
          "pictures": [], "recordings": [], "other": []
        }], "next": null}"#,
    )],
    problems: &[],
};

/// `POST /api/v1/endpoints`.
pub const CREATE: Operation = Operation {
    name: "addEndpoint",
    chapter: CHAPTER,
    summary: "Test and add an endpoint",
    about: "The test runs the code that delivers, and its steps are the answer when it does not pass: nothing is saved \
            then. The call waits for it, which can take minutes when a destination does not answer. \
            With warnings (the account may write but not read back, or not delete) send the same again with \
            `accept_warnings: true` to live with them.",
    query: &[],
    body: &[Content::json(form, r#"{"name": "Claims archive", "type": "folder", "directory": "claims"}"#)],
    answers: &[Told::json(201, "Tested and added", view, ENDPOINT)],
    problems: &[TEST_FAILED, TEST_WARNINGS, problem::TOO_MANY_REQUESTS],
};

/// `GET /api/v1/endpoints/{id}`.
pub const SHOW: Operation = Operation {
    name: "getEndpoint",
    chapter: CHAPTER,
    summary: "Read an endpoint",
    about: "",
    query: &[],
    body: &[],
    answers: &[Told::json(200, "The endpoint", view, ENDPOINT)],
    problems: &[UNKNOWN_TYPE],
};
