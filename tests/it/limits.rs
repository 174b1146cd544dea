//! What one request may ask for: JSON that programs could read in two ways or that is large to hold is refused
//! everywhere, and so are addresses and forms that nobody needs. The memory of it is measured in `tests/durability`.

use mediaport::app::routes;
use mediaport::platform::web::{Entry, Role};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::{ApiClient, Page, TestApp, sample_address};

/// What is in the document, the document, and the status that answers it.
type Document = (&'static str, Vec<u8>, u16);

fn documents() -> Vec<Document> {
    let keys = |number: usize| {
        let members: Vec<String> = (0..number).map(|number| format!("\"{number}\":1")).collect();
        format!("{{{}}}", members.join(","))
    };
    let utf16: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut documents: Vec<Document> = vec![
        ("100,000 lists in each other", [b"{\"a\":".to_vec(), vec![b'['; 100_000]].concat(), 400),
        ("100,000 objects in each other", "{\"a\":".repeat(100_000).into_bytes(), 400),
        ("33 levels", format!("{}{}{}", "{\"a\":".repeat(32), "{}", "}".repeat(32)).into_bytes(), 400),
        ("1,000,000 keys", keys(1_000_000).into_bytes(), 413),
        ("100,000 keys", keys(100_000).into_bytes(), 400),
        ("500,000 elements", format!("{{\"a\":[{}1]}}", "1,".repeat(500_000)).into_bytes(), 400),
        ("a text of a megabyte and more", format!("{{\"a\":\"{}\"}}", "a".repeat(1 << 20)).into_bytes(), 413),
        ("bytes that are not UTF-8", b"{\"name\": \"\xc3\x28\"}".to_vec(), 400),
        ("UTF-16", utf16, 400),
    ];
    let short = [
        ("one name twice", r#"{"name": "a", "name": "b"}"#),
        ("one name twice in another spelling", r#"{"name": "a", "n\u0061me": "b"}"#),
        ("one name twice further inside", r#"{"name": "a", "attributes": {"b": [{"c": 1, "c": 1}]}}"#),
        ("NaN", r#"{"a": NaN}"#),
        ("infinity", r#"{"a": -Infinity}"#),
        ("10^400", r#"{"a": 1e400}"#),
        ("-10^400", r#"{"a": -1E+400}"#),
        ("the first half of a pair", r#"{"a": "\ud800"}"#),
        ("the second half of a pair", r#"{"a": "\udc00"}"#),
        ("halves in the wrong order", r#"{"a": "\udc00\ud800"}"#),
        ("half a pair in a name", r#"{"\ud83d": 1}"#),
        ("something behind it", "{} x"),
        ("two documents", "{}{}"),
        ("a byte order mark", "\u{feff}{}"),
        ("no end", r#"{"name": "a""#),
        ("a trailing comma", r#"{"name": "a",}"#),
        ("a comment", "{} // nothing"),
        ("other quotes", "{'name': 'a'}"),
        ("a line break in a text", "{\"name\": \"a\nb\"}"),
        ("a NUL", "{}\0"),
        ("a list", "[]"),
        ("a text", r#""name""#),
        ("null", "null"),
        ("blanks", " \r\n"),
    ];
    documents.extend(short.map(|(name, text)| (name, text.as_bytes().to_vec(), 400)));
    let digits = format!("{{\"a\": {}}}", "9".repeat(400));
    documents.push(("a number of 400 digits", digits.into_bytes(), 400));
    documents
}

/// Lists every call that may take a document, with an address where something is.
async fn json_routes(app: &TestApp, token: &ApiClient) -> Vec<(Entry, String)> {
    let use_case = app.add_use_case("Claims").await;
    let opened = json!({"use_case": use_case, "app": "Claims"});
    app.add_key("Claims", &[]).await;
    let conversation = token.post("/api/v1/conversations", &opened).await.expect(201).json();
    let writes = routes::table()
        .into_iter()
        .filter(|entry| entry.path.starts_with("/api/") && (entry.method == "POST" || entry.method == "PUT"));
    let address = |entry: &Entry| {
        let id = conversation["id"].as_str().unwrap();
        sample_address(entry).replace("01890000-0000-7000-8000-000000000000", id)
    };
    writes.map(|entry| (address(&entry), entry)).map(|(address, entry)| (entry, address)).collect()
}

async fn send(client: &ApiClient, entry: &Entry, path: &str, kind: &str, body: &[u8]) -> Page {
    let method = Method::from_bytes(entry.method.as_str().as_bytes()).unwrap();
    let request = client.request(method, path).body(body.to_vec());
    client.send(if kind.is_empty() { request } else { request.header(CONTENT_TYPE, kind) }).await
}

/// Fails unless the answer is a problem document that a person can do something with.
#[track_caller]
fn assert_problem(what: &str, page: &Page) {
    assert_eq!(page.header("content-type"), "application/problem+json", "{what}: {}", page.text());
    let document: Value = page.json();
    let detail = document["detail"].as_str().unwrap();
    assert_eq!(document["status"], page.status, "{what}");
    assert_eq!(document["request_id"], page.header("x-request-id"), "{what}");
    assert!((20..200).contains(&detail.len()), "{what}: {detail}");
    for word in ["serde", "::", "invalid type", "recursion", "actix"] {
        assert!(!detail.contains(word), "{what}: {detail}");
    }
}

#[tokio::test]
async fn no_call_takes_a_document_that_is_not_plain_json() {
    let app = TestApp::start().await;
    let token = app.add_token(Role::Admin).await;
    let routes = json_routes(&app, &token).await;
    let documents = documents();
    assert!(routes.len() >= 6, "{}", routes.len());

    for (entry, path) in &routes {
        // Beside a file there may be less than elsewhere.
        let takes_files = entry.path.ends_with("/media");
        for (name, document, status) in &documents {
            let page = send(&token, entry, path, "application/json", document).await;
            let what = format!("{} {}, {name}", entry.method, entry.path);
            if takes_files {
                assert!([400, 413].contains(&page.status), "{what}: {} {}", page.status, page.text());
            } else {
                assert_eq!(page.status, *status, "{what}: {}", page.text());
            }
            assert_problem(&what, &page);
        }
    }
    token.get("/api/v1/use-cases").await.expect(200);
    app.run_due_jobs().await;
}

#[tokio::test]
async fn what_is_no_json_by_its_own_word_is_not_read_as_json() {
    let app = TestApp::start().await;
    let token = app.add_token(Role::Admin).await;
    let document = br#"{"name": ""}"#;
    let foreign = [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/octet-stream",
        "image/svg+json",
        "application/json; charset=latin1",
        "application/json; charset=utf-16",
        "application/json,text/plain",
    ];

    for (entry, path) in json_routes(&app, &token).await {
        if entry.path.ends_with("/media") {
            continue; // there a body of another type is a file
        }
        for kind in foreign {
            let page = send(&token, &entry, &path, kind, document).await;
            assert_eq!(page.status, 415, "{} {kind:?}: {}", entry.path, page.text());
            assert_problem(kind, &page);
        }
        for kind in
            ["application/json", "APPLICATION/JSON; Charset=\"UTF-8\"", "application/vnd.example+json"]
        {
            let page = send(&token, &entry, &path, kind, document).await;
            assert_ne!(page.status, 415, "{} {kind:?}: {}", entry.path, page.text());
        }
        let empty = send(&token, &entry, &path, "application/json", b"").await;
        // A call that wants no body goes on to look for what its address names.
        let expected = match entry.operation {
            _ if entry.path.ends_with("/end") => 200,
            Some(operation) if operation.body.is_empty() => 404,
            _ => 400,
        };
        assert_eq!(empty.status, expected, "{}: {}", entry.path, empty.text());
    }
    app.run_due_jobs().await;
}

#[tokio::test]
async fn json_within_the_limits_is_kept_as_it_came() {
    let app = TestApp::start().await;
    let use_case = app.add_use_case("Claims").await;
    let key = app.add_key("Claims", &["conversations.write".parse().unwrap()]).await;
    let mut deep = json!(1);
    (0..30).for_each(|_| deep = json!([deep]));
    let attributes = json!({
        "deep": deep, "many": vec![1; 7000], "😀 \u{0}": "\u{10ffff}\n", "big": u64::MAX, "small": -1.5e-300,
    });

    let opened = key
        .post("/api/v1/conversations", &json!({"use_case": use_case, "attributes": attributes}))
        .await
        .expect(201)
        .json();

    assert_eq!(opened["attributes"], attributes);
    let read = key.get(&format!("/api/v1/conversations/{}", opened["id"].as_str().unwrap())).await;
    assert_eq!(read.expect(200).json()["attributes"], attributes);
    app.run_due_jobs().await;
}

#[tokio::test]
async fn no_route_takes_an_address_beyond_measure_or_a_body_that_means_nothing() {
    let app = TestApp::start().await;
    let (token, browser) = (app.add_token(Role::Admin).await, app.sign_in(Role::Admin).await);
    let ask = async |entry: &Entry, query: &str, body: &'static str| {
        let method = Method::from_bytes(entry.method.as_str().as_bytes()).unwrap();
        let path = format!("{}{query}", sample_address(entry));
        if entry.path.starts_with("/api/v1/") {
            token.send(token.request(method, &path).body(body)).await
        } else {
            let request = browser.request(method, &path).header("Sec-Fetch-Site", "same-origin");
            browser.send(request.body(body)).await
        }
    };
    let long = format!("?{}", "a=1&".repeat(6000));
    let many = format!("?{}", "a&".repeat(10_000));

    for entry in routes::table() {
        let what = format!("{} {}", entry.method, entry.path);
        let refused = ask(&entry, &long, "").await;
        assert_eq!(refused.status, 414, "{what}");
        assert_eq!(refused.header("x-content-type-options"), "nosniff", "{what}");
        if entry.path.starts_with("/api/v1/") {
            assert_eq!(refused.json()["code"], "uri_too_long", "{what}");
            assert_problem(&what, &refused);
        }
        if entry.method == "GET" {
            assert_eq!(ask(&entry, "", "x").await.status, 400, "{what} with a body");
            assert!(ask(&entry, &many, "").await.status < 500, "{what} with many parameters");
        }
    }
    app.run_due_jobs().await;
}

#[tokio::test]
async fn forms_are_as_large_as_pages_make_them() {
    let app = TestApp::start().await;
    let (admin, nobody) = (app.sign_in(Role::Admin).await, app.browser());
    let text = |bytes: usize| "a".repeat(bytes);
    let boxes: Vec<(String, String)> = (0..2500).map(|number| (format!("x{number}"), text(1))).collect();
    let boxes: Vec<(&str, &str)> =
        boxes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();

    nobody.post("/login", &[("email", &text(60_000))]).await.expect(422);
    nobody.post("/login", &[("email", &text(70_000))]).await.expect(413);
    admin.post("/endpoints", &[("name", &text(200_000)), ("type", "folder")]).await.expect(422);
    let pages = routes::table();
    for entry in pages.iter().filter(|entry| entry.method == "POST" && !entry.path.starts_with("/api/")) {
        let path = sample_address(entry);
        let refused = admin.post(&path, &[("name", &text(300_000))]).await;
        assert_eq!(refused.status, 413, "{path}");
    }
    admin.post("/endpoints", &boxes).await.expect(400).assert_mentions("more than 2000 fields");
    assert!(admin.is_signed_in().await);
    app.run_due_jobs().await;
}
