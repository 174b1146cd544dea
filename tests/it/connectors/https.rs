//! Receivers of pictures, against nginx, which keeps what it is posted; what it was posted is read by Werkzeug.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mediaport::connectors::{
    Configuration, DeliveryError, Ground, ItemProblem, Outcome, Receipt, StepName, StepState, VerifiedBy,
};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::contract::{Place, contract, deliver};
use super::source::item;
use super::{configured, connector, failed, ground, peer, step, tested};
use crate::support::{self, Canary, read_head};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "hunter2hunter2";

/// An address of its own at the sink.
struct Receiver {
    uri: String,
    configuration: Configuration,
    ground: Ground,
    forgotten: Mutex<HashSet<String>>,
    _root: TempDir,
}

impl Receiver {
    /// Opens a place of a kind, such as `post`, with these fields beside the usual ones.
    fn open(kind: &str, query: &str, more: &[(&str, &str)]) -> Self {
        let uri = format!("/{kind}/{}", Uuid::new_v4().simple());
        Self::at(&format!("{}{uri}{query}", peer("TEST_SINK_HTTP")), uri, more)
    }

    fn at(url: &str, uri: String, more: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let headers = format!("Authorization: Bearer {TOKEN}\nX-Tenant: north");
        let mut fields = vec![("url", url), ("headers", headers.as_str()), ("signing_secret", SECRET)];
        fields.extend(more);
        Self {
            uri,
            configuration: configured("https", &fields),
            ground: ground(root.path()),
            forgotten: Mutex::default(),
            _root: root,
        }
    }

    /// Gives every request that came there, once `count` of them have been noted.
    fn posts(&self, count: usize) -> Vec<Value> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let said = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.test/tools/bin/python"))
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/received.py"))
                .args([peer("TEST_SINK_POSTS").as_str(), &self.uri, SECRET])
                .output()
                .expect("the reader, which tests/peers/setup installs");
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            let lines = String::from_utf8(said.stdout).expect("text");
            let posts: Vec<Value> =
                lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            if posts.len() >= count {
                return posts;
            }
            assert!(Instant::now() < until, "{} requests instead of {count}", posts.len());
        }
    }

    /// Gives what was taken of deliveries.
    fn taken(&self, count: usize) -> Vec<Value> {
        let posts = self.posts(count).into_iter();
        posts.filter(|post| post["status"] == "204" && post["mediaport-test"] == "").collect()
    }

    async fn refusal(&self, size: u64) -> DeliveryError {
        deliver(self, &item("a.jpg", size)).await.expect_err("refused")
    }
}

impl Place for Receiver {
    const KEY: &'static str = "https";

    async fn fresh() -> Self {
        Self::open("post", "", &[])
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }

    fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    async fn names(&self) -> Vec<String> {
        let forgotten = self.forgotten.lock().expect("the names");
        let name = |post: Value| post["path"].as_str().expect("a path").to_owned();
        self.taken(0).into_iter().map(name).filter(|name| !forgotten.contains(name)).collect()
    }

    async fn look(&self, path: &str) -> Option<(u64, String)> {
        let taken = self.taken(1);
        let post = taken.iter().rfind(|post| post["path"] == path)?;
        Some((post["found_size"].as_u64()?, post["found_sha256"].as_str()?.to_owned()))
    }

    /// Nobody else puts anything there; what has been looked at can be forgotten.
    async fn plant(&self, path: &str, bytes: &'static [u8]) {
        assert!(bytes.is_empty(), "a receiver has no place for foreign files");
        self.forgotten.lock().expect("the names").insert(path.to_owned());
    }

    fn secret(&self) -> Option<String> {
        Some(TOKEN.to_owned())
    }
}

contract! { Receiver:
    a_hundred_megabytes_are_streamed
    names_are_kept_and_equal_ones_stay_apart
    a_cut_source_leaves_nothing
    a_damaged_source_is_never_delivered
    printing_shows_no_secret
    the_test_passes_and_leaves_nothing
}

