//! What is reserved for a delivery outlives its attempts: the whole installation against the stand-in.

use std::time::Duration;

use mediaport::features::apps::Scope;
use mediaport::platform::web::Role;

use super::*;
use crate::support::{ApiClient, TestApp};

/// An installation whose recordings go to a folder at the stand-in.
struct Hub {
    app: TestApp,
    admin: ApiClient,
    client: ApiClient,
    conversation: String,
    email: String,
}

impl Hub {
    async fn start() -> Self {
        let base = peer("TEST_GDRIVE_HTTP");
        let token = format!("{base}/token");
        let variables =
            [("MEDIAPORT_GOOGLE__API_URL", base.as_str()), ("MEDIAPORT_GOOGLE__TOKEN_URL", token.as_str())];
        let app = TestApp::with(&variables).await;
        let admin = app.add_token(Role::Admin).await;
        let email = fresh_email();
        let endpoint = json!({
            "name": "Drive", "type": "gdrive", "service_account_key": key_of(&email), "folder_id": "sd_rw",
        });
        let endpoint = admin.post("/api/v1/endpoints", &endpoint).await.expect(201).json();
        assert!(!endpoint.to_string().contains("PRIVATE"), "{endpoint}");
        let use_case = json!({"name": "Claims", "recordings": [endpoint["id"]]});
        admin.post("/api/v1/use-cases", &use_case).await.expect(201);
        let client = app.add_key("Claims", Scope::ALL).await;
        let conversation = client.open_conversation("Claims").await;
        Self { app, admin, client, conversation, email }
    }

    /// Hands in a file and gives the identifier of its one delivery.
    async fn hand_in(&self) -> String {
        let about = [("kind", "recording"), ("file_name", "call.wav")];
        let media =
            self.client.upload(&self.conversation, &about, b"RIFF\x24\0\0\0WAVEfmt ").await.expect(201);
        media.json()["deliveries"][0]["id"].as_str().expect("a delivery").to_owned()
    }

    async fn delivery(&self, id: &str) -> Value {
        self.admin.get(&format!("/api/v1/deliveries/{id}")).await.expect(200).json()
    }

    fn fault(&self, faults: &Value) {
        change_world(&self.email, &json!({"faults": faults}));
    }

    fn files(&self) -> Vec<Value> {
        let world = world(&self.email);
        world["files"]
            .as_array()
            .expect("files")
            .iter()
            .filter(|file| file["trashed"] == false)
            .cloned()
            .collect()
    }

    fn generated(&self) -> usize {
        let world = world(&self.email);
        let calls = world["calls"].as_array().expect("calls").iter();
        calls.filter(|call| call["call"] == "GET /drive/v3/files/generateIds").count()
    }
}

const BLIND: &str = "GET /drive/v3/files$";

#[tokio::test]
async fn a_delivery_keeps_its_identifier_over_attempts_and_a_restart() {
    let mut hub = Hub::start().await;
    let before = hub.generated();
    let id = hub.hand_in().await;
    hub.fault(&json!([{"match": "PUT /upload", "hang_up": "after"}, {"match": "PUT /upload", "hang_up": "before", "times": 3},
        {"match": BLIND, "times": 99, "answer": {"files": []}}]));

    hub.app.run_due_jobs().await;
    assert_eq!(hub.delivery(&id).await["state"], "retrying");
    assert_eq!(hub.files().len(), 1, "the file is there, only its answer was lost");
    hub.app.restart().await;
    hub.admin = hub.app.add_token(Role::Admin).await;
    hub.fault(&json!([{"match": BLIND, "times": 99, "answer": {"files": []}}]));
    hub.app.clock.advance(Duration::from_mins(1));
    hub.app.run_due_jobs().await;

    let delivery = hub.delivery(&id).await;
    assert_eq!(delivery["state"], "delivered", "{delivery}");
    let files = hub.files();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(delivery["location"]["file_id"], files[0]["id"]);
    assert_eq!(hub.generated() - before, 1, "the second attempt used what the first had reserved");
}

#[tokio::test]
async fn a_held_delivery_begins_with_another_identifier() {
    let hub = Hub::start().await;
    let before = hub.generated();
    let id = hub.hand_in().await;
    // the identifier is taken by something that the account cannot see
    hub.fault(&json!([{"match": "POST /upload", "status": 409, "reason": "fileIdInUse"}]));
    hub.app.run_due_jobs().await;
    let delivery = hub.delivery(&id).await;
    assert_eq!(
        (&delivery["state"], &delivery["held_reason"]),
        (&json!("held"), &json!("conflict")),
        "{delivery}"
    );

    hub.admin.post(&format!("/api/v1/deliveries/{id}/retry"), &json!({})).await.expect(200);
    hub.app.run_due_jobs().await;

    assert_eq!(hub.delivery(&id).await["state"], "delivered");
    assert_eq!((hub.files().len(), hub.generated() - before), (1, 2));
}

#[tokio::test]
async fn the_form_names_the_account_and_never_shows_the_key() {
    let hub = Hub::start().await;
    let admin = hub.app.sign_in(Role::Admin).await;
    let listed = hub.admin.get("/api/v1/endpoints").await.expect(200).json();
    let id = listed["items"][0]["id"].as_str().expect("an endpoint").to_owned();

    let page = admin.get(&format!("/endpoints/{id}/edit")).await.expect(200);

    page.assert_mentions(&hub.email).assert_mentions("Share the folder");
    assert_eq!(page.attributes("#f-folder_id", "value"), ["sd_rw"]);
    let key: Value = serde_json::from_str(&key_of(&hub.email)).expect("JSON");
    let line = key["private_key"].as_str().expect("a key").lines().nth(1).expect("a line").to_owned();
    for text in [format!("{listed}"), hub.app.dump().await.concat()] {
        assert!(!text.contains(&line), "{text}");
    }
}
