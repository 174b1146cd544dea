//! How endpoints do when nobody looks: daily tests, what they found, and what people are told.

use std::time::Duration;

use mediaport::features::apps::Scope;
use mediaport::platform::web::Role;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::support::{ApiClient, TestApp, in_its_own_process, mails, peer};

/// Until well into the next night.
const A_DAY: Duration = Duration::from_hours(37);

async fn shelf(admin: &ApiClient) -> String {
    let shelf = json!({"name": "Shelf", "type": "folder", "directory": "shelf"});
    admin.post("/api/v1/endpoints", &shelf).await.expect(201).json()["id"].as_str().unwrap().to_owned()
}

fn put_in_the_way(app: &TestApp) {
    let shelf = app.config().folder_root.join("shelf");
    std::fs::remove_dir_all(&shelf).expect("the folder of the test was there");
    std::fs::write(&shelf, b"in the way").expect("a file can stand there");
}

fn take_away(app: &TestApp) {
    std::fs::remove_file(app.config().folder_root.join("shelf")).expect("the file was there");
}

#[tokio::test]
async fn an_endpoint_that_broke_is_found_by_night_and_so_is_its_recovery() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let address = format!("/api/v1/endpoints/{}", shelf(&admin).await);
    app.run_due_jobs().await;
    let tests = async || {
        let person = app.sign_in(Role::Auditor).await;
        let page = person.get(&address.replace("/api/v1", "")).await.expect(200);
        page.texts("#tests + .count, section[aria-labelledby=tests] li b")
    };
    assert_eq!(tests().await, ["Test passed"], "the one that it was saved with");

    put_in_the_way(&app);
    app.clock.advance(A_DAY);
    app.run_due_jobs().await;
    let broken = admin.get(&address).await.expect(200).json();
    assert!(broken["last_error"].as_str().unwrap().contains("link or a file"), "{broken}");
    assert_eq!(tests().await, ["Daily test failed", "Test passed"]);
    let auditor = app.sign_in(Role::Auditor).await;
    auditor.get("/").await.expect(200).assert_mentions("Failing");

    take_away(&app);
    app.clock.advance(A_DAY);
    app.run_due_jobs().await;
    assert_eq!(admin.get(&address).await.json()["last_error"], json!(null));
    assert_eq!(tests().await, ["Daily test passed", "Daily test failed", "Test passed"]);
    let acts = admin.get("/api/v1/audit?action=endpoint.tested").await.expect(200).json();
    assert_eq!(acts["items"][0]["actor"]["name"], "doctor", "{acts}");
}

#[tokio::test]
async fn a_daily_test_lets_what_waits_be_tried() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let id = shelf(&admin).await;
    admin.post("/api/v1/use-cases", &json!({"name": "Claims", "recordings": [id]})).await.expect(201);
    let client = app.add_key("Claims", Scope::ALL).await;
    let conversation = client.open_conversation("Claims").await;
    put_in_the_way(&app);
    let about = [("kind", "recording"), ("file_name", "call.wav")];
    client.upload(&conversation, &about, b"RIFF\x24\0\0\0WAVEfmt ").await.expect(201);
    app.run_due_jobs().await;
    take_away(&app);

    app.clock.advance(A_DAY);
    app.run_due_jobs().await;

    let all = admin.get("/api/v1/deliveries").await.expect(200).json();
    assert_eq!(all["items"][0]["state"], "delivered", "{all}");
}

#[tokio::test]
async fn a_paused_endpoint_is_left_alone() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let address = format!("/api/v1/endpoints/{}", shelf(&admin).await);
    admin.post(&format!("{address}/pause"), &json!({})).await.expect(200);
    put_in_the_way(&app);

    app.clock.advance(A_DAY);
    app.run_due_jobs().await;

    let paused = admin.get(&address).await.expect(200).json();
    assert_eq!((&paused["state"], &paused["last_error"]), (&json!("paused"), &json!(null)));
}

#[test]
fn the_end_of_a_certificate_is_said_in_time() {
    in_its_own_process("doctor::says_when_a_certificate_ends", |child| {
        child.env("SSL_CERT_FILE", peer("TEST_CA_FILE"));
    });
}

#[tokio::test]
#[ignore = "runs in a process of its own, which trusts the test authority"]
async fn says_when_a_certificate_ends() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let hub =
        json!({"name": "Hub", "type": "https", "url": format!("{}/post/doctor", peer("TEST_SINK_HTTPS"))});
    let id =
        admin.post("/api/v1/endpoints", &hub).await.expect(201).json()["id"].as_str().unwrap().to_owned();
    let page = async || {
        let person = app.sign_in(Role::Admin).await;
        person.get(&format!("/endpoints/{id}")).await.expect(200).text()
    };
    let early = page().await;
    assert!(!early.contains("certificate"), "{early}");

    // the certificates of the test authority last for 825 days
    app.clock.advance(Duration::from_hours(24 * 820));
    let soon = page().await;
    assert!(soon.contains("certificate ends on"), "{soon}");
    app.clock.advance(Duration::from_hours(24 * 10));
    let late = page().await;
    assert!(late.contains("certificate has ended on"), "{late}");
    app.sign_in(Role::Admin).await.get("/").await.expect(200).assert_mentions("Ends soon");
}

#[test]
fn administrators_are_told_once_when_it_breaks_and_once_when_it_works_again() {
    let written = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (user, password) = (written(&peer("TEST_SMTP_USER")), written(&peer("TEST_SMTP_PASSWORD")));
    let server = format!("smtp+starttls://{user}:{password}@localhost:{}", peer("TEST_SMTP_PORT"));
    in_its_own_process("doctor::tells_administrators", |child| {
        child.env("SSL_CERT_FILE", peer("TEST_CA_FILE")).env("TEST_DOCTOR_SERVER", server);
    });
}

#[tokio::test]
#[ignore = "runs in a process of its own, which trusts the test authority"]
async fn tells_administrators() {
    let server = peer("TEST_DOCTOR_SERVER");
    let settings = [("MEDIAPORT_SMTP_URL", server.as_str()), ("MEDIAPORT_SMTP_FROM", "hub@example.com")];
    let app =
        TestApp::with(&[&settings[..], &[("MEDIAPORT_OUTBOUND_ALLOW", "127.0.0.0/8,::1/128")]].concat())
            .await;
    let mark = format!("d{}", uuid::Uuid::new_v4().simple());
    app.add_person_with(&format!("{mark}@agents.test"), Role::Admin, "nobody signs in").await;
    let admin = app.add_token(Role::Admin).await;
    shelf(&admin).await;
    let minutes = async |count: u64| {
        for _ in 0..count {
            app.clock.advance(Duration::from_mins(1));
            app.run_due_jobs().await;
        }
    };
    let subjects = || -> Vec<String> {
        let subject = |mail: &Value| {
            let headers = mail["headers"].as_array().unwrap();
            let found = headers.iter().find(|header| header[0] == "Subject").unwrap();
            found[1].as_str().unwrap().to_owned()
        };
        mails(&mark).iter().map(subject).collect()
    };
    minutes(2).await;
    assert_eq!(subjects(), [""; 0]);

    put_in_the_way(&app);
    app.clock.advance(A_DAY);
    minutes(5).await;
    assert_eq!(subjects(), ["The end point Shelf fails"]);
    assert!(mails(&mark)[0]["parts"][0]["text"].as_str().unwrap().contains("nothing is lost"));

    take_away(&app);
    app.clock.advance(A_DAY);
    minutes(5).await;
    assert_eq!(subjects(), ["The end point Shelf fails", "The end point Shelf works again"]);
}
