//! Files inside a JSON object.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::{Desk, PNG, sha256};

#[tokio::test]
async fn a_file_inside_json_is_the_same_file() {
    let desk = Desk::open().await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at.wrapping_mul(at) >> 5).to_le_bytes()[0]).collect();
    let encoded = BASE64_STANDARD.encode(&bytes);
    let raw =
        desk.client.upload(&desk.conversation, &[("kind", "attachment")], &bytes).await.expect(201).json();
    assert_eq!(raw["sha256"], sha256(&bytes));

    // As PHP, Gson and .NET write it, with the value first, in the middle and last.
    let documents = [
        json!({"kind": "attachment", "data_base64": encoded}).to_string(),
        format!(r#"{{"data_base64":"{}","kind":"attachment"}}"#, encoded.replace('/', "\\/")),
        format!(r#"{{"kind":"attachment","data_base64":"{}"}}"#, encoded.replace('=', "\\u003d")),
        format!(
            r#"{{ "note": "x", "data_base64" : "{}", "kind":"attachment", "url": null }}"#,
            encoded.replace('+', "\\u002B")
        ),
    ];
    for (document, piece) in documents.iter().zip([usize::MAX, 1000, 65_537, 333]) {
        let media = desk.client.upload_json(&desk.conversation, document, piece).await.expect(201).json();

        assert_eq!((&media["sha256"], &media["size"]), (&raw["sha256"], &raw["size"]));
        assert_eq!(desk.content(&media).await, bytes);
    }
}

#[tokio::test]
async fn what_stands_beside_the_file_is_kept() {
    let desk = Desk::open().await;
    let png = BASE64_STANDARD.decode(PNG).unwrap();
    let media = desk
        .hand_in(&json!({
            "kind": "picture", "file_name": "roof.png", "mime_type": "image/jpeg", "data_base64": PNG,
            "captured_at": "2026-03-01T12:30:00Z", "latitude": 52.52, "longitude": -13.5, "origin": "camera",
            "note": "Ridge", "size": png.len(), "sha256": sha256(&png).to_uppercase(),
        }))
        .await
        .expect(201)
        .json();

    assert_eq!(media["mime_type"], "image/png", "what the content says wins");
    assert_eq!((&media["file_name"], &media["state"]), (&json!("roof.png"), &json!("stored")));
    let rows = desk.rows().await;
    let row = rows.iter().find(|row| row.starts_with("media:")).unwrap();
    assert!(
        [" | 52.52 | -13.5 | ", " | camera", " | Ridge | "].iter().all(|value| row.contains(value)),
        "{row}"
    );
}

#[tokio::test]
async fn what_is_no_base64_or_another_file_leaves_nothing() {
    let desk = Desk::open().await;
    let before = desk.rows().await;
    let encoded = BASE64_STANDARD.encode(vec![0xfb; 200_000]);
    let with = |value: &str| format!(r#"{{"kind":"fax","data_base64":"{value}"}}"#);
    let middle = |letter: &str| with(&format!("{}{letter}{}", &encoded[..100_000], &encoded[100_001..]));
    let eight_mib = "A".repeat(8 * 1024 * 1024);
    for (name, document, status, code) in [
        ("no padding", with(encoded.trim_end_matches('=')), 400, "bad_base64"),
        ("too much padding", with(&format!("{encoded}=")), 400, "bad_base64"),
        ("spare bits", with(&format!("{}t=", encoded.trim_end_matches("s="))), 400, "bad_base64"),
        ("an escaped newline", middle("\\n"), 400, "bad_base64"),
        ("a newline", middle("\n"), 400, "bad_base64"),
        ("a letter for addresses", middle("-"), 400, "bad_base64"),
        ("another letter for addresses", middle("_"), 400, "bad_base64"),
        ("padding inside", middle("="), 400, "bad_base64"),
        ("a cut document", with(&encoded)[..150_000].to_owned(), 400, "malformed"),
        ("two values", with(&encoded).replace("\"kind\":\"fax\"", "\"data_base64\":\"\""), 400, "malformed"),
        ("an escaped name", with(&encoded).replace("data_base64", "data\\u005fbase64"), 400, "malformed"),
        ("a list of values", json!({"kind": "fax", "data_base64": ["aGk="]}).to_string(), 400, "malformed"),
        ("a number", json!({"kind": "fax", "data_base64": 7}).to_string(), 400, "malformed"),
        ("a list", format!("[{}]", with(&encoded)), 400, "malformed"),
        ("too much", with(&eight_mib), 413, "too_large"),
        ("too much beside it", json!({"note": eight_mib, "kind": "fax"}).to_string(), 413, "too_large"),
        (
            "another size",
            json!({"kind": "fax", "data_base64": encoded, "size": 200_001}).to_string(),
            400,
            "mismatch",
        ),
        (
            "another hash",
            json!({"kind": "fax", "data_base64": encoded, "sha256": sha256(b"")}).to_string(),
            400,
            "mismatch",
        ),
        (
            "a member that is misspelt",
            with(&encoded).replace("fax\"", "fax\",\"capturedAt\":1"),
            422,
            "invalid",
        ),
        ("no kind", with(&encoded).replace("kind", "note"), 422, "invalid"),
        ("no picture", with(&encoded).replace("fax", "picture"), 422, "invalid"),
        ("no file", json!({"kind": "fax", "data_base64": null}).to_string(), 422, "invalid"),
    ] {
        for piece in [usize::MAX, 999] {
            let refused = desk.client.upload_json(&desk.conversation, &document, piece).await;

            assert_eq!(refused.status, status, "{name}: {}", refused.text());
            assert_eq!(refused.json()["code"], code, "{name}: {}", refused.text());
        }
    }
    desk.nothing_is_left().await;
    assert_eq!(desk.rows().await, before);
}

#[tokio::test]
async fn a_body_that_cannot_be_right_is_refused_before_it_is_read() {
    let desk = Desk::open().await;
    let path = format!("/api/v1/conversations/{}/media", desk.conversation);
    let request =
        desk.client.request(reqwest::Method::POST, &path).header("Content-Type", "application/json");
    let nothing = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();

    let body = reqwest::Body::wrap_stream(nothing);
    let refused =
        desk.client.send(request.header("Content-Length", "5000000000").body(body)).await.expect(413);

    assert_eq!(refused.json()["code"], "too_large");
}

#[tokio::test]
async fn every_encoding_can_say_what_the_bytes_must_be() {
    let desk = Desk::open().await;
    let (right, wrong) = (sha256(b"%PDF-1.7"), sha256(b"%PDF-1.8"));
    for (size, sha256, status) in
        [("8", &right, 201), ("9", &right, 400), ("8", &wrong, 400), ("8", &String::new(), 201)]
    {
        let about = [("kind", "fax"), ("size", size), ("sha256", sha256)];
        desk.client.upload(&desk.conversation, &about, b"%PDF-1.7").await.expect(status);
        let fields: Vec<_> = about.iter().map(|(name, value)| part(name, value)).collect();
        let body = format!("{}{}--x--\r\n", fields.concat(), part("file\"; filename=\"a.pdf", "%PDF-1.7"));
        let path = format!("/api/v1/conversations/{}/media", desk.conversation);
        let request = desk.client.request(reqwest::Method::POST, &path);
        let request = request.header("Content-Type", "multipart/form-data; boundary=x").body(body);
        desk.client.send(request).await.expect(status);
    }
}

fn part(name: &str, value: &str) -> String {
    format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}
