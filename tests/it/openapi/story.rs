//! One story through every call, told with the examples of the documentation.

use std::collections::BTreeSet;
use std::time::Duration;

use mediaport::app::routes;
use mediaport::features::apps::Scope;
use mediaport::platform::web::operation::Operation;
use mediaport::platform::web::{Door, Entry, Role};
use reqwest::Method;
use serde_json::Value;

use super::example::Names;
use crate::support::{ApiClient, Page, TestApp};

/// The calls in the order in which they happen, each with the status that is expected. A call may happen twice.
const STORY: &[(&str, u16)] = &[
    ("addEndpoint", 201),
    ("listEndpoints", 200),
    ("getEndpoint", 200),
    ("testEndpoint", 200),
    ("replaceEndpoint", 200),
    ("pauseEndpoint", 200),
    ("addUseCase", 201),
    ("listUseCases", 200),
    ("getUseCase", 200),
    ("openConversation", 201),
    ("openConversation", 200),
    ("getConversation", 200),
    ("listConversations", 200),
    ("handInFile", 201),
    ("cancelDelivery", 200),
    ("retryDelivery", 200),
    ("resumeEndpoint", 200),
    (WORK, 0),
    ("getMedia", 200),
    ("listMedia", 200),
    ("getMediaContent", 200),
    ("listDeliveries", 200),
    ("getDelivery", 200),
    ("addApp", 201),
    ("listApps", 200),
    ("getApp", 200),
    ("replaceApp", 200),
    ("addAppKey", 201),
    ("listAppKeys", 200),
    ("revokeAppKey", 204),
    ("addToken", 201),
    ("listTokens", 200),
    ("revokeToken", 204),
    ("listAuditEntries", 200),
    ("verifyAuditLog", 200),
    ("endConversation", 200),
    ("replaceUseCase", 200),
    ("deleteEndpoint", 204),
];

/// Not a call: queued work is done.
const WORK: &str = "(work)";

/// What stands for `{id}` in an address, by what comes before it.
const IDS: &[(&str, &str)] = &[
    ("endpoints", "01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55"),
    ("use-cases", "01a1f8ef-0b1d-7b52-8c56-3f4f0a6f2a90"),
    ("conversations", "01a1f8f0-31c2-7c7e-a2a4-5f0d1c9e7b11"),
    ("media", "01a1f8f1-9d04-7f0e-9b7d-c25a8f64e3d2"),
    ("apps", "01a1f8e9-0b6c-7d8e-9f10-2a3b4c5d6e7f"),
    ("tokens", "tB7nH2kLw9Xs"),
    ("deliveries", "01a1f8f1-9d05-7a61-8a3c-0e7e55b3f1aa"),
];

/// What has to be said in the query for a call to succeed here.
const QUERIES: &[(&str, &str)] = &[("deleteEndpoint", "?use_cases=detach")];

struct Story {
    app: TestApp,
    key: ApiClient,
    token: ApiClient,
    names: Names,
    asked: usize,
}

impl Story {
    async fn begin() -> Self {
        let app = TestApp::start().await;
        let (key, token) = (app.add_key("Claims", Scope::ALL).await, app.add_token(Role::Admin).await);
        Self { app, key, token, names: Names::default(), asked: 0 }
    }

    fn client(&self, entry: &Entry) -> &ApiClient {
        match entry.door {
            Door::Api { scope: Some(_), .. } => &self.key,
            _ => &self.token,
        }
    }

    fn address(&self, entry: &Entry) -> String {
        let mut path = entry.path.to_owned();
        for (noun, id) in IDS {
            path = path.replace(&format!("/{noun}/{{id}}"), &format!("/{noun}/{id}"));
        }
        let name = entry.operation.map_or("", |operation| operation.name);
        let query = QUERIES.iter().find(|(of, _)| *of == name).map_or("", |(_, query)| query);
        self.names.apply(&format!("{}{query}", path.replace("{key}", "kQ3xT8vWm2Zp")))
    }

    /// Sends the example of a call under an idempotency key.
    async fn ask(&self, entry: &Entry, operation: &Operation, key: &str) -> Page {
        let client = self.client(entry);
        let method = Method::from_bytes(entry.method.as_str().as_bytes()).unwrap();
        let mut request = client.request(method, &self.address(entry)).header("Idempotency-Key", key);
        if let Some(content) = operation.body.first() {
            request =
                request.header("Content-Type", content.media_type).body(self.names.apply(content.example));
        }
        client.send(request).await
    }

    async fn tell(&mut self, entry: &Entry, operation: &Operation, status: u16) {
        let told = operation.answers.iter().find(|told| told.status == status).unwrap();
        self.asked += 1;
        // Lists are sorted by time, and in a test it stands still.
        self.app.clock.advance(Duration::from_secs(1));
        let key = format!("request {}", self.asked).replace(' ', "-");
        let page = self.ask(entry, operation, &key).await;
        assert_eq!(page.status, status, "{}: {}", operation.name, page.text());
        if let Some(content) = told.content.as_ref().filter(|content| !content.example.is_empty()) {
            let shown: Value = serde_json::from_str(content.example).unwrap();
            let differences = self.names.compare(operation.name, &shown, &page.json());
            assert!(differences.is_empty(), "{differences:#?}\n{}", page.text());
        }
        if entry.method == Method::POST.as_str() {
            self.repeat(entry, operation, (&key, &page)).await;
        }
    }

    /// The same request again gives the same answer, and another one with its key none.
    async fn repeat(&self, entry: &Entry, operation: &Operation, (key, first): (&str, &Page)) {
        let again = self.ask(entry, operation, key).await;
        assert_eq!(again.header("idempotency-replayed"), "true", "{}", operation.name);
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{}", operation.name);
        let other = self.key.request(Method::POST, "/api/v1/conversations").header("Idempotency-Key", key);
        if matches!(entry.door, Door::Api { scope: Some(_), .. }) {
            let other =
                self.key.send(other.header("Content-Type", "application/json").body(r#"{"use_case":"x y"}"#));
            assert_eq!(
                other.await.expect(422).json()["code"],
                "idempotency_key_reused",
                "{}",
                operation.name
            );
        }
    }
}

#[tokio::test]
async fn every_example_answers_as_shown() {
    let table = routes::table();
    let described: Vec<_> = table.iter().filter_map(|entry| Some((entry, entry.operation?))).collect();
    let told: BTreeSet<_> = STORY.iter().map(|(name, _)| *name).collect();
    for (_, operation) in &described {
        assert!(told.contains(operation.name), "{} does not occur in the story", operation.name);
    }

    let mut story = Story::begin().await;
    for (name, status) in STORY {
        if *name == WORK {
            story.app.run_due_jobs().await;
            continue;
        }
        let (entry, operation) = described.iter().find(|(_, operation)| operation.name == *name).unwrap();
        story.tell(entry, operation, *status).await;
    }
    story.app.run_due_jobs().await;
}
