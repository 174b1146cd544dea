//! Who answers: the server that was confirmed, or somebody else.

use std::net::TcpListener;
use std::time::Duration;

use mediaport::connectors::{DeliveryError, EndpointProblem, Outcome, StepName};
use mediaport::features::apps::Scope;
use mediaport::platform::web::Role;
use serde_json::json;

use super::super::contract::{Looking, Place, deliver};
use super::super::{connector, failed, form, ground, tested};
use super::line::Line;
use super::{Faulty, Server, attempts, faulty_host_key, host_key, item};
use crate::connectors::peer;
use crate::support::TestApp;

fn port(name: &str) -> u16 {
    peer(name).parse().expect("a port")
}

fn assert_impostor(error: &DeliveryError, shown: &str, pinned: &str) {
    assert!(matches!(error, DeliveryError::Endpoint { reason: EndpointProblem::Identity, .. }), "{error:?}");
    for part in ["rejected: ", shown, pinned] {
        assert!(error.message().contains(part), "{error}");
    }
}

#[tokio::test]
async fn an_impostor_hears_not_even_a_name() {
    let server = Faulty::at("plain", "TEST_SFTP_IMPOSTOR_PORT", "modern");

    let refused = deliver(&server, &item("a.jpg", 10)).await.expect_err("refused");
    let (outcome, steps) = tested("sftp", server.ground(), server.configuration()).await;

    assert_impostor(&refused, &faulty_host_key("impostor"), &faulty_host_key("modern"));
    assert_eq!((outcome, failed(&steps).name), (Outcome::Failed, StepName::Identity));
    assert_eq!(server.attempts(), 0, "no attempt to sign in");

    // the counter counts: with its own key confirmed the same machine is signed in to
    let known = Faulty::at("plain", "TEST_SFTP_IMPOSTOR_PORT", "impostor");
    let refused = deliver(&known, &item("a.jpg", 10)).await.expect_err("it has no SFTP");
    assert!(refused.message().contains("gives it no SFTP"), "{refused}");
    assert_eq!(known.attempts(), 1);
}

#[tokio::test]
async fn a_server_swapped_after_the_test_gets_nothing() {
    let mut server = Faulty::new("plain");
    let line = Line::to(port("TEST_SFTP_FAULT_PORT")).await;
    let fields = [
        ("host", "127.0.0.1"),
        ("port", &line.port()),
        ("username", &server.user),
        ("password", super::FAULT_PASSWORD),
        ("host_key_fingerprint", &faulty_host_key("modern")),
    ];
    server.configuration = super::configured("sftp", &fields);
    let (outcome, steps) = tested("sftp", server.ground(), server.configuration()).await;
    assert_eq!(outcome, Outcome::Passed, "{steps:?}");
    let before = server.attempts();

    line.lead_to(port("TEST_SFTP_IMPOSTOR_PORT"));
    let refused = deliver(&server, &item("a.jpg", 10)).await.expect_err("refused");

    assert_impostor(&refused, &faulty_host_key("impostor"), &faulty_host_key("modern"));
    assert_eq!(server.attempts(), before, "no attempt to sign in");
    line.lead_to(port("TEST_SFTP_FAULT_PORT"));
    deliver(&server, &item("a.jpg", 10)).await.expect("delivered once the right one is back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_type_beside_the_confirmed_one_changes_nothing() {
    let server = Server::fresh().await;
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let configuration = server.fields(&[("host_key_fingerprint", &host_key(kind))]);
        let item = item(&format!("{kind}.jpg"), 1000);

        let put = connector("sftp").put(&configuration, Place::ground(&server), &item).await;

        put.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(server.look(&item.path).await, Some((item.size, item.sha256)));
    }
}

#[tokio::test]
async fn a_server_without_the_confirmed_key_among_its_types_is_an_impostor() {
    let server = Server::fresh().await;

    let refused = server.refusal(&[("host_key_fingerprint", &faulty_host_key("modern"))]).await;

    assert_impostor(&refused, &host_key("ed25519"), &faulty_host_key("modern"));
}

