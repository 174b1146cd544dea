//! What the documentation says of the calls.

use serde_json::{Value, json};

use super::api::{DAMAGED, NOT_HERE_YET};
use super::model::{MediaState, MediaView};
use crate::features::deliveries::DeliveryBrief;
use crate::formats::kinds::Kind;
use crate::platform::web::operation::{AFTER, Content, LIMIT, Operation, Parameter, Schemas, Told};
use crate::platform::web::problem;

const CHAPTER: &str = "Media";

/// The schema of a media with its deliveries.
pub fn view(schemas: &mut Schemas) -> Value {
    schemas.of::<MediaView<'static, DeliveryBrief>>()
}

fn instant(_: &mut Schemas) -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// `GET /api/v1/media`.
pub const INDEX: Operation = Operation {
    name: "listMedia",
    chapter: CHAPTER,
    summary: "List media",
    about: "The newest first, each with its deliveries as they are now.",
    query: &[
        Parameter { name: "kind", about: "What they are", shape: Schemas::of::<Kind> },
        Parameter {
            name: "conversation",
            about: "What they came with",
            shape: |_| json!({"type": "string", "format": "uuid"}),
        },
        Parameter {
            name: "sha256",
            about: "Their SHA-256",
            shape: |_| json!({"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}),
        },
        Parameter {
            name: "state",
            about: "Whether the bytes are there",
            shape: |_| json!({"type": "string", "enum": [MediaState::Fetching, MediaState::Stored, MediaState::Failed]}),
        },
        Parameter { name: "from", about: "The first instant of acceptance", shape: instant },
        Parameter { name: "to", about: "The instant before which they were accepted", shape: instant },
        Parameter {
            name: "app",
            about: "With a personal token: id or name of the app",
            shape: |_| json!({"type": "string", "maxLength": 255}),
        },
        LIMIT,
        AFTER,
    ],
    body: &[],
    answers: &[Told::json(
        200,
        "A page of media",
        Schemas::page_of::<MediaView<'static, DeliveryBrief>>,
        r#"{"items": [{
          "id": "01a1f8f1-9d04-7f0e-9b7d-c25a8f64e3d2",
          "path": "media/01a1f8e8-d58b-710a-bde2-5eb4009a5dbf/01a1f8f0-31c2-7c7e-a2a4-5f0d1c9e7b11-01A1F8F19D047F0E9B7DC25A8F64E3D2.gif",
          "kind": "picture", "file_name": "dot.gif", "mime_type": "image/gif", "size": 42,
          "sha256": "ef1955ae757c8b966c83248350331bd3a30f658ced11f387f8ebf05ab3368629",
          "state": "stored", "failed_reason": null,
          "created_at": "2026-11-20T12:32:26.244Z", "expires_at": null,
          "conversation_id": "01a1f8f0-31c2-7c7e-a2a4-5f0d1c9e7b11",
          "deliveries": [{"id": "01a1f8f1-9d05-7a61-8a3c-0e7e55b3f1aa",
                          "endpoint_id": "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55", "state": "delivered"}]
        }], "next": null}"#,
    )],
    problems: &[problem::INVALID],
};

/// `GET /api/v1/media/{id}`.
pub const SHOW: Operation = Operation {
    name: "getMedia",
    chapter: CHAPTER,
    summary: "Read what is known of a media",
    about: "With its deliveries as they are now. A file that was ordered from an address is `fetching` until it is \
            `stored`, or `failed` with a reason; size and hash are null until then.",
    query: &[],
    body: &[],
    answers: &[Told::json(
        200,
        "The media",
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
                          "endpoint_id": "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55", "state": "delivered"}]
        }"#,
    )],
    problems: &[],
};

/// `GET /api/v1/media/{id}/content`.
pub const CONTENT: Operation = Operation {
    name: "getMediaContent",
    chapter: CHAPTER,
    summary: "Read the bytes of a media",
    about: "Answers `HEAD` as well. The ETag is the SHA-256 and never changes: `If-None-Match` gives 304, `If-Match` 412, \
            `If-Range` works. One `Range` is answered 206, one behind the end 416. What browsers do not show safely is \
            an attachment.",
    query: &[Parameter {
        name: "disposition",
        about: "`attachment` for a download where a browser would show the file",
        shape: |_| json!({"type": "string", "enum": ["inline", "attachment"]}),
    }],
    body: &[],
    answers: &[
        Told { status: 200, about: "The whole file", content: Some(BYTES) },
        Told { status: 206, about: "The range that was asked for", content: Some(BYTES) },
        Told { status: 304, about: "Not changed", content: None },
        Told { status: 412, about: "The file is not the one that `If-Match` names", content: None },
        Told { status: 416, about: "The range lies behind the end", content: None },
    ],
    problems: &[DAMAGED, NOT_HERE_YET],
};

const BYTES: Content =
    Content { media_type: "*/*", shape: |_| json!({"type": "string", "format": "binary"}), example: "" };
