//! What the documentation says of the call.

use serde_json::{Value, json};

use super::CODES;
use super::model::{MOST_FILE_NAME, MOST_NOTE, MOST_ORIGIN};
use super::scanner::MOST_ENCODED;
use crate::features::media::operations::view;
use crate::formats::kinds::Kind;
use crate::platform::web::operation::{Content, Operation, Parameter, Schemas, Told};

/// What every way of handing a file in may say about it.
fn details(schemas: &mut Schemas) -> Value {
    json!({
        "kind": schemas.of::<Kind>(),
        "file_name": {"type": ["string", "null"], "maxLength": MOST_FILE_NAME},
        "captured_at": {
            "type": ["string", "null"], "format": "date-time", "description": "When it was taken or recorded",
        },
        "latitude": {
            "type": ["number", "null"], "minimum": -90, "maximum": 90,
            "description": "Where, in degrees north; with `longitude` or not at all",
        },
        "longitude": {
            "type": ["number", "null"], "minimum": -180, "maximum": 180, "description": "In degrees east",
        },
        "origin": {"type": ["string", "null"], "maxLength": MOST_ORIGIN, "description": "What made it, in your words"},
        "note": {"type": ["string", "null"], "maxLength": MOST_NOTE, "description": "A remark"},
        "size": {
            "type": ["integer", "null"], "minimum": 0,
            "description": "The number of bytes; other bytes are refused",
        },
        "sha256": {
            "type": ["string", "null"], "pattern": "^[0-9A-Fa-f]{64}$",
            "description": "The SHA-256 of the bytes; others are refused",
        },
    })
}

fn in_json(schemas: &mut Schemas) -> Value {
    let object = |schemas: &mut Schemas, name: &str, shape: Value| {
        let mut properties = details(schemas);
        properties["mime_type"] = json!({"type": ["string", "null"], "maxLength": 127});
        properties[name] = shape;
        json!({
            "type": "object", "required": ["kind", name], "properties": properties, "additionalProperties": false,
        })
    };
    let data = json!({
        "type": "string", "contentEncoding": "base64", "maxLength": MOST_ENCODED,
        "description": "The file, in base64 with padding, in one line",
    });
    let url = json!({
        "type": "string", "format": "uri", "maxLength": 2048, "pattern": "^https://",
        "description": "Where the file lies; it is fetched by and by, without redirects",
    });
    json!({"oneOf": [object(schemas, "data_base64", data), object(schemas, "url", url)]})
}

fn in_form(schemas: &mut Schemas) -> Value {
    let mut properties = details(schemas);
    properties["file"] = json!({"type": "string", "format": "binary"});
    json!({"type": "object", "required": ["kind", "file"], "properties": properties})
}

const fn parameter(name: &'static str, about: &'static str, shape: fn(&mut Schemas) -> Value) -> Parameter {
    Parameter { name, about, shape }
}

/// Gives the shape of one of the details, without null: a query has none.
fn detail(schemas: &mut Schemas, name: &str) -> Value {
    let mut shape = details(schemas)[name].take();
    if let Some(kind) = shape.get("type").and_then(|kind| kind.get(0)).cloned() {
        shape["type"] = kind;
    }
    shape
}

/// `POST /api/v1/conversations/{id}/media`.
pub const CREATE: Operation = Operation {
    name: "handInFile",
    chapter: "Media",
    summary: "Hand in a file",
    about: "One call, three encodings: `multipart/form-data` with the part `file`; the file itself as the body, with the \
            fields in the query; JSON with the file in base64, or with the address from which it is to be fetched. \
            All of them are streamed. 201 means that the file is durable and its deliveries are queued; 202 that it will \
            be fetched.",
    query: &[
        parameter("kind", "With the file as the body: what it is", |schemas| detail(schemas, "kind")),
        parameter("file_name", "With the file as the body: its name", |schemas| detail(schemas, "file_name")),
        parameter("captured_at", "As in the body", |schemas| detail(schemas, "captured_at")),
        parameter("latitude", "As in the body", |schemas| detail(schemas, "latitude")),
        parameter("longitude", "As in the body", |schemas| detail(schemas, "longitude")),
        parameter("origin", "As in the body", |schemas| detail(schemas, "origin")),
        parameter("note", "As in the body", |schemas| detail(schemas, "note")),
        parameter("size", "As in the body", |schemas| detail(schemas, "size")),
        parameter("sha256", "As in the body", |schemas| detail(schemas, "sha256")),
    ],
    body: &[
        Content::json(
            in_json,
            r#"{"kind": "picture", "file_name": "dot.gif",
                "data_base64": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"}"#,
        ),
        Content { media_type: "multipart/form-data", shape: in_form, example: "" },
        Content {
            media_type: "application/octet-stream",
            shape: |_| json!({"type": "string", "format": "binary"}),
            example: "",
        },
    ],
    answers: &[
        Told::json(
            201,
            "Stored",
            view,
            r#"{
              "id": "01a1f8f1-9d04-7f0e-9b7d-c25a8f64e3d2",
              "path": "media/01a1f8e8-d58b-710a-bde2-5eb4009a5dbf/01a1f8f0-31c2-7c7e-a2a4-5f0d1c9e7b11-01A1F8F19D047F0E9B7DC25A8F64E3D2.gif",
              "kind": "picture", "file_name": "dot.gif", "mime_type": "image/gif", "size": 42,
              "sha256": "ef1955ae757c8b966c83248350331bd3a30f658ced11f387f8ebf05ab3368629",
              "state": "stored", "failed_reason": null,
              "created_at": "2026-11-20T12:32:26.244Z", "expires_at": null,
              "conversation_id": "01a1f8f0-31c2-7c7e-a2a4-5f0d1c9e7b11",
              "deliveries": [{"id": "01a1f8f1-9d05-7a61-8a3c-0e7e55b3f1aa",
                              "endpoint_id": "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55", "state": "queued"}]
            }"#,
        ),
        Told::json(
            202,
            "Will be fetched; `GET /media/{id}` says how far it is",
            view,
            r#"{
              "id": "01a1f8f3-11e0-7b42-90d1-6a3f4c7b8e90",
              "path": "media/01a1f8e8-d58b-710a-bde2-5eb4009a5dbf/01a1f8f0-31c2-7c7e-a2a4-5f0d1c9e7b11-01A1F8F311E07B4290D16A3F4C7B8E90.bin",
              "kind": "recording", "file_name": "call.wav", "mime_type": "audio/wav", "size": null, "sha256": null,
              "state": "fetching", "failed_reason": null,
              "created_at": "2026-11-20T12:33:10.900Z", "expires_at": null,
              "conversation_id": "01a1f8f0-31c2-7c7e-a2a4-5f0d1c9e7b11", "deliveries": []
            }"#,
        ),
    ],
    problems: CODES,
};