#[tokio::test]
async fn servers_of_long_ago_are_told_what_they_lack() {
    let server = Faulty::at("plain", "TEST_SFTP_LEGACY_PORT", "legacy");

    let refused = deliver(&server, &item("a.jpg", 10)).await.expect_err("refused");

    assert!(matches!(refused, DeliveryError::Endpoint { reason: EndpointProblem::Setup, .. }), "{refused:?}");
    assert!(refused.message().contains("no longer safe"), "{refused}");
    assert!(refused.message().contains("diffie-hellman-group14-sha1"), "{refused}");
    assert_eq!(server.attempts(), 0);
}

#[tokio::test]
async fn what_does_not_speak_ssh_is_told_so() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (own, web) = (listener.local_addr().expect("an address").port(), port("TEST_SFTP_FAULT_PORT"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            use std::io::{Read, Write};
            let mut stream = stream.expect("a connection");
            // it reads what the other side says first, since closing on unread bytes would take the answer away
            let _ = stream.read(&mut [0; 64]).expect("a greeting");
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").expect("an answer");
        }
    });
    assert_ne!(own, web);
    let server = Server::fresh().await;

    let refused = server.refusal(&[("port", &own.to_string())]).await;
    let nobody = server.refusal(&[("port", "1")]).await;

    assert!(refused.message().starts_with("rejected: "), "{refused}");
    assert!(refused.message().contains("not speak SSH"), "{refused}");
    assert!(nobody.message().starts_with("unreachable: "), "{nobody}");
}

