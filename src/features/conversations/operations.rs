//! What the documentation says of the calls.

use serde_json::{Value, json};

use super::model::{
    ConversationState, ConversationView, MOST_AGENT, MOST_ATTRIBUTES, MOST_CHANNEL, MOST_CUSTOMER,
    MOST_EXTERNAL_ID, MOST_NAME,
};
use crate::platform::web::operation::{AFTER, Content, LIMIT, Operation, Parameter, Schemas, Told};
use crate::platform::web::problem;

const CHAPTER: &str = "Conversations";

const CONVERSATION: &str = r#"{
  "id": "01a1f8f0-31c2-7c7e-a2a4-5f0d1c9e7b11",
  "app_id": "01a1f8e8-d58b-710a-bde2-5eb4009a5dbf",
  "external_id": "call-4711",
  "use_case": {"id": "01a1f8ef-0b1d-7b52-8c56-3f4f0a6f2a90", "name": "Claims"},
  "channel": "voice", "customer": "+49 30 1234567", "agent": "dana@example.com",
  "attributes": {"claim": 7},
  "state": "open",
  "created_at": "2026-11-20T12:30:53.122Z", "updated_at": "2026-11-20T12:30:53.122Z", "ended_at": null
}"#;

const ENDED: &str = r#"{
  "id": "01a1f8f0-31c2-7c7e-a2a4-5f0d1c9e7b11",
  "app_id": "01a1f8e8-d58b-710a-bde2-5eb4009a5dbf",
  "external_id": "call-4711",
  "use_case": {"id": "01a1f8ef-0b1d-7b52-8c56-3f4f0a6f2a90", "name": "Claims"},
  "channel": "voice", "customer": "+49 30 1234567", "agent": "dana@example.com",
  "attributes": {"claim": 7},
  "state": "ended",
  "created_at": "2026-11-20T12:30:53.122Z", "updated_at": "2026-11-20T12:37:01.500Z",
  "ended_at": "2026-11-20T12:37:01.500Z"
}"#;

fn view(schemas: &mut Schemas) -> Value {
    schemas.of::<ConversationView>()
}

/// `POST /api/v1/conversations`.
pub const CREATE: Operation = Operation {
    name: "openConversation",
    chapter: CHAPTER,
    summary: "Open a conversation",
    about: "Files belong to a conversation, and its use case says where they go. With an `external_id` that the app has \
            used before, the known conversation is given, unchanged.",
    query: &[],
    body: &[Content::json(
        |_| {
            json!({
                "type": "object",
                "required": ["use_case"],
                "additionalProperties": false,
                "properties": {
                    "use_case": {
                        "type": "string", "minLength": 1, "maxLength": MOST_NAME,
                        "description": "Id or exact name; says where the files go",
                    },
                    "external_id": {
                        "type": ["string", "null"], "maxLength": MOST_EXTERNAL_ID,
                        "description": "Your own name for it, unique in the app",
                    },
                    "channel": {
                        "type": ["string", "null"], "maxLength": MOST_CHANNEL,
                        "description": "A word such as `voice` or `whatsapp`",
                    },
                    "customer": {
                        "type": ["string", "null"], "maxLength": MOST_CUSTOMER,
                        "description": "A number, an address, a name",
                    },
                    "agent": {
                        "type": ["string", "null"], "maxLength": MOST_AGENT,
                        "description": "The e-mail address of the person who handles it",
                    },
                    "attributes": {
                        "type": ["object", "null"],
                        "description": format!(
                            "Whatever you want to keep with it, at most {MOST_ATTRIBUTES} bytes of JSON"
                        ),
                    },
                    "app": {
                        "type": ["string", "null"], "maxLength": MOST_NAME,
                        "description": "With a personal token: id or name of the app it belongs to",
                    },
                },
            })
        },
        r#"{"use_case": "Claims", "external_id": "call-4711", "channel": "voice",
                     "customer": "+49 30 1234567", "agent": "dana@example.com", "attributes": {"claim": 7}}"#,
    )],
    answers: &[
        Told::json(201, "Opened", view, CONVERSATION),
        Told::json(200, "Known by its `external_id`", view, CONVERSATION),
    ],
    problems: &[],
};

/// `GET /api/v1/conversations`.
pub const INDEX: Operation = Operation {
    name: "listConversations",
    chapter: CHAPTER,
    summary: "List conversations",
    about: "The newest first.",
    query: &[
        Parameter { name: "state", about: "Whether it goes on", shape: Schemas::of::<ConversationState> },
        Parameter { name: "use_case", about: "Id or exact name of the use case", shape: text },
        Parameter { name: "external_id", about: "The app's own name for it", shape: text },
        Parameter { name: "agent", about: "The e-mail address of the person who handles it", shape: text },
        Parameter { name: "app", about: "With a personal token: id or name of the app", shape: text },
        LIMIT,
        AFTER,
    ],
    body: &[],
    answers: &[Told::json(
        200,
        "A page of conversations",
        Schemas::page_of::<ConversationView>,
        r#"{"items": [{
          "id": "01a1f8f0-31c2-7c7e-a2a4-5f0d1c9e7b11",
          "app_id": "01a1f8e8-d58b-710a-bde2-5eb4009a5dbf",
          "external_id": "call-4711",
          "use_case": {"id": "01a1f8ef-0b1d-7b52-8c56-3f4f0a6f2a90", "name": "Claims"},
          "channel": "voice", "customer": "+49 30 1234567", "agent": "dana@example.com",
          "attributes": {"claim": 7},
          "state": "open",
          "created_at": "2026-11-20T12:30:53.122Z", "updated_at": "2026-11-20T12:30:53.122Z", "ended_at": null
        }], "next": null}"#,
    )],
    problems: &[problem::INVALID],
};

fn text(_: &mut Schemas) -> Value {
    json!({"type": "string", "maxLength": MOST_NAME})
}

/// `GET /api/v1/conversations/{id}`.
pub const SHOW: Operation = Operation {
    name: "getConversation",
    chapter: CHAPTER,
    summary: "Read a conversation",
    about: "",
    query: &[],
    body: &[],
    answers: &[Told::json(200, "The conversation", view, CONVERSATION)],
    problems: &[],
};

/// `POST /api/v1/conversations/{id}/end`.
pub const END: Operation = Operation {
    name: "endConversation",
    chapter: CHAPTER,
    summary: "End a conversation",
    about: "Ending twice changes nothing. Files are still accepted afterwards: recordings are often ready later than the \
            call.",
    query: &[],
    body: &[],
    answers: &[Told::json(200, "The conversation", view, ENDED)],
    problems: &[],
};