#[tokio::test]
async fn files_of_all_sizes_arrive_whole_in_both_encodings() {
    for encoding in ["multipart", "raw"] {
        let receiver = Receiver::open("post", "", &[("encoding", encoding), ("field_name", "photos[]")]);
        let items = [0, 1, 64 * 1024, 5 << 20].map(|size| item(&format!("2026/{size} ü\".jpg"), size));
        for item in &items {
            let (receipt, verified) = deliver(&receiver, item).await.expect("delivered");
            assert_eq!(verified, VerifiedBy::Acknowledged);
            assert_eq!(receipt.location["url"], format!("{}{}", peer("TEST_SINK_HTTP"), receiver.uri));
        }

        for (post, item) in receiver.posts(items.len()).iter().zip(&items) {
            let said = |name: &str| post[name].as_str().unwrap_or_default().to_owned();
            assert_eq!((said("method").as_str(), said("status").as_str()), ("POST", "204"));
            assert_eq!(post["found_size"], item.size);
            assert_eq!((said("found_sha256"), said("path")), (item.sha256.clone(), item.path.clone()));
            assert_eq!(said("idempotency-key"), item.delivery.to_string());
            assert_eq!(post["digest_is_right"], true, "{post}");
            assert_eq!(said("content-length"), said("size_of_body"));
            assert_eq!((said("transfer-encoding").as_str(), said("mediaport-test").as_str()), ("", ""));
            assert_eq!(
                (said("authorization"), said("x-tenant")),
                (format!("Bearer {TOKEN}"), "north".into())
            );
            if encoding == "raw" {
                assert_eq!(said("content-type"), "image/jpeg");
                continue;
            }
            assert_eq!((said("field").as_str(), said("type").as_str()), ("photos[]", "image/jpeg"));
            assert_eq!(said("name"), format!("{} ü\".jpg", item.size));
            assert_eq!((said("delivery"), said("size")), (item.delivery.to_string(), item.size.to_string()));
            assert_eq!(said("sha256"), item.sha256);
            assert_eq!(post["part_headers"], serde_json::json!(["content-disposition", "content-type"]));
        }
    }
}

#[tokio::test]
async fn signatures_are_those_of_standard_webhooks() {
    let receiver = Receiver::open("post", "", &[("encoding", "raw")]);
    let text = bytes::Bytes::from("{\"text\": \"Dächer\"}");
    let mut readable = item("a.json", 0);
    readable.size = text.len() as u64;
    readable.sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&text));
    readable.source = std::sync::Arc::new(text);
    deliver(&receiver, &readable).await.expect("delivered");
    deliver(&receiver, &item("b.jpg", 100_000)).await.expect("delivered");
    deliver(&receiver, &item("c.jpg", 0)).await.expect("delivered");

    let posts = receiver.posts(3);
    assert_eq!(posts[0]["signed"], "by the library");
    assert_eq!(posts[1]["signed"], "by hand");
    assert_eq!(posts[2]["signed"], "by the library", "nothing is text");
    assert_eq!(posts[0]["webhook-id"], readable.delivery.to_string());

    let multipart = Receiver::open("post", "", &[]);
    deliver(&multipart, &item("b.jpg", 100_000)).await.expect("delivered");
    assert_eq!(multipart.posts(1)[0]["signed"], "by hand");
    let unsigned = Receiver::open("post", "", &[("signing_secret", "")]);
    unsigned_is_silent(&unsigned).await;
}

async fn unsigned_is_silent(receiver: &Receiver) {
    let plain = configured("https", &[("url", &format!("{}{}", peer("TEST_SINK_HTTP"), receiver.uri))]);
    connector("https").put(&plain, &receiver.ground, &item("a.jpg", 10)).await.expect("taken");
    let lines = std::fs::read_to_string(peer("TEST_SINK_POSTS")).expect("the notes");
    let line = lines.lines().find(|line| line.contains(&receiver.uri));
    let post: Value = serde_json::from_str(line.expect("a note")).expect("JSON");
    for header in ["webhook-id", "webhook-timestamp", "webhook-signature", "authorization"] {
        assert_eq!(post[header], "", "{header}");
    }
}