#[tokio::test]
async fn the_host_key_is_fetched_without_signing_in_and_has_to_be_confirmed() {
    let server = Faulty::new("plain");
    let fields = [
        ("host", "127.0.0.1"),
        ("port", &peer("TEST_SFTP_FAULT_PORT")),
        ("username", &server.user),
        ("password", super::FAULT_PASSWORD),
        ("host_key_confirmed", "on"),
        ("assist", "host_key"),
    ];

    let fetched = connector("sftp").assist(form(&fields), server.ground()).await;

    let page = connector("sftp").fields(&fetched, false).expect("a form");
    let key = faulty_host_key("modern");
    assert_eq!(fetched.value("host_key_fingerprint"), key);
    assert_eq!(fetched.value("host_key_fetched"), key);
    for part in ["host_key_confirmed", "ED25519 <code>", "name=\"host_key_fetched\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains(super::FAULT_PASSWORD));
    assert_eq!(attempts(&server.user), 0, "no attempt to sign in");

    let errors = connector("sftp").parse(&fetched, None).expect_err("to be confirmed");
    assert!(errors.first("host_key_confirmed").is_some_and(|text| text.starts_with("Compare")), "{errors:?}");
    let confirmed = fetched.set("host_key_confirmed", "on");
    assert!(connector("sftp").parse(&confirmed, None).is_ok());
}

#[tokio::test]
async fn fetching_a_host_key_says_three_words_only() {
    let root = tempfile::tempdir().expect("a folder");
    let ask = async |host: &str, port: &str| {
        let fields = [("host", host), ("port", port), ("assist", "host_key")];
        let form = connector("sftp").assist(form(&fields), &ground(root.path())).await;
        assert_eq!(form.value("host_key_fetched"), "");
        form.error("host_key_fingerprint").or_else(|| form.error("host")).unwrap_or_default().to_owned()
    };

    let old = ask("127.0.0.1", &peer("TEST_SFTP_LEGACY_PORT")).await;
    assert!(old.starts_with("rejected: ") && old.contains("no longer safe"), "{old}");
    assert!(ask("127.0.0.1", "1").await.starts_with("unreachable: "));
    let private = ask("10.0.0.1", "22").await;
    assert!(private.starts_with("refused"), "{private}");
    assert!(ask("a b", "22").await.starts_with("Enter"));
}

#[tokio::test]
async fn a_person_fetches_compares_ticks_and_saves_without_script() {
    let app = TestApp::with(&[("MEDIAPORT_OUTBOUND_ALLOW", "127.0.0.0/8")]).await;
    let browser = app.sign_in(Role::Admin).await;
    let (port, user) = (peer("TEST_SFTP_FAULT_PORT"), Faulty::new("plain").user);
    let typed = [
        ("name", "Exchange"),
        ("type", "sftp"),
        ("host", "127.0.0.1"),
        ("port", port.as_str()),
        ("username", user.as_str()),
        ("password", super::FAULT_PASSWORD),
        ("archive", "none"),
    ];

    let page = browser
        .post("/endpoints/fields", &[&typed[..], &[("assist", "host_key")]].concat())
        .await
        .expect(200);
    let key = page.attributes("input[name=host_key_fetched]", "value").concat();
    let fetched =
        [&typed[..], &[("host_key_fingerprint", key.as_str()), ("host_key_fetched", &key)]].concat();
    let unticked = browser.post("/endpoints", &fetched).await.expect(422);
    let saved = browser.post("/endpoints", &[&fetched[..], &[("host_key_confirmed", "on")]].concat()).await;

    assert_eq!(key, faulty_host_key("modern"));
    assert!(!page.text().contains(super::FAULT_PASSWORD));
    unticked.assert_mentions("Compare the fingerprint with what the server's operator told you");
    assert_eq!(saved.status, 303, "{}", saved.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_whose_server_was_swapped_is_paused_until_a_person_says_otherwise() {
    let app = TestApp::with(&[("MEDIAPORT_OUTBOUND_ALLOW", "127.0.0.0/8")]).await;
    let admin = app.add_token(Role::Admin).await;
    let (server, line) = (Faulty::new("plain"), Line::to(port("TEST_SFTP_FAULT_PORT")).await);
    let mut document = json!({"name": "Exchange", "type": "sftp", "host": "127.0.0.1", "port": line.port(),
        "username": server.user, "password": super::FAULT_PASSWORD, "host_key_fingerprint": faulty_host_key("modern")});
    let added = admin.post("/api/v1/endpoints", &document).await.expect(201).json();
    let address = format!("/api/v1/endpoints/{}", added["id"].as_str().unwrap());
    admin
        .post("/api/v1/use-cases", &json!({"name": "Claims", "recordings": [added["id"]]}))
        .await
        .expect(201);
    let client = app.add_key("Claims", Scope::ALL).await;
    let conversation = client.open_conversation("Claims").await;
    let hand_in = async |name: &str| {
        let about = [("kind", "recording"), ("file_name", name)];
        let media = client.upload(&conversation, &about, b"RIFF\x24\0\0\0WAVEfmt ").await.expect(201).json();
        format!("/api/v1/deliveries/{}", media["deliveries"][0]["id"].as_str().unwrap())
    };
    let state = async |delivery: &str| admin.get(delivery).await.expect(200).json()["state"].clone();
    let first = hand_in("first.wav").await;
    app.run_due_jobs().await;
    assert_eq!(state(&first).await, "delivered");
    let before = server.attempts();

    line.lead_to(port("TEST_SFTP_IMPOSTOR_PORT"));
    let (second, third) = (hand_in("second.wav").await, hand_in("third.wav").await);
    app.run_due_jobs().await;

    let paused = admin.get(&address).await.expect(200).json();
    assert_eq!((&paused["state"], &paused["paused_reason"]), (&json!("paused"), &json!("identity")));
    assert!(paused["last_error"].as_str().unwrap().contains(&faulty_host_key("impostor")), "{paused}");
    let acts = admin.get("/api/v1/audit?action=endpoint.paused").await.expect(200).json();
    assert_eq!(acts["items"][0]["detail"]["reason"], "identity");
    app.clock.advance(Duration::from_hours(30));
    app.run_due_jobs().await;
    assert_eq!(server.attempts(), before, "no attempt to sign in, however long it lasts");
    let person = app.sign_in(Role::Admin).await;
    person.get("/").await.expect(200).assert_mentions("Exchange");
    let page = person.get(&address.replace("/api/v1", "")).await.expect(200);
    page.assert_mentions(&faulty_host_key("impostor"));

    // whoever confirms the new key has to enter the password again, so that it is not sent to an impostor by a click
    document["host_key_fingerprint"] = faulty_host_key("impostor").into();
    document["revision"] = paused["revision"].clone();
    document["password"] = "".into();
    let refused = admin.put(&address, &document).await.expect(422).json();
    assert!(
        refused["errors"]["password"][0].as_str().unwrap().starts_with("Enter the password again"),
        "{refused}"
    );
    assert_eq!(server.attempts(), before);

    line.lead_to(port("TEST_SFTP_FAULT_PORT"));
    admin.post(&format!("{address}/test"), &json!({})).await.expect(200);
    app.run_due_jobs().await;
    assert_eq!(admin.get(&address).await.json()["state"], "active", "the right server is back");
    assert_eq!((state(&second).await, state(&third).await), (json!("delivered"), json!("delivered")));
}
