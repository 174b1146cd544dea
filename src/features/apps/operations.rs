//! What the documentation says of the calls.

use serde_json::{Value, json};

use super::Scope;
use super::api::apps::AppView;
use super::api::keys::{KeyView, NewKeyView};
use crate::platform::web::operation::{AFTER, Content, LIMIT, Operation, Schemas, Told};

const CHAPTER: &str = "Apps and keys";

fn form(_: &mut Schemas) -> Value {
    json!({
        "type": "object",
        "required": ["name"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 100, "description": "Unique"},
            "default_use_case": {
                "type": ["string", "null"], "maxLength": 255,
                "description": "Id or exact name of the use case of messages that name none",
            },
        },
    })
}

fn terms(_: &mut Schemas) -> Value {
    let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "scopes": {
                "type": ["array", "null"], "items": {"type": "string", "enum": scopes},
                "description": "What the key may do; everything when left out",
            },
            "expires_in_days": {
                "type": ["integer", "null"], "minimum": 1, "maximum": 730, "description": "365 when left out",
            },
        },
    })
}

fn view(schemas: &mut Schemas) -> Value {
    schemas.of::<AppView>()
}

const APP: &str = r#"{
  "id": "01a1f8e9-0b6c-7d8e-9f10-2a3b4c5d6e7f", "name": "Sales",
  "default_use_case": {"id": "01a1f8ef-0b1d-7b52-8c56-3f4f0a6f2a90", "name": "Claims"},
  "account_sid": "AC01a1f8e90b6c7d8e9f102a3b4c5d6e7f", "workspace_sid": "WS01a1f8e90b6c7d8e9f102a3b4c5d6e7f",
  "created_at": "2026-11-20T12:20:11.004Z"
}"#;

/// `GET /api/v1/apps`.
pub const INDEX: Operation = Operation {
    name: "listApps",
    chapter: CHAPTER,
    summary: "List apps",
    about: "By name.",
    query: &[LIMIT, AFTER],
    body: &[],
    answers: &[Told::json(
        200,
        "A page of apps",
        Schemas::page_of::<AppView>,
        r#"{"items": [{
          "id": "01a1f8e8-d58b-710a-bde2-5eb4009a5dbf", "name": "Claims", "default_use_case": null,
          "account_sid": "AC01a1f8e8d58b710abde25eb4009a5dbf",
          "workspace_sid": "WS01a1f8e8d58b710abde25eb4009a5dbf",
          "created_at": "2026-11-20T12:20:10.900Z"
        }, {
          "id": "01a1f8e9-0b6c-7d8e-9f10-2a3b4c5d6e7f", "name": "Sales",
          "default_use_case": {"id": "01a1f8ef-0b1d-7b52-8c56-3f4f0a6f2a90", "name": "Claims"},
          "account_sid": "AC01a1f8e90b6c7d8e9f102a3b4c5d6e7f",
          "workspace_sid": "WS01a1f8e90b6c7d8e9f102a3b4c5d6e7f",
          "created_at": "2026-11-20T12:20:11.004Z"
        }], "next": null}"#,
    )],
    problems: &[],
};

/// `POST /api/v1/apps`.
pub const CREATE: Operation = Operation {
    name: "addApp",
    chapter: CHAPTER,
    summary: "Add an app",
    about: "An app is a machine client: its keys see its own conversations and media.",
    query: &[],
    body: &[Content::json(form, r#"{"name": "Sales", "default_use_case": "Claims"}"#)],
    answers: &[Told::json(201, "Added", view, APP)],
    problems: &[],
};

/// `GET /api/v1/apps/{id}`.
pub const SHOW: Operation = Operation {
    name: "getApp",
    chapter: CHAPTER,
    summary: "Read an app",
    about: "",
    query: &[],
    body: &[],
    answers: &[Told::json(200, "The app", view, APP)],
    problems: &[],
};

/// `PUT /api/v1/apps/{id}`.
pub const UPDATE: Operation = Operation {
    name: "replaceApp",
    chapter: CHAPTER,
    summary: "Replace an app's name and default use case",
    about: "A default use case that is null or left out is taken away.",
    query: &[],
    body: &[Content::json(form, r#"{"name": "Sales", "default_use_case": "Claims"}"#)],
    answers: &[Told::json(200, "The app", view, APP)],
    problems: &[],
};

/// `GET /api/v1/apps/{id}/keys`.
pub const KEYS: Operation = Operation {
    name: "listAppKeys",
    chapter: CHAPTER,
    summary: "List an app's keys",
    about: "The newest first, those that open nothing any more included; never with the secret.",
    query: &[LIMIT, AFTER],
    body: &[],
    answers: &[Told::json(
        200,
        "A page of keys",
        Schemas::page_of::<KeyView>,
        r#"{"items": [{
          "id": "kQ3xT8vWm2Zp", "scopes": ["media.read"], "created_at": "2026-11-20T12:21:30.512Z",
          "expires_at": "2026-12-20T12:21:30.512Z", "used_at": null, "revoked_at": null
        }], "next": null}"#,
    )],
    problems: &[],
};

/// `POST /api/v1/apps/{id}/keys`.
pub const CREATE_KEY: Operation = Operation {
    name: "addAppKey",
    chapter: CHAPTER,
    summary: "Add a key to an app",
    about: "`key` is shown this one time. A repetition with the same `Idempotency-Key` gives the same answer for a day.",
    query: &[],
    body: &[Content::json(terms, r#"{"scopes": ["media.read"], "expires_in_days": 30}"#)],
    answers: &[Told::json(
        201,
        "Added",
        Schemas::of::<NewKeyView<'static>>,
        r#"{
          "id": "kQ3xT8vWm2Zp", "scopes": ["media.read"], "created_at": "2026-11-20T12:21:30.512Z",
          "expires_at": "2026-12-20T12:21:30.512Z", "used_at": null, "revoked_at": null,
          "key": "mp_kQ3xT8vWm2Zp_4rBd7LwN2yVh8KcQf5JmT1xZs9GpR3aEu6Wi0oYbDkCvXn2qHjMtLsPf"
        }"#,
    )],
    problems: &[],
};

/// `DELETE /api/v1/apps/{id}/keys/{key}`.
pub const REVOKE_KEY: Operation = Operation {
    name: "revokeAppKey",
    chapter: CHAPTER,
    summary: "Revoke a key",
    about: "It opens nothing from the next request on. Revoking twice changes nothing.",
    query: &[],
    body: &[],
    answers: &[Told { status: 204, about: "Revoked", content: None }],
    problems: &[],
};