#[tokio::test]
async fn fifty_swallowed_replies_are_fifty_times_the_same_message() {
    for (encoding, attempts) in [("multipart", 50), ("raw", 10)] {
        let receiver = Receiver::open("drop", "", &[("encoding", encoding)]);
        let item = item("2026/roof.jpg", 300_000);

        for _ in 0..attempts {
            let lost = deliver(&receiver, &item).await.expect_err("no reply");
            assert!(matches!(lost, DeliveryError::Transient { .. }), "{lost:?}");
            assert!(lost.message().starts_with("unreachable"), "{lost}");
        }

        let posts = receiver.posts(attempts);
        assert_eq!(posts.len(), attempts, "nothing is sent again by itself");
        for post in &posts {
            assert_eq!(post["found_sha256"], item.sha256, "the receiver had all of it");
            assert_eq!(post["idempotency-key"], item.delivery.to_string());
            assert_eq!(post["webhook-id"], item.delivery.to_string());
            assert_eq!(post["digest_is_right"], true);
            assert_eq!(post["content-digest"], posts[0]["content-digest"]);
        }
    }
}

#[tokio::test]
async fn a_receiver_may_say_what_it_has() {
    let item = item("a.jpg", 70_000);
    let sum = |hex: &str| BASE64_STANDARD.encode(hex::decode(hex).expect("hex"));
    let saying = |said: &str| Receiver::open("post", &format!("?received={said}"), &[]);

    let honest = saying(&format!("sha-256=:{}:", sum(&item.sha256)));
    assert_eq!(deliver(&honest, &item).await.expect("delivered").1, VerifiedBy::Sha256);

    let spoiled = saying(&format!("sha-256=:{}:", sum(&"0".repeat(64))));
    let refused = deliver(&spoiled, &item).await.expect_err("not delivered");
    assert!(matches!(refused, DeliveryError::Transient { .. }), "{refused:?}");
    assert!(refused.message().contains("other bytes"), "{refused}");
    let (outcome, steps) = tested("https", &spoiled.ground, &spoiled.configuration).await;
    assert_eq!((outcome, failed(&steps).name), (Outcome::Failed, StepName::Verify), "{steps:?}");

    let unreadable = saying("yes").refusal(10).await;
    assert!(matches!(unreadable, DeliveryError::Endpoint { .. }), "{unreadable:?}");
}

#[tokio::test]
async fn the_test_posts_a_picture_that_says_what_it_is() {
    let receiver = Receiver::fresh().await;

    let (outcome, steps) = tested("https", &receiver.ground, &receiver.configuration).await;

    assert_eq!(outcome, Outcome::Passed, "{steps:?}");
    let state = |name| step(&steps, name).state;
    assert_eq!([state(StepName::Write), state(StepName::Verify)], [StepState::Passed; 2]);
    assert_eq!([state(StepName::SignIn), state(StepName::Delete)], [StepState::Skipped; 2]);
    assert!(step(&steps, StepName::Verify).message.contains("204"), "{steps:?}");
    let posts = receiver.posts(1);
    assert_eq!((posts.len(), &posts[0]["mediaport-test"]), (1, &Value::from("1")));
    assert_eq!((&posts[0]["type"], &posts[0]["found_size"]), (&Value::from("image/png"), &Value::from(67)));
    let picture = std::fs::read(posts[0]["file"].as_str().expect("a file")).expect("a body");
    assert!(picture.windows(8).any(|bytes| bytes == b"\x89PNG\r\n\x1a\n"));
    assert_eq!(posts[0]["signed"], "by hand");
}

