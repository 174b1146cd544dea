//! A file on its way: handed in, delivered, and shown to the people who watch.

use mediaport::features::apps::Scope;
use mediaport::platform::web::Role;
use serde_json::json;

use crate::support::{TestApp, files_below};

#[tokio::test]
async fn a_file_goes_to_the_endpoint_of_its_use_case_and_people_see_it_arrive() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let endpoint = json!({"name": "Shelf", "type": "folder", "directory": "shelf"});
    let endpoint = admin.post("/api/v1/endpoints", &endpoint).await.expect(201).json()["id"].clone();
    let use_case = json!({"name": "Claims", "pictures": [], "recordings": [endpoint]});
    admin.post("/api/v1/use-cases", &use_case).await.expect(201);
    let client = app.add_key("Claims", Scope::ALL).await;
    let conversation = client.open_conversation("Claims").await;
    let about = [("kind", "recording"), ("file_name", "call.wav")];
    let media = client.upload(&conversation, &about, b"RIFF\x24\0\0\0WAVEfmt ").await.expect(201).json();
    let page = format!("/deliveries/{}", media["deliveries"][0]["id"].as_str().unwrap());
    let watcher = app.sign_in(Role::Auditor).await;
    watcher.get(&page).await.expect(200).assert_mentions("Not delivered yet");

    app.run_due_jobs().await;

    watcher.get(&page).await.expect(200).assert_mentions("call.wav").assert_text("h1 .pill", "Delivered");
    watcher.fragment("/deliveries", "results").await.expect(200).assert_mentions("call.wav");
    let arrived = files_below(&app.config().folder_root.join("shelf"));
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    assert_eq!(std::fs::read(&arrived[0]).unwrap(), b"RIFF\x24\0\0\0WAVEfmt ");
}
