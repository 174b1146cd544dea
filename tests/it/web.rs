//! What every answer carries, and that no write passes which does not come from a page of ours.

use std::collections::{BTreeMap, BTreeSet};

use mediaport::app::routes;
use mediaport::platform::web::{Door, Entry, Role};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE, ORIGIN};

use crate::support::{Browser, PASSWORD, Page, TestApp, sample_address};

/// The kind of an answer, which decides its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Portal,
    SignedOut,
    Api,
    Asset,
}

fn class_of(path: &str) -> Class {
    let below =
        |start: &str| path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if below("/static") {
        Class::Asset
    } else if (below("/api") && !below("/api/docs")) || below("/healthz") || below("/readyz") {
        Class::Api
    } else if below("/login") || below("/setup") || below("/api/docs") {
        Class::SignedOut
    } else {
        Class::Portal
    }
}

/// A content policy as directives with their sources.
fn directives(policy: &str) -> BTreeMap<String, BTreeSet<String>> {
    assert_eq!(policy.matches('\'').count() % 2, 0, "quotes are in pairs: {policy}");
    let mut directives = BTreeMap::new();
    for directive in policy.split(';').map(str::trim).filter(|directive| !directive.is_empty()) {
        let mut words = directive.split_whitespace().map(str::to_owned);
        let name = words.next().unwrap();
        assert!(directives.insert(name, words.collect()).is_none(), "a directive is there twice: {policy}");
    }
    directives
}

fn policy(class: Class, media: &str) -> String {
    let portal = |img: &str, from: &str, frames: &str| {
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {img}; media-src {from}; font-src 'self'; \
             connect-src 'self'; frame-src {frames}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
        )
    };
    match class {
        Class::Portal => portal(&format!("blob: {media}"), &format!("'self' {media}"), "'self'"),
        Class::SignedOut => portal("", "'none'", "'none'"),
        Class::Api => "default-src 'none'; frame-ancestors 'none'; sandbox".to_owned(),
        Class::Asset => "default-src 'none'".to_owned(),
    }
}

const PERMISSIONS: [&str; 19] = [
    "accelerometer=()",
    "autoplay=()",
    "camera=()",
    "display-capture=()",
    "encrypted-media=()",
    "fullscreen=(self)",
    "geolocation=()",
    "gyroscope=()",
    "hid=()",
    "magnetometer=()",
    "microphone=()",
    "midi=()",
    "payment=()",
    "picture-in-picture=()",
    "publickey-credentials-get=(self)",
    "screen-wake-lock=()",
    "serial=()",
    "usb=()",
    "xr-spatial-tracking=()",
];

/// The headers of a class beside the policies.
fn expected(class: Class, status: u16) -> Vec<(&'static str, &'static str)> {
    let all = [
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-robots-tag", "noindex, nofollow"),
    ];
    let own: &[_] = match class {
        Class::Portal | Class::SignedOut => &[
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("origin-agent-cluster", "?1"),
            ("vary", "HX-Request, HX-Target, Cookie, Sec-Fetch-Site"),
        ],
        Class::Api => &[("cache-control", "no-store"), ("referrer-policy", "no-referrer")],
        Class::Asset if status == 200 => {
            &[("cache-control", "public, max-age=31536000, immutable"), ("vary", "Accept-Encoding")]
        }
        Class::Asset => &[],
    };
    all.into_iter().chain(own.iter().copied()).collect()
}

const NEVER: [&str; 6] = [
    "server",
    "x-powered-by",
    "x-xss-protection",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "content-encoding",
];

/// Fails with every header that is not exactly as the policy says.
#[track_caller]
fn assert_headers(what: &str, page: &Page, https: bool, media: &str) {
    let class = class_of(&page.path);
    let what = format!("{what} {} answered {} as {class:?}", page.path, page.status);
    for (name, value) in expected(class, page.status) {
        assert_eq!(page.header(name), value, "{what}: {name}");
    }
    assert_eq!(
        directives(page.header("content-security-policy")),
        directives(&policy(class, media)),
        "{what}: content-security-policy"
    );
    let permissions: Vec<&str> = page.header("permissions-policy").split(',').map(str::trim).collect();
    assert_eq!(permissions, PERMISSIONS, "{what}: permissions-policy");
    let transport = if https { "max-age=63072000; includeSubDomains" } else { "" };
    assert_eq!(page.header("strict-transport-security"), transport, "{what}: strict-transport-security");
    for name in NEVER {
        assert_eq!(page.header(name), "", "{what}: {name} is never sent");
    }
    assert_eq!(page.header("x-request-id").len(), 32, "{what}: x-request-id");
    assert!(page.body.is_empty() || !page.header("content-type").is_empty(), "{what}: content-type");
}

fn is_page(entry: &Entry) -> bool {
    !matches!(entry.door, Door::Api { .. })
}

