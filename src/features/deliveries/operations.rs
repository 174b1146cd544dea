//! What the documentation says of the calls.

use serde_json::{Value, json};

use super::api::DeliveryView;
use super::model::DeliveryState;
use super::steering::OVER;
use crate::platform::web::operation::{AFTER, LIMIT, Operation, Parameter, Schemas, Told};
use crate::platform::web::problem;

const CHAPTER: &str = "Deliveries";

fn id(_: &mut Schemas) -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// `GET /api/v1/deliveries`.
pub const INDEX: Operation = Operation {
    name: "listDeliveries",
    chapter: CHAPTER,
    summary: "List deliveries",
    about: "The newest first.",
    query: &[
        Parameter { name: "state", about: "How far it is", shape: Schemas::of::<DeliveryState> },
        Parameter { name: "endpoint", about: "Where it goes", shape: id },
        Parameter { name: "media", about: "What is delivered", shape: id },
        LIMIT,
        AFTER,
    ],
    body: &[],
    answers: &[Told::json(
        200,
        "A page of deliveries",
        Schemas::page_of::<DeliveryView>,
        r#"{"items": [{
          "id": "01a1f8f1-9d05-7a61-8a3c-0e7e55b3f1aa",
          "state": "delivered", "held_reason": null, "attempts": 1,
          "media": {
            "id": "01a1f8f1-9d04-7f0e-9b7d-c25a8f64e3d2", "kind": "picture", "file_name": "dot.gif",
            "mime_type": "image/gif", "size": 42,
            "sha256": "ef1955ae757c8b966c83248350331bd3a30f658ced11f387f8ebf05ab3368629"
          },
          "endpoint": {"id": "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55", "name": "Claims archive"},
          "location": {"path": "claims/2026/11/20/01a1f8f1-9d04-7f0e-9b7d-c25a8f64e3d2-dot.gif"},
          "last_error": null, "next_attempt_at": null,
          "created_at": "2026-11-20T12:32:26.244Z", "updated_at": "2026-11-20T12:32:26.301Z",
          "delivered_at": "2026-11-20T12:32:26.301Z"
        }], "next": null}"#,
    )],
    problems: &[problem::INVALID],
};

/// `GET /api/v1/deliveries/{id}`.
pub const SHOW: Operation = Operation {
    name: "getDelivery",
    chapter: CHAPTER,
    summary: "Read a delivery",
    about: "With its attempts, the newest hundred of them. `held_reason` says why a held one needs a person: `conflict` \
            (another file has the name there), `too_large`, `rejected`, or `poison` (it broke the program again and \
            again).",
    query: &[],
    body: &[],
    answers: &[Told::json(
        200,
        "The delivery",
        Schemas::of::<DeliveryView>,
        r#"{
          "id": "01a1f8f1-9d05-7a61-8a3c-0e7e55b3f1aa",
          "state": "delivered", "held_reason": null, "attempts": 1,
          "media": {
            "id": "01a1f8f1-9d04-7f0e-9b7d-c25a8f64e3d2", "kind": "picture", "file_name": "dot.gif",
            "mime_type": "image/gif", "size": 42,
            "sha256": "ef1955ae757c8b966c83248350331bd3a30f658ced11f387f8ebf05ab3368629"
          },
          "endpoint": {"id": "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55", "name": "Claims archive"},
          "location": {"path": "claims/2026/11/20/01a1f8f1-9d04-7f0e-9b7d-c25a8f64e3d2-dot.gif"},
          "last_error": null, "next_attempt_at": null,
          "created_at": "2026-11-20T12:32:26.244Z", "updated_at": "2026-11-20T12:32:26.301Z",
          "delivered_at": "2026-11-20T12:32:26.301Z",
          "attempt_log": [{
            "number": 1, "outcome": "delivered", "message": "Verified by reading it back and hashing it",
            "started_at": "2026-11-20T12:32:26.280Z", "ended_at": "2026-11-20T12:32:26.301Z"
          }]
        }"#,
    )],
    problems: &[],
};

/// `POST /api/v1/deliveries/{id}/retry`.
pub const RETRY: Operation = Operation {
    name: "retryDelivery",
    chapter: CHAPTER,
    summary: "Try a delivery now",
    about: "For one that waits for its next attempt, needs a person, or was called off. One that is queued or under way \
            stays as it is.",
    query: &[],
    body: &[],
    answers: &[Told::json(
        200,
        "The delivery",
        Schemas::of::<DeliveryView>,
        r#"{
          "id": "01a1f8f1-9d05-7a61-8a3c-0e7e55b3f1aa",
          "state": "queued", "held_reason": null, "attempts": 0,
          "media": {
            "id": "01a1f8f1-9d04-7f0e-9b7d-c25a8f64e3d2", "kind": "picture", "file_name": "dot.gif",
            "mime_type": "image/gif", "size": 42,
            "sha256": "ef1955ae757c8b966c83248350331bd3a30f658ced11f387f8ebf05ab3368629"
          },
          "endpoint": {"id": "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55", "name": "Claims archive"},
          "location": null, "last_error": null, "next_attempt_at": null,
          "created_at": "2026-11-20T12:32:26.244Z", "updated_at": "2026-11-20T12:32:26.301Z",
          "delivered_at": null, "attempt_log": []
        }"#,
    )],
    problems: &[OVER],
};

/// `POST /api/v1/deliveries/{id}/cancel`.
pub const CANCEL: Operation = Operation {
    name: "cancelDelivery",
    chapter: CHAPTER,
    summary: "Call a delivery off",
    about: "The file stays here. What is under way at this moment may still arrive; then it counts as delivered.",
    query: &[],
    body: &[],
    answers: &[Told::json(
        200,
        "The delivery",
        Schemas::of::<DeliveryView>,
        r#"{
          "id": "01a1f8f1-9d05-7a61-8a3c-0e7e55b3f1aa",
          "state": "cancelled", "held_reason": null, "attempts": 0,
          "media": {
            "id": "01a1f8f1-9d04-7f0e-9b7d-c25a8f64e3d2", "kind": "picture", "file_name": "dot.gif",
            "mime_type": "image/gif", "size": 42,
            "sha256": "ef1955ae757c8b966c83248350331bd3a30f658ced11f387f8ebf05ab3368629"
          },
          "endpoint": {"id": "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55", "name": "Claims archive"},
          "location": null, "last_error": null, "next_attempt_at": null,
          "created_at": "2026-11-20T12:32:26.244Z", "updated_at": "2026-11-20T12:32:26.301Z",
          "delivered_at": null, "attempt_log": []
        }"#,
    )],
    problems: &[OVER],
};
