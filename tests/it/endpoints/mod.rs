//! What happens to an endpoint after it was added, with files on their way to it.

mod changing;
mod life;
mod removing;
mod under_way;

use mediaport::features::apps::Scope;
use mediaport::platform::web::Role;
use serde_json::{Value, json};

use crate::support::{ApiClient, TestApp, files_below};

/// An installation with a use case whose recordings go to an endpoint.
struct Ground {
    app: TestApp,
    admin: ApiClient,
    client: ApiClient,
    conversation: String,
    endpoint: String,
}

impl Ground {
    async fn prepare() -> Self {
        let app = TestApp::start().await;
        let admin = app.add_token(Role::Admin).await;
        let endpoint = add(&admin, "Shelf").await;
        let use_case = json!({"name": "Claims", "recordings": [endpoint]});
        admin.post("/api/v1/use-cases", &use_case).await.expect(201);
        let client = app.add_key("Claims", Scope::ALL).await;
        let conversation = client.open_conversation("Claims").await;
        Self { app, admin, client, conversation, endpoint }
    }

    /// Hands in a file and gives the identifier of its one delivery.
    async fn hand_in(&self, name: &str) -> String {
        let about = [("kind", "recording"), ("file_name", name)];
        let media =
            self.client.upload(&self.conversation, &about, b"RIFF\x24\0\0\0WAVEfmt ").await.expect(201);
        text(&media.json()["deliveries"][0]["id"])
    }

    async fn delivery(&self, id: &str) -> Value {
        self.admin.get(&format!("/api/v1/deliveries/{id}")).await.expect(200).json()
    }

    async fn shown(&self) -> Value {
        self.admin.get(&format!("/api/v1/endpoints/{}", self.endpoint)).await.expect(200).json()
    }

    async fn act(&self, act: &str) -> Value {
        self.admin
            .post(&format!("/api/v1/endpoints/{}/{act}", self.endpoint), &json!({}))
            .await
            .expect(200)
            .json()
    }

    fn arrived(&self, directory: &str) -> usize {
        files_below(&self.app.config().folder_root.join(directory)).len()
    }
}

/// Adds a folder endpoint with a directory of its own name.
async fn add(admin: &ApiClient, name: &str) -> String {
    let endpoint = json!({"name": name, "type": "folder", "directory": name.to_lowercase()});
    text(&admin.post("/api/v1/endpoints", &endpoint).await.expect(201).json()["id"])
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