#[tokio::test]
async fn every_page_carries_the_headers_of_its_kind_for_everybody() {
    let app = TestApp::start().await;
    let mut visitors = vec![("nobody".to_owned(), app.browser())];
    for role in Role::ALL {
        visitors.push((role.to_string(), app.sign_in(*role).await));
    }

    for (who, browser) in &visitors {
        for entry in routes::table().iter().filter(|entry| entry.path != "/logout") {
            let token = if entry.method.is_safe() { String::new() } else { browser.token().await };
            for by_htmx in [false, true] {
                let method = Method::from_bytes(entry.method.as_str().as_bytes()).unwrap();
                let mut request =
                    browser.request(method, &sample_address(entry)).header("Sec-Fetch-Site", "same-origin");
                if by_htmx {
                    request = request.header("HX-Request", "true").header("HX-Target", "main");
                }
                let page = browser.send(request.header("X-CSRF-Token", &token)).await;
                assert_headers(&format!("{who} {}", entry.method), &page, false, "");
            }
        }
    }
    app.run_due_jobs().await;
}

#[tokio::test]
async fn machine_clients_get_the_headers_of_the_api() {
    let app = TestApp::start().await;
    let clients = [
        app.add_key("Claims", &[]).await,
        app.add_token(Role::Admin).await,
        app.add_token(Role::Agent).await,
    ];

    for client in &clients {
        for entry in routes::table().iter().filter(|entry| !is_page(entry)) {
            let method = Method::from_bytes(entry.method.as_str().as_bytes()).unwrap();
            let page = client.send(client.request(method, &sample_address(entry))).await;
            assert_headers(entry.method.as_str(), &page, false, "");
        }
    }
}

#[tokio::test]
async fn refusals_and_faults_carry_the_headers_too() {
    let app = TestApp::start().await;
    let admin = app.sign_in(Role::Admin).await;
    let auditor = app.sign_in(Role::Auditor).await;
    app.add_person_with("broken@example.com", Role::Agent, "no hash at all").await;

    let answers = [
        ("nowhere", 404, admin.get("/nowhere").await),
        ("nowhere of the API", 404, admin.get("/api/v1/nowhere").await),
        ("no such file", 404, admin.get("/static/app.0000.css").await),
        ("no such method", 404, admin.send(admin.request(Method::PUT, "/login")).await),
        ("no key", 401, admin.get("/api/v1/endpoints").await),
        ("another role's page", 403, auditor.get("/endpoints/new").await),
        ("no token", 403, admin.send(admin.request(Method::POST, "/theme")).await),
        ("an unreadable value", 400, admin.post("/theme", &[("theme", "pink")]).await),
        ("an unreadable query", 400, admin.get("/login?next=1&next=2").await),
        ("a wrong password", 422, app.browser().sign_in("nobody@example.com", PASSWORD).await),
        ("a fault of ours", 500, app.browser().sign_in("broken@example.com", PASSWORD).await),
        ("an overlong form", 413, admin.post("/theme", &[("path", &"x".repeat(2_000_000))]).await),
    ];

    for (what, status, page) in answers {
        assert_eq!(page.status, status, "{what}: {}", page.text());
        assert_headers(what, &page, false, "");
    }
}

#[tokio::test]
async fn a_fault_of_ours_tells_its_number_and_nothing_else() {
    let app = TestApp::start().await;
    app.add_person_with("broken@example.com", Role::Agent, "no hash at all").await;

    let page = app.browser().sign_in("broken@example.com", PASSWORD).await.expect(500);

    page.assert_mentions("Something went wrong on our side").assert_mentions(page.header("x-request-id"));
    for word in ["hash", "argon", "Sql", "src/", ".rs", env!("CARGO_PKG_VERSION")] {
        assert!(!page.texts("body").join(" ").contains(word), "{word}");
    }
}

#[tokio::test]
async fn an_https_address_brings_strict_transport_and_host_cookies() {
    let settings = [
        ("MEDIAPORT_PUBLIC_URL", "https://hub.example"),
        ("MEDIAPORT_MEDIA_URL", "https://media.hub.example"),
    ];
    let app = TestApp::with(&settings).await;
    let email = app.add_person(Role::Admin).await;
    let browser = app.browser();

    let form = browser.get("/login").await;
    let answer = browser.sign_in(&email, PASSWORD).await.expect(303);
    let home = browser.get("/").await.expect(200);

    for page in [&form, &answer, &home] {
        assert_headers("https", page, true, "https://media.hub.example");
    }
    let bound = form.header("set-cookie");
    assert!(bound.starts_with("__Host-pre="), "{bound}");
    assert!(bound.contains("; Secure") && bound.contains("; SameSite=Strict"), "{bound}");
    let session = answer.header("set-cookie");
    let (pair, mut attributes): (&str, Vec<&str>) =
        (session.split(';').next().unwrap(), session.split(';').skip(1).map(str::trim).collect());
    attributes.sort_unstable();
    assert!(pair.starts_with("__Host-sid="), "{pair}");
    assert_eq!(
        attributes,
        ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"],
        "no Domain, no end that a browser keeps"
    );
}