#[tokio::test]
async fn refusals_say_whose_turn_it_is() {
    let at = |path: &str| Receiver::at(&format!("{}{path}", peer("TEST_SINK_HTTP")), path.to_owned(), &[]);
    for (status, class) in [
        (400, "item"),
        (401, "endpoint"),
        (403, "endpoint"),
        (404, "endpoint"),
        (405, "endpoint"),
        (408, "transient"),
        (409, "transient"),
        (410, "endpoint"),
        (413, "item"),
        (415, "item"),
        (418, "endpoint"),
        (422, "item"),
        (425, "transient"),
        (429, "transient"),
        (500, "transient"),
        (502, "transient"),
        (503, "transient"),
        (507, "transient"),
    ] {
        let refused = at(&format!("/status/{status}")).refusal(2000).await;
        assert_eq!(refused.class(), class, "{status}: {refused}");
        assert!(refused.message().contains(&status.to_string()), "{refused}");
        assert!(!refused.message().contains(TOKEN), "{refused}");
    }
    let quoted = at("/status/422").refusal(2000).await;
    assert!(quoted.message().contains("you said [secret] and "), "{quoted}");

    let large = Receiver::open("small", "", &[]).refusal(5 << 20).await;
    assert!(matches!(large, DeliveryError::Item { reason: ItemProblem::TooLarge, .. }), "{large:?}");
}

