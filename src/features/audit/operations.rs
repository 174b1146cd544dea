//! What the documentation says of the calls.

use serde_json::{Value, json};

use super::api::{EntryView, MOST_VERIFIED, VerificationView};
use crate::platform::web::operation::{AFTER, LIMIT, Operation, Parameter, Schemas, Told};
use crate::platform::web::problem;

const CHAPTER: &str = "Audit log";

fn text(_: &mut Schemas) -> Value {
    json!({"type": "string", "maxLength": 255})
}

fn instant(_: &mut Schemas) -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// `GET /api/v1/audit`.
pub const INDEX: Operation = Operation {
    name: "listAuditEntries",
    chapter: CHAPTER,
    summary: "Read the audit log",
    about: "The newest first. `number` and `hash` are the row's place in the chain; both are null for the second or so \
            until it has one. That you read the log is written there too.",
    query: &[
        Parameter { name: "actor", about: "Id of the person or app that acted", shape: text },
        Parameter { name: "action", about: "Such as `endpoint.created`", shape: text },
        Parameter { name: "target", about: "Id of what it was done to", shape: text },
        Parameter { name: "from", about: "The first instant", shape: instant },
        Parameter { name: "to", about: "The instant before which it happened", shape: instant },
        LIMIT,
        AFTER,
    ],
    body: &[],
    answers: &[Told::json(200, "A page of the log", Schemas::page_of::<EntryView>, "")],
    problems: &[problem::INVALID],
};

/// `GET /api/v1/audit/verification`.
pub const VERIFICATION: Operation = Operation {
    name: "verifyAuditLog",
    chapter: CHAPTER,
    summary: "Recompute the chain of the audit log",
    about: "Recomputes a stretch of the chain. `broken_at` is the first place where a row was changed, removed or slipped \
            in; `next` where to go on, null at the end; `unchained` counts rows that have no place yet. Keep the `hash` \
            of the last row elsewhere, and nobody can rewrite the log up to there unnoticed.",
    query: &[
        Parameter {
            name: "from_number",
            about: "The first row: 1 unless given",
            shape: |_| json!({"type": "integer", "minimum": 1}),
        },
        Parameter {
            name: "count",
            about: "How many rows",
            shape: |_| json!({"type": "integer", "minimum": 1, "maximum": MOST_VERIFIED}),
        },
    ],
    body: &[],
    answers: &[Told::json(200, "What was found", Schemas::of::<VerificationView>, "")],
    problems: &[],
};
