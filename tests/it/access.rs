//! Who may do what: every route for every kind of visitor, against the table beside this file, and every identifier.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use mediaport::app::routes;
use mediaport::features::apps::Scope;
use mediaport::platform::keys::{Key, Purpose};
use mediaport::platform::web::{Door, Entry, Role};
use reqwest::Method;
use serde_json::json;

use crate::support::{ApiClient, Browser, Page, TestApp, sample_address};

/// Somebody who asks.
enum Visitor {
    /// In a browser, perhaps signed in, with a form token of their own.
    Person(Browser, String),
    /// With a key or a token.
    Machine(ApiClient),
}

/// The columns of the table.
async fn visitors(app: &TestApp) -> Vec<(&'static str, Visitor)> {
    let person = async |browser: Browser| {
        let token = browser.token().await;
        Visitor::Person(browser, token)
    };
    let expired = app.add_key_for("Claims", Scope::ALL, Duration::from_hours(1)).await;
    app.clock.advance(Duration::from_hours(1));
    vec![
        ("nobody", person(app.browser()).await),
        ("admin", person(app.sign_in(Role::Admin).await).await),
        ("builder", person(app.sign_in(Role::Builder).await).await),
        ("agent", person(app.sign_in(Role::Agent).await).await),
        ("auditor", person(app.sign_in(Role::Auditor).await).await),
        ("key-all", Visitor::Machine(app.add_key("Claims", Scope::ALL).await)),
        ("key-none", Visitor::Machine(app.add_key("Claims", &[]).await)),
        ("token-admin", Visitor::Machine(app.add_token(Role::Admin).await)),
        ("token-agent", Visitor::Machine(app.add_token(Role::Agent).await)),
        ("token-auditor", Visitor::Machine(app.add_token(Role::Auditor).await)),
        ("key-expired", Visitor::Machine(expired)),
        ("key-unknown", Visitor::Machine(app.client(Key::mint(Purpose::App).reveal().expose()))),
    ]
}

impl Visitor {
    async fn ask(&self, entry: &Entry) -> Page {
        let method = Method::from_bytes(entry.method.as_str().as_bytes()).unwrap();
        match self {
            Self::Person(browser, token) => {
                let request = browser.request(method, &sample_address(entry)).header("X-CSRF-Token", token);
                browser.send(request.header("Sec-Fetch-Site", "same-origin")).await
            }
            Self::Machine(client) => client.send(client.request(method, &sample_address(entry))).await,
        }
    }
}

/// Says in one word how far somebody came. What a handler makes of a request without content does not matter.
fn word(page: &Page) -> &'static str {
    let to_sign_in = page.status == 303 && page.location().starts_with("/login");
    match page.status {
        _ if to_sign_in && page.header("clear-site-data").is_empty() => "login",
        401 => "login",
        403 => "403",
        _ => "pass",
    }
}

/// Reads the table: the words of each route by visitor.
fn table() -> BTreeMap<String, Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/access.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#') && line.contains('|'));
    let row = |line: &str| {
        let (route, words) = line.split_once('|').unwrap();
        (one_blank(route), words.split_whitespace().map(str::to_owned).collect())
    };
    rows.map(row).collect()
}

fn one_blank(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn everybody_passes_exactly_the_doors_of_the_table() {
    let app = TestApp::start().await;
    let visitors = visitors(&app).await;
    let expected = table();
    let mut entries = routes::table();
    entries.sort_by_key(|entry| entry.path == "/logout"); // whoever passes there is gone

    let mut seen =
        BTreeMap::from([("route".to_owned(), visitors.iter().map(|(name, _)| (*name).to_owned()).collect())]);
    for entry in &entries {
        let mut words = Vec::new();
        for (_, visitor) in &visitors {
            words.push(word(&visitor.ask(entry).await).to_owned());
        }
        seen.insert(format!("{} {}", entry.method, entry.path), words);
    }

    let lines = |table: &BTreeMap<String, Vec<String>>| -> BTreeSet<String> {
        table.iter().map(|(route, words)| format!("{route} | {}", words.join(" "))).collect()
    };
    let (seen, expected) = (lines(&seen), lines(&expected));
    let new: Vec<&String> = seen.difference(&expected).collect();
    let gone: Vec<&String> = expected.difference(&seen).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "tests/it/access.txt is not what the server does.\nThe server does:\n{new:#?}\nThe table says:\n{gone:#?}"
    );
    app.run_due_jobs().await;
}

#[test]
fn machine_doors_name_scopes_that_keys_can_carry() {
    for entry in routes::table() {
        if let Door::Api { scope: Some(scope), .. } = entry.door {
            assert!(scope.parse::<Scope>().is_ok(), "{} asks for {scope}, which no key carries", entry.path);
        }
    }
}

/// Identifiers that name nothing: one that was never made, other spellings of one that was, and no identifiers at all.
fn strangers(own: &str) -> Vec<String> {
    let long = "a".repeat(1_000);
    let other_spellings =
        [own.to_uppercase(), own.replace('-', ""), format!("{{{own}}}"), format!("{own}%00")];
    let nothing = ["01890000-0000-7000-8000-000000000000", "0", "-1", "null", "..%2f..", "%ff", "'--", &long];
    other_spellings.into_iter().chain(nothing.map(str::to_owned)).collect()
}

