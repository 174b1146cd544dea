//! Files that do not come as they are: inside JSON, or from an address.

mod fetches;
mod json;

use mediaport::features::apps::Scope;
use mediaport::platform::web::Role;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{ApiClient, Page, TestApp, files_below};

/// The smallest picture.
pub(super) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// An installation with a client and a conversation of it.
pub(super) struct Desk {
    app: TestApp,
    client: ApiClient,
    conversation: String,
}

impl Desk {
    pub(super) async fn open() -> Self {
        Self::over(TestApp::start().await).await
    }

    /// Opens one whose files go to a folder.
    pub(super) async fn with_shelf() -> Self {
        let app = TestApp::start().await;
        let admin = app.add_token(Role::Admin).await;
        let shelf = json!({"name": "Shelf", "type": "folder", "directory": "shelf"});
        let shelf = admin.post("/api/v1/endpoints", &shelf).await.expect(201).json()["id"].clone();
        let use_case = json!({"name": "Claims", "pictures": [shelf], "recordings": [], "other": [shelf]});
        admin.post("/api/v1/use-cases", &use_case).await.expect(201);
        Self::with_client(app).await
    }

    pub(super) async fn over(app: TestApp) -> Self {
        app.add_use_case("Claims").await;
        Self::with_client(app).await
    }

    async fn with_client(app: TestApp) -> Self {
        let client = app.add_key("Claims", Scope::ALL).await;
        let conversation = client.open_conversation("Claims").await;
        app.run_due_jobs().await;
        Self { app, client, conversation }
    }

    async fn hand_in(&self, document: &Value) -> Page {
        self.client.upload_json(&self.conversation, &document.to_string(), usize::MAX).await
    }

    /// Gives the rows that a file leaves, whatever it is.
    async fn rows(&self) -> Vec<String> {
        let tables = ["media:", "deliveries:", "events:", "fetches:", "jobs:"];
        let rows = self.app.dump().await;
        rows.into_iter().filter(|row| tables.iter().any(|table| row.starts_with(table))).collect()
    }

    /// Waits until nothing is left of a refused file; removing it may take a moment longer than the answer.
    async fn nothing_is_left(&self) {
        for _ in 0..200 {
            if files_below(&self.app.config().media.folder).is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{:?} is left", files_below(&self.app.config().media.folder));
    }

    /// Counts the rows of a table that hold this text.
    async fn count(&self, table: &str, text: &str) -> usize {
        let rows = self.app.dump().await;
        let start = format!("{table}: ");
        rows.iter().filter(|row| row.starts_with(&start) && row.contains(text)).count()
    }

    async fn content(&self, media: &Value) -> Vec<u8> {
        let path = format!("/api/v1/media/{}/content", media["id"].as_str().unwrap());
        self.client.get(&path).await.expect(200).body
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
