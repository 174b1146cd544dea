//! The OpenAPI document: made from the route table and from what stands beside the handlers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::app::problems;
use crate::platform::web::operation::{Content, Operation, Schemas, Told};
use crate::platform::web::problem::{self, Code};
use crate::platform::web::{Door, Entry, Role};

/// What holds for every call, in Markdown.
const ABOUT: &str = "\
Media of conversations: hand files in, follow their deliveries, look after the places where they go.

Send an app's key or a personal token as `Authorization: Bearer mp_…`. An app key sees its own app only; what belongs to \
others is answered 404. Times are RFC 3339 in UTC with milliseconds, identifiers are opaque text. \
An empty parameter of a query counts as left out.

Refusals are problem documents (RFC 9457). Decide by `code`, which is stable; `detail` is a sentence for people; \
`request_id` is in the log. A POST with an `Idempotency-Key` is done once, however often it is sent.";

/// Makes the document for an installation that is reached at `server`.
#[must_use]
pub fn document(table: &[Entry], server: &str) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut chapters: Vec<&str> = Vec::new();
    for entry in table {
        let Some(operation) = entry.operation else { continue };
        if !chapters.contains(&operation.chapter) {
            chapters.push(operation.chapter);
        }
        let described = describe(entry, operation, &mut schemas);
        let path = paths.entry(entry.path).or_default();
        path.insert(entry.method.as_str().to_ascii_lowercase(), described);
    }
    let mut named = schemas.named();
    named.insert("Problem".to_owned(), problem_schema());
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Mediaport", "version": "1", "description": ABOUT},
        "servers": [{"url": server}],
        "security": [{"bearer": []}],
        "tags": chapters.iter().map(|chapter| json!({"name": chapter})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {
                "type": "http", "scheme": "bearer",
                "description": "An app's key (`mp_k…`) or a personal token (`mp_t…`)",
            }},
            "schemas": named,
        },
    })
}

fn describe(entry: &Entry, operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut described = json!({
        "operationId": operation.name,
        "tags": [operation.chapter],
        "summary": operation.summary,
        "description": format!("{}\n\n{}", operation.about, who(entry.door)).trim(),
        "parameters": parameters(entry, operation, schemas),
        "responses": responses(entry, operation, schemas),
    });
    if !operation.body.is_empty() {
        let contents = operation.body.iter().map(|content| of_content(content, schemas));
        described["requestBody"] = json!({"required": true, "content": contents.collect::<Map<_, _>>()});
    }
    described
}

/// Says who may call.
#[must_use]
pub fn who(door: Door) -> String {
    let Door::Api { scope, roles } = door else { return String::new() };
    let people = roles.iter().map(|role| role.label().to_lowercase()).collect::<Vec<_>>().join(", ");
    let people =
        if roles.len() == Role::ALL.len() { "anybody".to_owned() } else { format!("roles: {people}") };
    match scope {
        Some(scope) => format!("App keys with the scope `{scope}`; personal tokens ({people})."),
        None => format!("Personal tokens ({people})."),
    }
}

fn parameters(entry: &Entry, operation: &Operation, schemas: &mut Schemas) -> Vec<Value> {
    let mut parameters: Vec<Value> = segments(entry.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    for parameter in operation.query {
        parameters.push(json!({
            "name": parameter.name,
            "in": "query",
            "description": parameter.about,
            "schema": (parameter.shape)(schemas),
        }));
    }
    if entry.method == actix_web::http::Method::POST {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Makes a repetition of this request harmless: it gets the first answer again",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }));
    }
    parameters
}

/// Gives the names of a path's segments that stand for something.
pub fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn responses(entry: &Entry, operation: &Operation, schemas: &mut Schemas) -> Map<String, Value> {
    let mut responses = Map::new();
    for told in operation.answers {
        responses.insert(told.status.to_string(), of_answer(told, schemas));
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in refusals(entry, operation) {
        by_status.entry(code.status.as_u16()).or_default().push(code);
    }
    for (status, codes) in by_status {
        responses.insert(status.to_string(), of_refusal(&codes));
    }
    responses
}

fn of_answer(told: &Told, schemas: &mut Schemas) -> Value {
    let mut response = json!({"description": told.about});
    if let Some(content) = &told.content {
        response["content"] = [of_content(content, schemas)].into_iter().collect::<Map<_, _>>().into();
    }
    response
}

fn of_content(content: &Content, schemas: &mut Schemas) -> (String, Value) {
    let mut described = json!({"schema": (content.shape)(schemas)});
    if let Ok(example) = serde_json::from_str::<Value>(content.example) {
        described["example"] = example;
    }
    (content.media_type.to_owned(), described)
}

/// Gives every word with which a call may refuse, the general ones included.
#[must_use]
pub fn refusals(entry: &Entry, operation: &Operation) -> Vec<Code> {
    let mut codes = vec![problem::UNAUTHORIZED, problem::FORBIDDEN, problem::INTERNAL, problem::UNAVAILABLE];
    if segments(entry.path).next().is_some() {
        codes.push(problem::NOT_FOUND);
    }
    let is_post = entry.method == actix_web::http::Method::POST;
    if is_post {
        codes.extend([problem::IDEMPOTENCY_KEY_IN_USE, problem::IDEMPOTENCY_KEY_REUSED]);
    }
    if !operation.body.is_empty() {
        codes.extend([
            problem::INCOMPLETE_BODY,
            problem::BODY_TIMEOUT,
            problem::TOO_LARGE,
            problem::UNSUPPORTED_ENCODING,
            problem::UNSUPPORTED_MEDIA_TYPE,
            problem::INVALID,
        ]);
    }
    if entry.method == actix_web::http::Method::GET {
        codes.push(problem::UNEXPECTED_BODY);
    }
    codes.extend([problem::MALFORMED, problem::URI_TOO_LONG, problem::MISDIRECTED]);
    codes.extend_from_slice(operation.problems);
    codes.sort_by_key(|code| (code.status.as_u16(), code.name));
    codes.dedup();
    codes
}

fn of_refusal(codes: &[Code]) -> Value {
    let lines = codes.iter().map(|code| format!("- `{}`: {}", code.name, code.means));
    json!({
        "description": lines.collect::<Vec<_>>().join("\n"),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    })
}

fn problem_schema() -> Value {
    let codes: Vec<&str> = problems::all().iter().map(|code| code.name).collect();
    json!({
        "type": "object",
        "description": "Why a request was refused (RFC 9457)",
        "required": ["type", "title", "status", "code", "detail", "request_id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string", "enum": codes},
            "detail": {"type": "string", "description": "A sentence for people"},
            "request_id": {"type": "string", "description": "Names the request in the log"},
            "errors": {
                "type": "object",
                "description": "What is wrong, by field",
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
            },
        },
    })
}
