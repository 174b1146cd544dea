//! File names as customers, phones and attackers send them: every file can be fetched under a harmless name.

use std::collections::BTreeMap;

use mediaport::features::apps::Scope;

use crate::support::{ApiClient, TestApp};

/// Names up to the longest that is taken; `{255}` stands for as many letters.
const NAMES: [&str; 64] = [
    "photo.jpg",
    "Photo 1.JPG",
    " ",
    ".",
    "..",
    "...",
    "/",
    "\\",
    "-",
    "--",
    "-rf",
    "--help.txt",
    "~root",
    ".htaccess",
    "..htpasswd",
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "C:\\a\\b.txt",
    "\\\\host\\share\\x.doc",
    "a/b/c.png",
    "CON",
    "con.txt",
    "NUL.tar.gz",
    "COM1",
    "LPT9.pdf",
    "AUX",
    "PRN.",
    "a\".html",
    "a\"; filename=\"x.html",
    "a;b.txt",
    "a,b.txt",
    "100%.txt",
    "%2e%2e%2fx",
    "a\r\nSet-Cookie: x=1.txt",
    "a\nb",
    "a\tb",
    "a\0b.jpg",
    "\u{1b}[31mred",
    "a\u{85}b",
    "invoice\u{202e}fdp.exe",
    "\u{2066}x\u{2069}.pdf",
    "\u{200f}שלום.txt",
    "a\u{feff}b.png",
    "line\u{2028}break.txt",
    "trailing.",
    "trailing. . ",
    "trailing ",
    "  leading",
    "Größe.jpg",
    "Gro\u{308}ße.jpg",
    "写真.jpg",
    "📷.jpg",
    "👨\u{200d}👩\u{200d}👧.png",
    "фото от клиента.jpeg",
    "صورة.jpg",
    "no_extension",
    "x.ä",
    "`id`.txt",
    "$(reboot).txt",
    "file::$DATA",
    "=1+1.csv",
    "Sun'><img src=x onerror=alert(1)>.jpg",
    "{n}",
    "{ü}",
];

fn name(text: &str) -> String {
    match text {
        "{n}" => "n".repeat(251) + ".jpg",
        "{ü}" => "ü".repeat(255),
        other => other.to_owned(),
    }
}

fn is_harmless(text: &str) -> bool {
    let is_bad = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    !text.chars().any(is_bad)
}

/// Parses a `Content-Disposition` header as RFC 6266 writes it: its type, then parameters, each once.
fn parse(header: &str) -> (String, BTreeMap<String, String>) {
    let is_token = |text: &str| {
        let special = "!#$%&'*+-.^_`|~";
        !text.is_empty()
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || special.contains(letter))
    };
    let (kind, mut rest) = header.split_once(';').unwrap();
    assert!(is_token(kind), "{header}");
    let mut parameters = BTreeMap::new();
    while !rest.is_empty() {
        let (name, value) = rest.trim_start().split_once('=').unwrap();
        assert!(is_token(name), "{header}");
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap(),
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        assert!(!value.contains('\\'), "nothing needs escaping: {header}");
        rest = after.strip_prefix(';').unwrap_or(after);
        assert!(after.is_empty() || after.starts_with(';'), "{header}");
        assert!(
            parameters.insert(name.to_owned(), value.to_owned()).is_none(),
            "{name} comes twice: {header}"
        );
    }
    (kind.to_owned(), parameters)
}

async fn client(app: &TestApp) -> (ApiClient, String) {
    let client = app.add_key("Claims", Scope::ALL).await;
    let use_case = app.add_use_case("Claims").await;
    let conversation = client.open_conversation(&use_case).await;
    (client, conversation)
}

#[tokio::test]
async fn every_file_can_be_fetched_whatever_it_is_called() {
    let app = TestApp::start().await;
    let (client, conversation) = client(&app).await;

    for original in NAMES.map(name) {
        let about = [("kind", "attachment"), ("file_name", original.as_str())];
        let media =
            client.upload(&conversation, &about, b"%PDF-1.7 a harmless file").await.expect(201).json();
        let path = format!("/api/v1/media/{}", media["id"].as_str().unwrap());
        let content = client.get(&format!("{path}/content")).await;
        let shown = client.get(&path).await.expect(200).json();

        assert_eq!(content.status, 200, "{original:?}");
        let (kind, parameters) = parse(content.header("content-disposition"));
        assert_eq!(kind, "attachment", "{original:?}");
        let plain = &parameters["filename"];
        assert!(!plain.is_empty() && plain.is_ascii() && is_harmless(plain), "{original:?}: {plain:?}");
        let full = parameters["filename*"].strip_prefix("UTF-8''").unwrap();
        let full = percent_encoding::percent_decode_str(full).decode_utf8().unwrap();
        assert!(!full.is_empty() && is_harmless(&full), "{original:?}: {full:?}");
        assert!(!full.contains(['/', '\\', ':']) && !full.starts_with('.'), "{original:?}: {full:?}");
        let stored = shown["file_name"].as_str().unwrap();
        assert!(is_harmless(stored), "{original:?}: {stored:?}");
        let kept = original.trim();
        assert!(
            !is_harmless(kept) || kept.is_empty() || stored == kept,
            "{original:?} is kept, not {stored:?}"
        );
    }
    app.run_due_jobs().await;
}

#[tokio::test]
async fn a_name_that_is_too_long_is_refused_and_a_missing_one_is_made_up() {
    let app = TestApp::start().await;
    let (client, conversation) = client(&app).await;

    let long = "n".repeat(1_000);
    let refused = client.upload(&conversation, &[("kind", "attachment"), ("file_name", &long)], b"x").await;
    let nameless =
        client.upload(&conversation, &[("kind", "attachment")], b"%PDF-1.7").await.expect(201).json();

    assert_eq!(refused.status, 422);
    assert!(refused.json()["errors"]["file_name"][0].as_str().unwrap().contains("255"));
    assert_eq!(nameless["file_name"], "attachment.pdf");
    app.run_due_jobs().await;
}
