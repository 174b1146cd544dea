//! Nobody is led away from our origin: not by where a visitor wants to go next, and not by the name they came by.

use mediaport::platform::web::Role;
use reqwest::Method;
use reqwest::header::HOST;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::support::{Browser, PASSWORD, Page, TestApp};

/// What people are sent to when somebody else writes the address of a page of ours.
const PAYLOADS: [&str; 50] = [
    "https://evil.host",
    "https://evil.host/",
    "HTTPS://evil.host/",
    "http:evil.host",
    "https:evil.host",
    "http:/evil.host",
    "https:/\\evil.host",
    "https:///evil.host",
    "//evil.host",
    "///evil.host",
    "////evil.host/x",
    "//evil.host/endpoints",
    "/\\evil.host",
    "\\/evil.host",
    "\\\\evil.host",
    "/\\/evil.host",
    "/\t/evil.host",
    "/\n/evil.host",
    "/\r/evil.host",
    "/\u{0}/evil.host",
    "\t//evil.host",
    " //evil.host",
    "\u{1}https://evil.host",
    "java\tscript:alert(1)",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://evil.host/x",
    "//evil%2ehost",
    "/%2f/evil.host",
    "//evil。host",
    "//⑊evil.host",
    "／／evil.host",
    "/／evil.host",
    "https://ours@evil.host/",
    "//ours:80@evil.host/",
    "@evil.host",
    ".evil.host",
    "/.//evil.host",
    "/..//evil.host",
    "./../..//evil.host",
    "?//evil.host",
    "#//evil.host",
    "/endpoints\r\nLocation: https://evil.host",
    "/endpoints\r\nHX-Redirect: https://evil.host",
    "/endpoints\r\n\r\n<script>alert(1)</script>",
    "//[::ffff:6.6.6.6]/",
    "//101058054/",
];

/// The headers by which an answer moves a browser, with htmx or without.
const MOVING: [&str; 7] = [
    "location",
    "refresh",
    "content-location",
    "hx-redirect",
    "hx-location",
    "hx-push-url",
    "hx-replace-url",
];

/// Fails when a browser that reads an answer would leave for another origin.
#[track_caller]
fn assert_stays(page: &Page, origin: &Url, what: &str) {
    for name in MOVING {
        for value in page.headers.get_all(name) {
            let to =
                origin.join(value.to_str().unwrap()).unwrap_or_else(|_| panic!("{what}: {name} {value:?}"));
            assert_eq!(to.origin(), origin.origin(), "{what}: {name}: {value:?}");
        }
    }
    let text = page.text();
    for attribute in ["href", "src", "action", "formaction", "hx-get", "hx-post", "content"] {
        for start in ["https://evil", "//evil", "javascript:", "\\evil"] {
            assert!(!text.contains(&format!("{attribute}=\"{start}")), "{what}: {attribute} {start}");
        }
    }
}

/// One visit of a page: who, where, with which fields of a form, and what a browser without htmx is answered.
struct Step<'a> {
    browser: &'a Browser,
    path: &'a str,
    fields: Option<&'a [(&'a str, &'a str)]>,
    status: u16,
}

impl Step<'_> {
    async fn take(&self, by_htmx: bool) -> Page {
        let request = match self.fields {
            None => self.browser.request(Method::GET, self.path),
            Some(fields) => {
                let token = self.browser.token().await;
                let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                let request = self.browser.request(Method::POST, self.path);
                let request = request.header("Origin", &self.browser.origin).header("X-CSRF-Token", token);
                request.header("Content-Type", "application/x-www-form-urlencoded").body(body)
            }
        };
        let request = request.header("Sec-Fetch-Site", "same-origin");
        let request = if by_htmx {
            request.header("HX-Request", "true").header("HX-Current-URL", "https://evil.host/")
        } else {
            request
        };
        self.browser.send(request).await
    }
}