/// Gives status and body of an answer, without the number of the request.
fn without_number(page: &Page) -> (u16, String) {
    let body = String::from_utf8_lossy(&page.body).replace(page.header("x-request-id"), "");
    (page.status, body)
}

#[tokio::test]
async fn identifiers_that_are_not_yours_all_look_the_same() {
    let app = TestApp::start().await;
    let (browser, token) = (app.sign_in(Role::Admin).await, app.add_token(Role::Admin).await);
    let endpoint = token
        .post("/api/v1/endpoints", &json!({"name": "Shelf", "type": "folder", "directory": "shelf"}))
        .await;
    let endpoint = endpoint.expect(201).json()["id"].as_str().unwrap().to_owned();
    let use_case = token
        .post("/api/v1/use-cases", &json!({"name": "Claims", "pictures": [endpoint], "recordings": []}))
        .await;
    let use_case = use_case.expect(201).json()["id"].as_str().unwrap().to_owned();

    for (folder, own) in [("endpoints", &endpoint), ("use-cases", &use_case), ("deliveries", &String::new())]
    {
        let (mut pages, mut documents) = (BTreeSet::new(), BTreeSet::new());
        for id in strangers(&endpoint) {
            pages.insert(without_number(&browser.get(&format!("/{folder}/{id}")).await));
            documents.insert(without_number(&token.get(&format!("/api/v1/{folder}/{id}")).await));
        }

        assert_eq!(pages.len(), 1, "{folder}: {pages:#?}");
        assert_eq!(documents.len(), 1, "{folder}: {documents:#?}");
        assert!(pages.iter().chain(&documents).all(|(status, _)| *status == 404), "{folder}: {documents:#?}");
        if !own.is_empty() {
            browser.get(&format!("/{folder}/{own}")).await.expect(200);
            token.get(&format!("/api/v1/{folder}/{own}")).await.expect(200);
        }
    }
    app.run_due_jobs().await;
}

#[tokio::test]
async fn what_belongs_to_another_app_looks_like_nothing() {
    let app = TestApp::start().await;
    let use_case = app.add_use_case("Claims").await;
    let (own, other) = (app.add_key("Claims", Scope::ALL).await, app.add_key("Sales", Scope::ALL).await);
    let conversation = own.open_conversation(&use_case).await;
    let media = own.upload(&conversation, &[("kind", "attachment")], b"%PDF-1.7").await.expect(201).json();
    let media = media["id"].as_str().unwrap();
    let before = app.dump().await;

    for (method, path, id) in [
        ("GET", "/api/v1/conversations/{}", conversation.as_str()),
        ("POST", "/api/v1/conversations/{}/end", &conversation),
        ("POST", "/api/v1/conversations/{}/media?kind=attachment", &conversation),
        ("GET", "/api/v1/media/{}", media),
        ("GET", "/api/v1/media/{}/content", media),
        ("HEAD", "/api/v1/media/{}/content", media),
    ] {
        let method: Method = method.parse().unwrap();
        let ask = async |client: &ApiClient, id: &str| {
            let body = if path.ends_with("?kind=attachment") { "x" } else { "" };
            client.send(client.request(method.clone(), &path.replace("{}", id)).body(body)).await
        };
        let mut answers = BTreeSet::from([without_number(&ask(&other, id).await)]);
        for stranger in strangers(id) {
            answers.insert(without_number(&ask(&own, &stranger).await));
        }

        assert_eq!(answers.len(), 1, "{method} {path}: {answers:#?}");
        assert_eq!(answers.first().unwrap().0, 404, "{method} {path}");
        assert_eq!(app.dump().await, before, "{method} {path} changed nothing");
    }
    assert_eq!(own.get(&format!("/api/v1/media/{media}/content")).await.expect(200).body, b"%PDF-1.7");
    own.post(&format!("/api/v1/conversations/{conversation}/end"), &json!({})).await.expect(200);
    app.run_due_jobs().await;
}

#[tokio::test]
async fn a_key_or_token_that_is_not_quite_right_opens_nothing() {
    let app = TestApp::start().await;
    let token = app.add_token(Role::Admin).await;
    token.get("/api/v1/endpoints").await.expect(200);
    let good = token.key.clone();
    let (head, last) = good.split_at(good.len() - 1);
    let other_letter = if last == "a" { "b" } else { "a" };

    let wrong = [
        String::new(),
        head.to_owned(),
        format!("{head}{other_letter}"),
        format!("{good}a"),
        good.to_lowercase(),
        good.replacen("mp_t", "mp_k", 1),
        good.split('_').nth(1).unwrap().to_owned(),
        "é".repeat(20),
    ];

    for key in wrong {
        let page = app.client(&key).get("/api/v1/endpoints").await;
        assert_eq!(page.status, 401, "{key}");
        assert_eq!(page.header("www-authenticate"), "Bearer");
    }
    let in_query = app.client("").get(&format!("/api/v1/endpoints?access_token={good}")).await;
    assert_eq!(in_query.status, 401);
}