/// One way to send a write that no page of ours sends.
struct Forgery {
    name: &'static str,
    origin: Option<&'static str>,
    site: Option<&'static str>,
    token: Token,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Own,
    OfAnotherSession,
    Missing,
}

const OURS: &str = "(ours)";

const FORGERIES: [Forgery; 10] = [
    Forgery { name: "no token", origin: Some(OURS), site: Some("same-origin"), token: Token::Missing },
    Forgery {
        name: "another session's token",
        origin: Some(OURS),
        site: Some("same-origin"),
        token: Token::OfAnotherSession,
    },
    Forgery { name: "another origin", origin: Some("https://evil.example"), site: None, token: Token::Own },
    Forgery {
        name: "another origin that calls itself ours",
        origin: Some("https://evil.example"),
        site: Some("same-origin"),
        token: Token::Own,
    },
    Forgery { name: "origin null", origin: Some("null"), site: None, token: Token::Own },
    Forgery { name: "another port", origin: Some("http://127.0.0.1:1"), site: None, token: Token::Own },
    Forgery { name: "no word of where it comes from", origin: None, site: None, token: Token::Own },
    Forgery { name: "cross-site", origin: Some(OURS), site: Some("cross-site"), token: Token::Own },
    Forgery { name: "same-site", origin: Some(OURS), site: Some("same-site"), token: Token::Own },
    Forgery { name: "site none", origin: Some(OURS), site: Some("none"), token: Token::Own },
];

async fn forge(browser: &Browser, path: &str, forgery: &Forgery, own: &str, others: &str) -> Page {
    let mut request =
        browser.request(Method::POST, path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(origin) = forgery.origin {
        request = request.header(ORIGIN, if origin == OURS { &browser.origin } else { origin });
    }
    if let Some(site) = forgery.site {
        request = request.header("Sec-Fetch-Site", site);
    }
    let body = match forgery.token {
        Token::Own => format!("_token={own}"),
        Token::OfAnotherSession => format!("_token={others}"),
        Token::Missing => String::new(),
    };
    browser.send(request.body(body)).await
}

#[tokio::test]
async fn no_write_passes_that_no_page_of_ours_sent() {
    let app = TestApp::start().await;
    let (admin, other) = (app.sign_in(Role::Admin).await, app.sign_in(Role::Admin).await);
    let (own, others) = (admin.token().await, other.token().await);
    let before = app.dump().await;

    for entry in routes::table().iter().filter(|entry| is_page(entry) && !entry.method.is_safe()) {
        assert_eq!(entry.method.as_str(), "POST", "{}: forms know no other unsafe method", entry.path);
        for forgery in &FORGERIES {
            let page = forge(&admin, &sample_address(entry), forgery, &own, &others).await;
            assert_eq!(page.status, 403, "{} with {}", entry.path, forgery.name);
            assert!(page.headers.get("set-cookie").is_none(), "{} with {}", entry.path, forgery.name);
        }
    }

    assert_eq!(app.dump().await, before, "nothing changed");
    let honest = Forgery { name: "honest", origin: Some(OURS), site: Some("same-origin"), token: Token::Own };
    let older = Forgery { name: "an older browser", origin: Some(OURS), site: None, token: Token::Own };
    for forgery in [honest, older] {
        assert_eq!(
            forge(&admin, "/theme", &forgery, &own, &others).await.status,
            400,
            "{} passes",
            forgery.name
        );
    }
}

#[tokio::test]
async fn forms_of_signed_out_visitors_are_bound_to_their_browser() {
    let app = TestApp::start().await;
    let email = app.add_person(Role::Admin).await;
    let (victim, attacker) = (app.browser(), app.browser());
    let form = attacker.get("/login").await.form("form").fill("email", &email).fill("password", PASSWORD);
    victim.get("/login").await;
    let before = app.dump().await;

    let with_a_foreign_token = victim.submit(&form).await;
    let without_cookie = app.browser().submit(&form).await;
    let request = attacker.request(Method::POST, "/login").header(ORIGIN, &attacker.origin);
    let with_emptied_cookie = attacker.send(request.header(COOKIE, "pre=").header("X-CSRF-Token", "")).await;

    for page in [with_a_foreign_token, without_cookie, with_emptied_cookie] {
        assert_eq!(page.status, 403);
    }
    assert_eq!(app.dump().await, before, "nothing changed");
    assert_eq!(attacker.submit(&form).await.status, 303, "the form itself is good");
}
