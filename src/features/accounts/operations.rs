//! What the documentation says of the calls.

use serde_json::json;

use super::api::{NewTokenView, TokenView};
use crate::platform::web::operation::{AFTER, Content, LIMIT, Operation, Schemas, Told};

const CHAPTER: &str = "Personal tokens";

/// `GET /api/v1/tokens`.
pub const INDEX: Operation = Operation {
    name: "listTokens",
    chapter: CHAPTER,
    summary: "List your own tokens",
    about: "The newest first, those that open nothing any more included; `current` is the one that this call came with.",
    query: &[LIMIT, AFTER],
    body: &[],
    answers: &[Told::json(
        200,
        "A page of tokens",
        Schemas::page_of::<TokenView>,
        r#"{"items": [{
          "id": "tB7nH2kLw9Xs", "created_at": "2026-11-20T12:22:04.118Z", "expires_at": "2026-12-20T12:22:04.118Z",
          "used_at": null, "revoked_at": null, "made_with": "tR5vC1mJq8Ea", "current": false
        }, {
          "id": "tR5vC1mJq8Ea", "created_at": "2026-11-20T12:19:58.300Z", "expires_at": null,
          "used_at": null, "revoked_at": null, "made_with": null, "current": true
        }], "next": null}"#,
    )],
    problems: &[],
};

/// `POST /api/v1/tokens`.
pub const CREATE: Operation = Operation {
    name: "addToken",
    chapter: CHAPTER,
    summary: "Add a token of your own",
    about: "It acts as you, and lives no longer than the one that made it. `token` is shown this one time.",
    query: &[],
    body: &[Content::json(
        |_| {
            json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "expires_in_days": {"type": ["integer", "null"], "minimum": 1, "maximum": 730},
                },
            })
        },
        r#"{"expires_in_days": 30}"#,
    )],
    answers: &[Told::json(
        201,
        "Added",
        Schemas::of::<NewTokenView<'static>>,
        r#"{
          "id": "tB7nH2kLw9Xs", "created_at": "2026-11-20T12:22:04.118Z", "expires_at": "2026-12-20T12:22:04.118Z",
          "used_at": null, "revoked_at": null, "made_with": "tR5vC1mJq8Ea", "current": false,
          "token": "mp_tB7nH2kLw9Xs_4rBd7LwN2yVh8KcQf5JmT1xZs9GpR3aEu6Wi0oYbDkCvXn2qHjMtLsPf"
        }"#,
    )],
    problems: &[],
};

/// `DELETE /api/v1/tokens/{id}`.
pub const REVOKE: Operation = Operation {
    name: "revokeToken",
    chapter: CHAPTER,
    summary: "Revoke a token of your own",
    about: "It opens nothing from the next request on; it may be the one that this call came with. Revoking twice \
            changes nothing.",
    query: &[],
    body: &[],
    answers: &[Told { status: 204, about: "Revoked", content: None }],
    problems: &[],
};