#[tokio::test]
async fn nobody_is_sent_away_from_our_origin() {
    let app = TestApp::start().await;
    let email = app.add_person(Role::Admin).await;
    let inside = app.sign_in(Role::Admin).await;
    let origin: Url = inside.origin.parse().unwrap();
    let mut answers = 0;

    for (payload, by_htmx) in PAYLOADS.into_iter().flat_map(|payload| [(payload, false), (payload, true)]) {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("next", payload).finish();
        let login = format!("/login?{query}");
        let right = [("email", email.as_str()), ("password", PASSWORD), ("next", payload)];
        let wrong = [("email", email.as_str()), ("password", "wrong"), ("next", payload)];
        let theme = [("theme", "dark"), ("path", payload), ("next", payload)];
        let outside = app.browser();
        let step = |browser, path, fields, status| Step { browser, path, fields, status };
        let steps = [
            step(&outside, login.as_str(), None, 200),
            step(&inside, &login, None, 303),
            step(&outside, "/login", Some(&wrong[..]), 422),
            step(&outside, "/login", Some(&right), 303),
            step(&outside, "/theme", Some(&theme), 303),
            step(&outside, "/logout", Some(&theme), 303),
        ];
        for step in steps {
            let page = step.take(by_htmx).await;
            let what = format!("{payload:?} at {} by htmx: {by_htmx}", step.path);
            let moves_by_htmx = by_htmx && step.status == 303;
            assert_eq!(page.status, if moves_by_htmx { 200 } else { step.status }, "{what}");
            assert_eq!(page.headers.contains_key("hx-redirect"), moves_by_htmx, "{what}");
            assert_stays(&page, &origin, &what);
            answers += 1;
        }
    }
    println!("W16: {} payloads, {answers} answers, 0 leave", PAYLOADS.len());
}

#[tokio::test]
async fn pages_of_ours_are_followed() {
    let app = TestApp::start().await;
    let inside = app.sign_in(Role::Admin).await;

    let page = inside.get("/login?next=%2Fendpoints%3Ftype%3Ds3").await.expect(303);

    assert_eq!(page.header("location"), "/endpoints?type=s3");
}

/// Sends a request as it stands and gives the whole answer.
async fn raw(app: &TestApp, request: &str) -> String {
    let address = app.address();
    #[expect(clippy::disallowed_methods, reason = "no client writes what is asked here")]
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn names_that_are_not_ours_are_answered_421() {
    let app = TestApp::with(&[("MEDIAPORT_WEB__HOSTS", "hub.internal, Other.internal")]).await;
    let invitation = app.invite("new@example.com", Role::Agent).await;
    for path in [
        "/",
        "/login",
        &invitation,
        "/endpoints",
        "/api/v1/endpoints",
        "/healthz",
        "/static/none.css",
        "/nowhere",
    ] {
        for head in [
            format!("GET {path} HTTP/1.1\r\nHost: evil.host"),
            format!("GET {path} HTTP/1.1\r\nHost: evil.host:8080"),
            format!("GET {path} HTTP/1.1\r\nHost: localhost.evil.host"),
            format!("GET {path} HTTP/1.1\r\nHost: localhost@evil.host"),
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1.evil.host"),
            format!("GET http://evil.host{path} HTTP/1.1\r\nHost: localhost"),
            format!(
                "POST {path} HTTP/1.1\r\nHost: evil.host\r\nOrigin: http://evil.host\r\nContent-Length: 0"
            ),
        ] {
            let answer = raw(&app, &format!("{head}\r\nConnection: close\r\n\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 421"), "{head}: {answer}");
            assert!(!answer.contains("evil"), "{head}: {answer}");
            assert!(!answer.to_lowercase().contains("domain="), "{head}: {answer}");
        }
    }
    for host in [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1:1",
        "[::1]:1",
        "10.1.2.3",
        "hub.internal",
        "other.INTERNAL:80",
    ] {
        let answer =
            raw(&app, &format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
    }
}

#[tokio::test]
async fn no_answer_repeats_where_a_request_says_that_it_was_sent() {
    let app = TestApp::start().await;
    let admin = app.sign_in(Role::Admin).await;
    let invitation = app.invite("new@example.com", Role::Agent).await;
    let names = [
        ("x-forwarded-host", "evil.host"),
        ("x-forwarded-server", "evil.host"),
        ("x-host", "evil.host"),
        ("x-original-host", "evil.host"),
        ("x-forwarded-proto", "evil"),
        ("x-original-url", "//evil.host/"),
        ("x-rewrite-url", "//evil.host/"),
        ("forwarded", "for=6.6.6.6;host=evil.host;proto=https"),
        ("referer", "https://evil.host/"),
        ("hx-current-url", "https://evil.host/"),
    ];
    for path in
        ["/", "/login", "/endpoints", invitation.as_str(), "/api/docs", "/api/v1/openapi.json", "/nowhere"]
    {
        for browser in [&admin, &app.browser()] {
            for (name, value) in names {
                let page = browser.send(browser.request(Method::GET, path).header(name, value)).await;
                let said = format!("{:?} {}", page.headers, page.text());
                assert!(!said.contains("evil"), "{path} {name}: {said}");
            }
        }
    }
    let refused = admin.send(admin.request(Method::GET, "/login").header(HOST, "evil.host")).await;
    assert_eq!(refused.status, 421);
}
