//! The HTTP API is what its description says: every call is described, every example answers as shown, and every POST
//! is done once under an Idempotency-Key.

mod example;
mod story;

use std::collections::BTreeSet;

use mediaport::app::{reference, routes};
use mediaport::features::apps::Scope;
use mediaport::platform::web::{Door, Role};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;

#[test]
fn every_call_is_described_once() {
    let mut names = BTreeSet::new();
    for entry in routes::table().iter().filter(|entry| entry.path.starts_with("/api/v1/")) {
        let address = format!("{} {}", entry.method, entry.path);
        match entry.operation {
            Some(operation) => assert!(names.insert(operation.name), "{address}: its name is taken"),
            None => assert_eq!(address, "GET /api/v1/openapi.json", "{address} is not described"),
        }
        assert_eq!(entry.operation.is_some(), matches!(entry.door, Door::Api { .. }), "{address}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = reference::document("https://media.example.com");
    let mut references = BTreeSet::new();
    collect(&document, &mut references);

    assert!(references.len() > 5, "{references:?}");
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_served_to_anybody_with_the_public_address() {
    let app = TestApp::start().await;
    let document = app.client("").get("/api/v1/openapi.json").await.expect(200).json();

    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], app.running().public.join(""));
}

#[tokio::test]
async fn a_key_belongs_to_its_principal_and_its_request() {
    let app = TestApp::start().await;
    let use_case = app.add_use_case("Claims").await;
    let (own, other) = (app.add_key("Claims", Scope::ALL).await, app.add_key("Sales", Scope::ALL).await);
    let second = app.add_key("Claims", Scope::ALL).await;
    let open = async |client: &crate::support::ApiClient, key: &str, channel: &str| {
        let body = json!({"use_case": use_case, "channel": channel}).to_string();
        let request = client.request(Method::POST, "/api/v1/conversations").header("Idempotency-Key", key);
        client.send(request.header("Content-Type", "application/json").body(body)).await
    };

    let first = open(&own, "k", "voice").await.expect(201);
    let again = open(&own, "k", "voice").await.expect(201);
    assert_eq!((again.body.clone(), again.header("idempotency-replayed")), (first.body.clone(), "true"));
    assert_eq!(open(&second, "k", "voice").await.expect(201).body, first.body, "an app's keys share it");
    let others = open(&other, "k", "voice").await.expect(201);
    assert_ne!(others.body, first.body, "another app has a key of its own");
    assert_eq!(others.header("idempotency-replayed"), "");
    assert_eq!(open(&own, "k", "chat").await.expect(422).json()["code"], "idempotency_key_reused");
    for wrong in ["", " ", "a b", &"k".repeat(256)] {
        assert_eq!(open(&own, wrong, "voice").await.expect(400).json()["code"], "malformed", "{wrong:?}");
    }

    // What was refused is not kept: the same key may carry the corrected request.
    assert_eq!(open(&own, "k2", &"x".repeat(100)).await.status, 422);
    open(&own, "k2", "voice").await.expect(201);

    app.clock.advance(std::time::Duration::from_hours(25));
    assert_ne!(open(&own, "k", "voice").await.status, 409, "a reply is kept for a day");
    drop(app.add_token(Role::Admin).await);
    app.run_due_jobs().await;
}
