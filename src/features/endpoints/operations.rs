//! What the documentation says of the calls.

use serde_json::{Map, Value, json};

use super::api::views::{EndpointView, SummaryView, TestView};
use super::api::{TEST_FAILED, TEST_WARNINGS};
use super::error::UNKNOWN_TYPE;
use super::form::NAME_LENGTH;
use crate::connectors::{self, AnyConnector, Values};
use crate::features::deliveries::leaving::{IN_USE, UNDELIVERED};
use crate::features::endpoints::Leaving;
use crate::platform::web::operation::{AFTER, Content, LIMIT, Operation, Parameter, Schemas, Told};
use crate::platform::web::problem;

const CHAPTER: &str = "Endpoints";

/// An endpoint as calls answer it: its state with the reason and the time of a pause, who sends pictures there, and how
/// often it was changed.
macro_rules! endpoint {
    ($pause:literal, $pictures:literal, $revision:literal) => {
        concat!(
            r#"{
  "id": "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55", "name": "Claims archive", "type": "folder",
  "directory": "claims", "address": "folder://claims",
  "#,
            $pause,
            r#", "leaving": null, "last_error": null, "failing_since": null, "delivered_at": null,
  "pictures": ["#,
            $pictures,
            r#"], "recordings": [], "other": [],
  "archive": "none", "revision": "#,
            $revision,
            r#", "tested_at": "2026-11-20T12:28:59.130Z",
  "created_at": "2026-11-20T12:28:59.130Z", "updated_at": "2026-11-20T12:28:59.130Z"
}"#
        )
    };
}

const ENDPOINT: &str = endpoint!(r#""state": "active", "paused_reason": null, "paused_at": null"#, "", "1");

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
            Values::UpTo(most) => json!({"type": "integer", "minimum": 1, "maximum": most}),
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
          "state": "active", "paused_reason": null, "paused_at": null, "leaving": null, "last_error": null, "failing_since": null, "delivered_at": null,
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

/// `PUT /api/v1/endpoints/{id}`.
pub const UPDATE: Operation = Operation {
    name: "replaceEndpoint",
    chapter: CHAPTER,
    summary: "Test and change an endpoint",
    about: "Everything is replaced but secrets that are left out: those stay, unless the account or the place that they \
            belong to changes. Nothing is saved when the test does not pass. Give the `revision` that you have read to be \
            refused when somebody else has changed the endpoint since. Lists of use cases that are left out become empty.",
    query: &[],
    body: &[Content::json(
        changed,
        r#"{"name": "Claims archive", "type": "folder", "directory": "claims", "revision": 1}"#,
    )],
    answers: &[Told::json(
        200,
        "Tested and saved",
        view,
        endpoint!(r#""state": "active", "paused_reason": null, "paused_at": null"#, "", "2"),
    )],
    problems: &[TEST_FAILED, TEST_WARNINGS, UNKNOWN_TYPE, problem::TOO_MANY_REQUESTS],
};

fn changed(schemas: &mut Schemas) -> Value {
    let mut schema = form(schemas);
    for variant in schema["oneOf"].as_array_mut().into_iter().flatten() {
        variant["properties"]["revision"] =
            json!({"type": "integer", "minimum": 1, "description": "The one that was read"});
    }
    schema
}

/// `POST /api/v1/endpoints/{id}/test`.
pub const TEST: Operation = Operation {
    name: "testEndpoint",
    chapter: CHAPTER,
    summary: "Test an endpoint as it is stored",
    about: "The test runs the code that delivers; one that fails is an answer too. When it does not fail, whatever waits \
            for the endpoint is tried at once.",
    query: &[],
    body: &[],
    answers: &[Told::json(
        200,
        "How it went",
        Schemas::of::<TestView>,
        r#"{"outcome": "passed", "steps": [
          {"name": "resolve", "state": "passed", "ms": 0, "message": ""},
          {"name": "connect", "state": "skipped", "ms": 0, "message": "A folder needs no connection"},
          {"name": "identity", "state": "skipped", "ms": 0, "message": "A folder has no certificate"},
          {"name": "sign_in", "state": "passed", "ms": 0, "message": ""},
          {"name": "write", "state": "passed", "ms": 1, "message": ""},
          {"name": "verify", "state": "passed", "ms": 0, "message": ""},
          {"name": "delete", "state": "passed", "ms": 0, "message": ""}
        ]}"#,
    )],
    problems: &[UNKNOWN_TYPE, problem::TOO_MANY_REQUESTS],
};

/// `POST /api/v1/endpoints/{id}/pause`.
pub const PAUSE: Operation = Operation {
    name: "pauseEndpoint",
    chapter: CHAPTER,
    summary: "Let deliveries wait",
    about: "What is under way ends, everything else waits until the endpoint is resumed. New files are accepted and wait \
            too. An endpoint is also paused by itself, with `paused_reason` `identity`, when whoever answers there is not \
            the one that was confirmed, such as an SFTP server with another host key.",
    query: &[],
    body: &[],
    answers: &[Told::json(
        200,
        "The endpoint",
        view,
        endpoint!(
            r#""state": "paused", "paused_reason": "person", "paused_at": "2026-11-20T12:30:00.000Z""#,
            "",
            "2"
        ),
    )],
    problems: &[],
};

/// `POST /api/v1/endpoints/{id}/resume`.
pub const RESUME: Operation = Operation {
    name: "resumeEndpoint",
    chapter: CHAPTER,
    summary: "Let deliveries run again",
    about: "Whatever waits is tried at once.",
    query: &[],
    body: &[],
    answers: &[Told::json(
        200,
        "The endpoint",
        view,
        endpoint!(
            r#""state": "active", "paused_reason": null, "paused_at": null"#,
            r#""01a1f8ef-0b1d-7b52-8c56-3f4f0a6f2a90""#,
            "2"
        ),
    )],
    problems: &[],
};

fn id(_: &mut Schemas) -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// `DELETE /api/v1/endpoints/{id}`.
pub const DELETE: Operation = Operation {
    name: "deleteEndpoint",
    chapter: CHAPTER,
    summary: "Remove an endpoint",
    about: "Refused while use cases send there, unless `use_cases=detach` says that they shall send nothing there any \
            more, and while deliveries are open, unless `open` says what becomes of them. What was delivered stays at the \
            destination.",
    query: &[
        Parameter {
            name: "use_cases",
            about: "`detach` when it may go although use cases send there",
            shape: |_| json!({"type": "string", "enum": ["detach"]}),
        },
        Parameter { name: "open", about: "What becomes of open deliveries", shape: Schemas::of::<Leaving> },
        Parameter { name: "to", about: "The endpoint that gets them, with `open=move`", shape: id },
    ],
    body: &[],
    answers: &[
        Told { status: 204, about: "Removed", content: None },
        Told::json(202, "It goes when its open deliveries are through (`open=deliver`)", view, ""),
    ],
    problems: &[IN_USE, UNDELIVERED, problem::INVALID],
};
