//! Files that are fetched from an address.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mediaport::features::intake::jobs::Fetch;
use mediaport::platform::jobs::{Job, JobId, Poison};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Desk, PNG, sha256};
use crate::support::{Canary, TestApp, files_below, in_its_own_process, peer, read_head};

/// A file on somebody else's server, which goes with the test.
struct Foreign {
    path: PathBuf,
    name: String,
}

impl Foreign {
    /// Thinks of a name under which nothing lies yet.
    fn named(ending: &str) -> Self {
        let name = format!("{}{ending}", Uuid::new_v4().simple());
        Self { path: PathBuf::from(peer("TEST_SINK_FILES")).join(&name), name }
    }

    fn with(ending: &str, bytes: &[u8]) -> Self {
        let file = Self::named(ending);
        file.put(bytes);
        file
    }

    fn put(&self, bytes: &[u8]) {
        std::fs::write(&self.path, bytes).unwrap();
    }

    fn url(&self, folder: &str) -> String {
        format!("{}/{folder}/{}", peer("TEST_SINK_HTTP"), self.name)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

impl Desk {
    /// Orders a file and gives its media.
    async fn order(&self, url: &str) -> Value {
        self.hand_in(&json!({"kind": "attachment", "url": url})).await.expect(202).json()
    }

    async fn look_up(&self, media: &Value) -> Value {
        let path = format!("/api/v1/media/{}", media["id"].as_str().unwrap());
        self.client.get(&path).await.expect(200).json()
    }

    /// Moves the clock and works; gives the media as it is then.
    async fn after(&self, wait: Duration, media: &Value) -> Value {
        self.app.clock.advance(wait);
        self.app.run_due_jobs().await;
        self.look_up(media).await
    }

    /// Runs what is due and gives why the media failed.
    async fn reason(&self, media: &Value) -> String {
        let media = self.after(Duration::ZERO, media).await;
        assert_eq!(media["state"], "failed", "{media}");
        assert_eq!(
            (&media["size"], &media["sha256"], &media["deliveries"]),
            (&Value::Null, &Value::Null, &json!([]))
        );
        assert!(!media["failed_reason"]["message"].as_str().unwrap().is_empty());
        let content = format!("/api/v1/media/{}/content", media["id"].as_str().unwrap());
        self.client.get(&content).await.expect(404);
        assert_eq!(self.count("fetches", "").await, 0, "the address is gone");
        media["failed_reason"]["code"].as_str().unwrap().to_owned()
    }
}

/// A server that gives every caller the same bytes and hangs up; no real one answers like that.
fn answering(answer: impl Into<String>) -> String {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for caller in listener.incoming() {
            let mut caller = caller.unwrap();
            read_head(&mut caller);
            caller.write_all(answer.as_bytes()).unwrap();
        }
    });
    format!("http://{address}/a.txt")
}

#[tokio::test]
async fn an_ordered_file_is_fetched_and_delivered() {
    let desk = Desk::with_shelf().await;
    let png = BASE64_STANDARD.decode(PNG).unwrap();
    let file = Foreign::with(".png", &png);

    let order = json!({
        "kind": "picture", "url": file.url("files"), "note": "Ridge", "size": png.len(), "sha256": sha256(&png),
    });
    let ordered = desk.hand_in(&order).await.expect(202).json();

    assert_eq!((&ordered["state"], &ordered["failed_reason"]), (&json!("fetching"), &Value::Null));
    assert_eq!((&ordered["size"], &ordered["sha256"]), (&Value::Null, &Value::Null));
    assert_eq!(ordered["deliveries"], json!([]));
    let content = format!("/api/v1/media/{}/content", ordered["id"].as_str().unwrap());
    assert_eq!(desk.client.get(&content).await.expect(409).json()["code"], "not_here_yet");
    let stored = desk.after(Duration::ZERO, &ordered).await;
    assert_eq!((&stored["state"], &stored["mime_type"]), (&json!("stored"), &json!("image/png")));
    assert_eq!((&stored["file_name"], &stored["sha256"]), (&json!(file.name), &json!(sha256(&png))));
    assert_eq!(stored["deliveries"][0]["state"], "delivered");
    assert_eq!(desk.content(&stored).await, png);
    assert_eq!(files_below(&desk.app.config().folder_root.join("shelf")).len(), 1);
    for (table, text) in [
        ("events", "media.received"),
        ("audit_entries", "media.ordered"),
        ("audit_entries", "media.received"),
    ] {
        assert_eq!(desk.count(table, text).await, 1, "{text}");
    }
    assert_eq!(desk.count("fetches", "").await, 0);
    let log = std::fs::read_to_string(peer("TEST_SINK_LOG")).unwrap();
    let asked: Vec<_> = log.lines().filter(|line| line.contains(&file.name)).collect();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].contains("|200|-|identity|Mediaport/"), "no cookie, no compression: {}", asked[0]);
}