#[tokio::test]
async fn receivers_may_ask_for_time() {
    let asked = async |path: &str| {
        let receiver = Receiver::at(&format!("{}{path}", peer("TEST_SINK_HTTP")), path.to_owned(), &[]);
        match receiver.refusal(2000).await {
            DeliveryError::Transient { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
            other => panic!("{path}: {other:?}"),
        }
    };
    let date = Command::new("date").args(["-u", "-d", "+2 hours", "+%a, %d %b %Y %H:%M:%S GMT"]).output();
    let date = date.expect("a date").stdout;
    let date = String::from_utf8(date).expect("text").trim().replace(' ', "%20");

    assert_eq!(asked("/busy/no-such-file").await, Some(90), "429");
    assert_eq!(asked("/tired/7").await, Some(7), "503");
    let until = asked(&format!("/tired/{date}")).await.expect("a time");
    assert!((7100..=7200).contains(&until), "{until}");
    assert_eq!(asked("/tired/soon").await, None);
}

#[tokio::test]
async fn redirects_lead_nowhere() {
    let canary = Canary::at("127.0.0.1");
    let mut ways: Vec<_> = [301, 302, 303, 307, 308]
        .map(|status| (format!("/{status}"), format!("?to={}", canary.url())))
        .into();
    ways.push((format!("/post/{}", Uuid::new_v4().simple()), format!("?refresh=0;url={}", canary.url())));
    for (path, query) in ways {
        let receiver = Receiver::at(&format!("{}{path}{query}", peer("TEST_SINK_HTTP")), path.clone(), &[]);

        let refused = receiver.refusal(2000).await;
        let (_, steps) = tested("https", &receiver.ground, &receiver.configuration).await;

        assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{path}: {refused:?}");
        assert!(refused.message().contains("not followed"), "{refused}");
        assert_eq!(failed(&steps).name, StepName::Write, "{path}: {steps:?}");
        assert!(failed(&steps).message.contains("not followed"), "{steps:?}");
    }
    canary.assert_silent();
}

/// A server that behaves as no real one does on demand, for one request.
fn crooked(behave: impl FnOnce(TcpStream) + Send + 'static) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    std::thread::spawn(move || behave(listener.accept().expect("a caller").0));
    Receiver::at(&url, "/".to_owned(), &[])
}

#[tokio::test]
async fn receivers_that_break_off_or_lie_about_the_end_do_not_have_the_file() {
    let in_the_middle = crooked(|mut caller| {
        read_head(&mut caller);
        caller.read_exact(&mut vec![0; 500_000]).expect("half of it");
    });
    let too_early = crooked(|mut caller| {
        read_head(&mut caller);
        caller.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("written");
        std::thread::sleep(Duration::from_secs(2));
    });
    let without_a_word = crooked(|mut caller| {
        read_head(&mut caller);
        caller.set_read_timeout(Some(Duration::from_secs(2))).expect("a limit");
        let mut rest = Vec::new();
        caller.read_to_end(&mut rest).expect_err("the caller waits for an answer");
    });
    let gibberish = crooked(|mut caller| {
        read_head(&mut caller);
        caller.write_all(b"220 mail.example.com ESMTP\r\n").expect("written");
    });
    for (place, receiver) in [in_the_middle, too_early, without_a_word, gibberish].into_iter().enumerate() {
        let refused = receiver.refusal(20 << 20).await;
        assert!(matches!(refused, DeliveryError::Transient { .. }), "{place}: {refused:?}");
    }
}

#[tokio::test]
async fn slow_and_endless_answers_are_not_waited_for_without_end() {
    let slow = crooked(|mut caller| {
        read_head(&mut caller);
        std::thread::sleep(Duration::from_secs(2));
        caller.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").expect("written");
        std::thread::sleep(Duration::from_secs(1));
        caller.write_all(b"ok").expect("written");
    });
    let endless = crooked(|mut caller| {
        read_head(&mut caller);
        caller.write_all(b"HTTP/1.1 422 No\r\nContent-Type: text/plain\r\n\r\n").expect("written");
        while caller.write_all(&[b'x'; 1024]).is_ok() {}
    });
    let dripping = crooked(|mut caller| {
        read_head(&mut caller);
        caller.write_all(b"HTTP/1.1 422 No\r\nContent-Length: 1000\r\n\r\n").expect("written");
        while caller.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    let started = Instant::now();

    assert_eq!(deliver(&slow, &item("a.jpg", 10)).await.expect("delivered").1, VerifiedBy::Acknowledged);
    for receiver in [endless, dripping] {
        let refused = receiver.refusal(10).await;
        assert!(matches!(refused, DeliveryError::Item { reason: ItemProblem::Rejected, .. }), "{refused:?}");
        assert!(refused.message().len() < 600, "{refused}");
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test]
async fn addresses_that_nobody_allowed_are_refused_in_one_word() {
    for url in [
        "http://169.254.169.254/",
        "https://10.0.0.1/",
        "https://127.0.0.2/",
        "http://1.1.1.1/",
        "https://0x0a000001/",
    ] {
        let receiver = Receiver::at(url, "/".to_owned(), &[]);
        let (_, steps) = tested("https", &receiver.ground, &receiver.configuration).await;
        let refused = receiver.refusal(10).await;

        assert_eq!(failed(&steps).name, StepName::Resolve, "{url}");
        assert!(failed(&steps).message.starts_with("refused_by_policy"), "{url} {steps:?}");
        assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{url} {refused:?}");
    }
    let closed = Receiver::at("http://127.0.0.1:9/", "/".to_owned(), &[]).refusal(10).await;
    assert!(closed.message().starts_with("unreachable"), "{closed}");
}

#[tokio::test]
async fn https_proves_the_receiver_and_carries_deliveries() {
    support::in_its_own_process("connectors::https::delivers_over_https", |child| {
        child.env("SSL_CERT_FILE", peer("TEST_CA_FILE"));
    });
}

#[tokio::test]
#[ignore = "run by https_proves_the_receiver_and_carries_deliveries, in a process of its own"]
async fn delivers_over_https() {
    let uri = format!("/post/{}", Uuid::new_v4().simple());
    let receiver = Receiver::at(&format!("{}{uri}", peer("TEST_SINK_HTTPS")), uri, &[]);

    let (outcome, steps) = tested("https", &receiver.ground, &receiver.configuration).await;

    assert_eq!(outcome, Outcome::Passed, "{steps:?}");
    assert_eq!(step(&steps, StepName::Identity).state, StepState::Passed);
    for size in [0, 5000, 40 << 20] {
        let item = item(&format!("{size}.jpg"), size);
        deliver(&receiver, &item).await.expect("delivered");
        assert_eq!(receiver.look(&item.path).await, Some((item.size, item.sha256)));
    }
}

#[tokio::test]
async fn a_receipt_from_elsewhere_proves_nothing() {
    let receiver = Receiver::fresh().await;
    let receipt = Receipt { location: Value::Null, proof: Value::Null };

    let verified = connector("https")
        .verify(&receiver.configuration, &receiver.ground, &item("a.jpg", 10), &receipt)
        .await;

    assert!(matches!(verified, Err(DeliveryError::Endpoint { .. })), "{verified:?}");
}
