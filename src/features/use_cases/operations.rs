//! What the documentation says of the calls.

use serde_json::{Value, json};

use super::api::UseCaseView;
use super::model::NAME_LENGTH;
use crate::platform::web::operation::{AFTER, Content, LIMIT, Operation, Schemas, Told};

const CHAPTER: &str = "Use cases";

const USE_CASE: &str = r#"{
  "id": "01a1f8ef-0b1d-7b52-8c56-3f4f0a6f2a90", "name": "Claims",
  "pictures": ["01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55"], "recordings": [], "other": [],
  "created_at": "2026-11-20T12:29:37.821Z", "updated_at": "2026-11-20T12:29:37.821Z"
}"#;

const RENAMED: &str = r#"{
  "id": "01a1f8ef-0b1d-7b52-8c56-3f4f0a6f2a90", "name": "Claims",
  "pictures": ["01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55"],
  "recordings": ["01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55"], "other": [],
  "created_at": "2026-11-20T12:29:37.821Z", "updated_at": "2026-11-20T12:29:37.821Z"
}"#;

fn view(schemas: &mut Schemas) -> Value {
    schemas.of::<UseCaseView>()
}

fn form(_: &mut Schemas) -> Value {
    let endpoints = |which: &str| {
        json!({
            "type": "array", "items": {"type": "string", "format": "uuid"},
            "description": format!("Endpoints that receive {which}; empty when left out"),
        })
    };
    json!({
        "type": "object",
        "required": ["name"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH, "description": "Unique"},
            "pictures": endpoints("pictures"),
            "recordings": endpoints("recordings, voicemails and transcripts"),
            "other": endpoints("attachments, faxes and greetings"),
        },
    })
}

/// `GET /api/v1/use-cases`.
pub const INDEX: Operation = Operation {
    name: "listUseCases",
    chapter: CHAPTER,
    summary: "List use cases",
    about: "By name.",
    query: &[LIMIT, AFTER],
    body: &[],
    answers: &[Told::json(
        200,
        "A page of use cases",
        Schemas::page_of::<UseCaseView>,
        r#"{"items": [{
          "id": "01a1f8ef-0b1d-7b52-8c56-3f4f0a6f2a90", "name": "Claims",
          "pictures": ["01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55"], "recordings": [], "other": [],
          "created_at": "2026-11-20T12:29:37.821Z", "updated_at": "2026-11-20T12:29:37.821Z"
        }], "next": null}"#,
    )],
    problems: &[],
};

/// `POST /api/v1/use-cases`.
pub const CREATE: Operation = Operation {
    name: "addUseCase",
    chapter: CHAPTER,
    summary: "Add a use case",
    about: "",
    query: &[],
    body: &[Content::json(
        form,
        r#"{"name": "Claims", "pictures": ["01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55"]}"#,
    )],
    answers: &[Told::json(201, "Added", view, USE_CASE)],
    problems: &[],
};

/// `GET /api/v1/use-cases/{id}`.
pub const SHOW: Operation = Operation {
    name: "getUseCase",
    chapter: CHAPTER,
    summary: "Read a use case",
    about: "",
    query: &[],
    body: &[],
    answers: &[Told::json(200, "The use case", view, USE_CASE)],
    problems: &[],
};

/// `PUT /api/v1/use-cases/{id}`.
pub const UPDATE: Operation = Operation {
    name: "replaceUseCase",
    chapter: CHAPTER,
    summary: "Replace a use case",
    about: "A list that is left out becomes empty. Files that are accepted from then on follow the new lists.",
    query: &[],
    body: &[Content::json(
        form,
        r#"{"name": "Claims", "pictures": ["01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55"],
            "recordings": ["01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55"]}"#,
    )],
    answers: &[Told::json(200, "The use case", view, RENAMED)],
    problems: &[],
};