#[tokio::test]
async fn what_the_order_leaves_open_comes_from_the_server() {
    let desk = Desk::open().await;
    let strange = Foreign::with(".strange", b"\x01\x02\x03 no known format");
    let cases = [
        (json!({}), "files", strange.name.as_str(), "audio/x-strange"),
        (json!({"mime_type": "video/x-odd", "file_name": "mine.bin"}), "files", "mine.bin", "video/x-odd"),
        (json!({"mime_type": "text/html"}), "named", "Dächer.txt", "application/octet-stream"),
    ];
    for (members, folder, name, mime_type) in cases {
        let mut order = json!({"kind": "attachment", "url": strange.url(folder)});
        order.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let media = desk.hand_in(&order).await.expect(202).json();

        let media = desk.after(Duration::ZERO, &media).await;

        assert_eq!((&media["file_name"], &media["mime_type"]), (&json!(name), &json!(mime_type)));
    }
}

#[tokio::test]
async fn an_address_that_may_not_be_asked_is_refused_at_once() {
    let desk = Desk::over(TestApp::with(&[("MEDIAPORT_OUTBOUND_ALLOW", "127.0.0.1/32")]).await).await;
    let before = desk.rows().await;
    let canary = Canary::at("127.0.0.2");
    let long = format!("https://a.example/{}", "x".repeat(2048));
    for url in [
        &canary.url(),
        &long,
        "ftp://a.example/x",
        "http://1.1.1.1/x",
        "https://169.254.169.254/",
        "https://[::1]/x",
        "https://ada:secret@a.example/x",
        "/x",
        "https://0x7f.0.0.2/",
    ] {
        let refused = desk.hand_in(&json!({"kind": "fax", "url": url})).await.expect(422).json();
        assert!(refused["errors"]["url"][0].is_string(), "{url}: {refused}");
    }
    for (document, field) in [
        (json!({"kind": "fax", "url": "https://a.example/x", "data_base64": "aGk="}), "url"),
        (json!({"kind": "fax"}), "data_base64"),
        (json!({"url": "https://a.example/x"}), "kind"),
        (json!({"kind": "fax", "url": ["https://a.example/x"]}), "url"),
    ] {
        let refused = desk.hand_in(&document).await.expect(422).json();
        assert!(refused["errors"][field][0].is_string(), "{refused}");
    }
    canary.assert_silent();
    desk.nothing_is_left().await;
    assert_eq!(desk.rows().await, before);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_when_it_is_resolved() {
    let desk = Desk::over(TestApp::with(&[("MEDIAPORT_OUTBOUND_ALLOW", "10.0.0.0/8")]).await).await;
    let canary = Canary::at("127.0.0.1");
    let port = canary.address().port();
    for url in [format!("http://localhost:{port}/x"), format!("https://localhost:{port}/x")] {
        let media = desk.order(&url).await;
        assert_eq!(desk.reason(&media).await, "refused_by_policy");
    }
    canary.assert_silent();
}

#[tokio::test]
async fn no_redirect_is_followed_wherever_it_leads() {
    let desk = Desk::over(TestApp::with(&[("MEDIAPORT_OUTBOUND_ALLOW", "127.0.0.1/32")]).await).await;
    for canary in [Canary::at("127.0.0.2"), Canary::at("127.0.0.1")] {
        for way in ["301", "302", "303", "307", "308", "refresh"] {
            let media = desk.order(&format!("{}/{way}?to={}", peer("TEST_SINK_HTTP"), canary.url())).await;
            assert_eq!(desk.reason(&media).await, "redirected", "{way}");
        }
        canary.assert_silent();
    }
    desk.nothing_is_left().await;
}

#[tokio::test]
async fn what_cannot_come_fails_with_its_reason() {
    let desk = Desk::over(TestApp::with(&[("MEDIAPORT_MAX_UPLOAD", "1000")]).await).await;
    let (text, large) = (Foreign::with(".txt", b"hello"), Foreign::with(".txt", &[b'x'; 1001]));
    let sink = peer("TEST_SINK_HTTP");
    let endless = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}", "x".repeat(1001));
    for (order, reason) in [
        (json!({"url": format!("{sink}/files/none")}), "not_found"),
        (json!({"url": format!("{sink}/403")}), "rejected"),
        (json!({"url": large.url("files")}), "too_large"),
        (json!({"url": answering(endless)}), "too_large"),
        (json!({"url": text.url("files"), "kind": "picture"}), "not_a_picture"),
        (json!({"url": text.url("files"), "size": 6}), "mismatch"),
        (json!({"url": text.url("files"), "sha256": sha256(b"hellO")}), "mismatch"),
        (json!({"url": answering("HTTP/1.1 200 OK\r\n\r\nhello")}), "length_unknown"),
        (
            json!({"url": answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\nhello")}),
            "encoded",
        ),
    ] {
        let mut document = json!({"kind": "attachment"});
        document.as_object_mut().unwrap().extend(order.as_object().unwrap().clone());
        let media = desk.hand_in(&document).await.expect(202).json();

        assert_eq!(desk.reason(&media).await, reason, "{order}");
    }
    assert_eq!(desk.count("audit_entries", "media.failed").await, 9);
    assert_eq!((desk.count("events", "").await, desk.count("jobs", "intake.fetch").await), (0, 0));
    desk.nothing_is_left().await;

    let sized = json!({"kind": "fax", "size": 5, "url": answering("HTTP/1.1 200 OK\r\n\r\nhello")});
    let media = desk.hand_in(&sized).await.expect(202).json();
    assert_eq!(desk.after(Duration::ZERO, &media).await["state"], "stored", "the order says where it ends");
}

#[tokio::test]
async fn a_server_that_recovers_is_asked_again() {
    let desk = Desk::open().await;
    let file = Foreign::named(".txt");
    let media = desk.order(&file.url("soon")).await;

    assert_eq!(desk.after(Duration::ZERO, &media).await["state"], "fetching");
    assert_eq!(desk.count("fetches", "unavailable").await, 1);
    file.put(b"hello");
    assert_eq!(desk.after(Duration::from_secs(7), &media).await["state"], "fetching", "not before its time");
    assert_eq!(desk.after(Duration::from_secs(6), &media).await["state"], "stored");
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() {
    let desk = Desk::open().await;
    let file = Foreign::named(".txt");
    let media = desk.order(&file.url("busy")).await;

    desk.after(Duration::ZERO, &media).await;
    file.put(b"hello");

    assert_eq!(desk.after(Duration::from_secs(89), &media).await["state"], "fetching");
    assert_eq!(desk.after(Duration::from_secs(2), &media).await["state"], "stored");
}

#[tokio::test]
async fn faults_that_do_not_pass_are_given_up_after_seven_attempts() {
    let desk = Desk::open().await;
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, reason) in [
        (format!("http://{unused}/x"), "unreachable"),
        (format!("{}/500", peer("TEST_SINK_HTTP")), "unavailable"),
        (answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), "incomplete"),
        (answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), "incomplete"),
        (answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello"), "incomplete"),
        (answering("HTTP/1.1 200"), "rejected"),
        (answering(""), "rejected"),
    ] {
        let media = desk.order(&url).await;
        desk.app.run_due_jobs().await;
        for wait in [12, 72, 360, 2160, 8640] {
            let now = desk.after(Duration::from_secs(wait), &media).await;
            assert_eq!(now["state"], "fetching", "{reason} {wait}: {now}");
        }
        desk.app.clock.advance(Duration::from_mins(432));
        assert_eq!(desk.reason(&media).await, reason);
    }
    desk.nothing_is_left().await;
}

#[tokio::test]
async fn a_run_that_lost_its_lease_stores_nothing() {
    let desk = Desk::with_shelf().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.txt", listener.local_addr().unwrap());
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let server = std::thread::spawn(move || {
        let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
        let mut first = listener.accept().unwrap().0;
        read_head(&mut first);
        first.write_all(half).unwrap();
        begun.send(()).unwrap();
        let mut second = listener.accept().unwrap().0;
        read_head(&mut second);
        second.write_all(half).unwrap();
        second.write_all(b"world").unwrap();
        may_go_on.recv().unwrap();
        first.write_all(b"WORLD").unwrap();
    });
    let media = desk.order(&url).await;

    let overtake = async {
        tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
        let stored = desk.after(Duration::from_mins(3), &media).await;
        go_on.send(()).unwrap();
        stored
    };
    let (_, stored) = tokio::join!(desk.app.run_due_jobs(), overtake);

    server.join().unwrap();
    assert_eq!((&stored["state"], &stored["sha256"]), (&json!("stored"), &json!(sha256(b"helloworld"))));
    let now = desk.look_up(&media).await;
    assert_eq!(now["sha256"], stored["sha256"]);
    assert_eq!(now["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(desk.content(&now).await, b"helloworld");
    for (table, text) in
        [("events", "media.received"), ("audit_entries", "media.received"), ("deliveries", "")]
    {
        assert_eq!(desk.count(table, text).await, 1, "{table}");
    }
    assert_eq!(desk.count("jobs", "intake.fetch").await, 0);
    assert_eq!(files_below(&desk.app.config().folder_root.join("shelf")).len(), 1);
}

#[tokio::test]
async fn what_a_dead_run_left_is_set_aside() {
    let desk = Desk::open().await;
    let file = Foreign::with(".txt", b"the file");
    let media = desk.order(&file.url("files")).await;
    let id: Uuid = media["id"].as_str().unwrap().parse().unwrap();
    let blobs = desk.app.services().blobs.clone();
    desk.app
        .run(async move {
            let mut incoming = blobs.receive().await.unwrap();
            incoming.write("half of it".into()).await.unwrap();
            incoming.finish().await.unwrap().keep(id).await.unwrap();
        })
        .await;

    let stored = desk.after(Duration::ZERO, &media).await;

    assert_eq!(desk.content(&stored).await, b"the file");
    let aside = desk.app.config().media.folder.join("orphans").join(id.to_string());
    assert_eq!(std::fs::read(aside).unwrap(), b"half of it");
}

#[tokio::test]
async fn a_fetch_that_breaks_the_program_is_given_up() {
    let desk = Desk::open().await;
    let file = Foreign::with(".txt", b"the file");
    let media = desk.order(&file.url("files")).await;
    let job: Fetch = serde_json::from_value(json!({"media": media["id"]})).unwrap();
    let (services, poison) =
        (desk.app.services().clone(), Poison { job: JobId::fresh(), why: "broke".to_owned() });

    desk.app.run(async move { job.poisoned(services, poison).await.unwrap() }).await;

    assert_eq!(desk.reason(&media).await, "poison", "and the job that is still queued changes nothing");
}

#[tokio::test]
async fn the_use_case_of_the_moment_says_where_the_file_goes() {
    let desk = Desk::with_shelf().await;
    let file = Foreign::with(".txt", b"the file");
    let media = desk.order(&file.url("files")).await;
    let admin = desk.app.add_token(mediaport::platform::web::Role::Admin).await;
    let use_case = admin.get("/api/v1/use-cases").await.expect(200).json()["items"][0]["id"].clone();
    let path = format!("/api/v1/use-cases/{}", use_case.as_str().unwrap());
    let changed = admin.request(reqwest::Method::PUT, &path).header("Content-Type", "application/json");
    admin.send(changed.body(json!({"name": "Claims"}).to_string())).await.expect(200);

    assert_eq!(desk.after(Duration::ZERO, &media).await["deliveries"], json!([]));
}

#[tokio::test]
async fn an_address_is_written_down_nowhere_in_clear() {
    let desk = Desk::open().await;
    let (folder, signature) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    let url = format!("{}/{folder}/x?signature={signature}", peer("TEST_SINK_HTTP"));
    let waiting = format!("{}/soon/{folder}?signature={signature}", peer("TEST_SINK_HTTP"));
    let mut seen = Vec::new();
    for url in [url, waiting] {
        let ordered = desk.hand_in(&json!({"kind": "fax", "url": url})).await.expect(202);
        seen.push(ordered.text());
        seen.extend(desk.app.dump().await);
        seen.push(desk.after(Duration::ZERO, &ordered.json()).await.to_string());
    }
    seen.extend(desk.app.dump().await);

    for secret in [&folder, &signature] {
        let encoded = [secret.clone(), hex::encode(secret)];
        let told = seen.iter().find(|text| encoded.iter().any(|secret| text.contains(secret)));
        assert_eq!(told, None);
    }
    let payloads =
        desk.app.dump().await.into_iter().filter(|row| row.starts_with("jobs:")).collect::<String>();
    assert!(payloads.contains("fetch/127.0.0.1") && !payloads.contains("http"), "{payloads}");
    assert_eq!(desk.count("fetches", "").await, 1);
}

#[tokio::test]
async fn https_proves_the_server() {
    in_its_own_process("intake::fetches::fetches_over_https", |child| {
        child.env("SSL_CERT_FILE", peer("TEST_CA_FILE"));
    });
    in_its_own_process("intake::fetches::trusts_no_stranger", |child| {
        child.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    });
}

#[tokio::test]
#[ignore = "run by https_proves_the_server, in a process of its own"]
async fn fetches_over_https() {
    let desk = Desk::open().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at.wrapping_mul(at) >> 5).to_le_bytes()[0]).collect();
    let file = Foreign::with(".bin", &bytes);
    let media = desk.order(&format!("{}/files/{}", peer("TEST_SINK_HTTPS"), file.name)).await;

    assert_eq!(desk.after(Duration::ZERO, &media).await["sha256"], sha256(&bytes));
}

#[tokio::test]
#[ignore = "run by https_proves_the_server, in a process of its own"]
async fn trusts_no_stranger() {
    let desk = Desk::open().await;
    let file = Foreign::with(".txt", b"hello");
    let media = desk.order(&format!("{}/files/{}", peer("TEST_SINK_HTTPS"), file.name)).await;

    assert_eq!(desk.after(Duration::ZERO, &media).await["state"], "fetching");
    assert_eq!(desk.count("fetches", "rejected").await, 1);
}
