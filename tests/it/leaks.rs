//! Secrets and what customers send stay where they belong: not in the log, not in other tables, not on pages.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use mediaport::platform::db::{Db, Location};
use mediaport::platform::secret::Secret;
use mediaport::platform::tasks::Tasks;
use reqwest::header::SET_COOKIE;
use serde_json::json;
use uuid::Uuid;

use crate::support::{ApiClient, Browser, Page, Process, TestDatabase, dump, fresh_bucket, peer};

/// Gives every spelling in which a value could have been written down.
fn spellings(value: &str) -> Vec<String> {
    let mut all = vec![
        value.to_owned(),
        hex::encode(value),
        hex::encode_upper(value),
        percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string(),
        url::form_urlencoded::byte_serialize(value.as_bytes()).collect(),
    ];
    // Base64 of a text depends on where in a larger text it stands; the letters at its edges mix with their neighbours.
    for before in 0..3 {
        let shifted = [" ".repeat(before).as_str(), value].concat();
        for encoded in [BASE64_STANDARD_NO_PAD.encode(&shifted), BASE64_URL_SAFE_NO_PAD.encode(&shifted)] {
            all.push(encoded[4..encoded.len() - 3].to_owned());
        }
    }
    all
}

/// Things that were written down somewhere, by name.
#[derive(Default)]
struct Written(Vec<(String, String)>);

impl Written {
    fn add(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.push((place.into(), text.into()));
    }

    fn add_page(&mut self, page: &Page) {
        // Byte by byte, so that a file is searched like a text.
        let body: String = page.body.iter().map(|byte| char::from(*byte)).collect();
        let mut headers = page.headers.clone();
        headers.remove(SET_COOKIE); // where a session key belongs
        self.add(format!("the answer of {}", page.path), format!("{headers:?}\n{body}"));
    }

    /// Names the places that hold a value in any spelling, apart from those where it belongs.
    fn holding(&self, value: &str, belongs: impl Fn(&str) -> bool) -> Vec<&str> {
        let spellings = spellings(value);
        let places = self.0.iter().filter(|(place, _)| !belongs(place));
        let holding = places.filter(|(_, text)| spellings.iter().any(|spelling| text.contains(spelling)));
        holding.map(|(place, _)| place.as_str()).collect()
    }
}

/// A value that occurs nowhere by chance, of letters that no cleaning of names and no encoding of addresses changes.
fn canary(name: &str) -> String {
    format!("{name}{}", Uuid::new_v4().simple())
}

/// What customers said and showed.
struct Personal {
    customer: String,
    attribute: String,
    note: String,
    file_name: String,
    bytes: String,
}

/// Sets an installation up and uses it, and gives the secrets that were in play.
async fn use_everything(
    process: &Process,
    personal: &Personal,
    written: &mut Written,
) -> BTreeMap<&'static str, String> {
    let mut secrets = BTreeMap::new();
    let browser = Browser::new(process.address.clone(), process.address.clone());
    let link = process.greeting.split(&process.address).nth(2).unwrap().trim().to_owned();
    secrets.insert("set-up code", link.trim_start_matches("/setup/").to_owned());
    secrets.insert("password", canary("pass"));
    let form = browser.get(&link).await.expect(200).form("form");
    let form =
        form.fill("name", "Ada").fill("email", "ada@example.com").fill("password", &secrets["password"]);
    secrets.insert("form token of a visitor", form.value("_token"));
    written.add_page(&browser.submit(&form).await.expect(303));
    let cookie = browser.cookie("sid").unwrap();
    secrets.insert("session key", cookie[cookie.len() - 43..].to_owned());
    secrets.insert("form token of a session", browser.token().await);
    secrets.insert("wrong password", canary("wrong"));
    let wrong = [("email", "ada@example.com"), ("password", &secrets["wrong password"])];
    written.add_page(&browser.post("/login", &wrong).await.expect(422));

    secrets.insert("personal token", process.beside(&["token", "add", "--user", "ada@example.com"]));
    process.beside(&["app", "add", "Claims"]);
    secrets.insert("key", process.beside(&["key", "add", "--app", "Claims"]));
    let (token, app) = (client(process, &secrets["personal token"]), client(process, &secrets["key"]));
    add_keys(&token, &mut secrets, written).await;
    let endpoint = add_endpoints(&browser, &token, &mut secrets, written).await;
    let use_case = json!({"name": "Claims", "pictures": [], "recordings": [], "other": [endpoint]});
    let use_case = token.post("/api/v1/use-cases", &use_case).await.expect(201).json()["id"].clone();

    let opened = json!({
        "use_case": use_case, "external_id": "case-1", "customer": personal.customer,
        "attributes": {"said": personal.attribute},
    });
    let conversation = app.post("/api/v1/conversations", &opened).await.expect(201);
    let id = conversation.json()["id"].as_str().unwrap().to_owned();
    let about = [("kind", "attachment"), ("file_name", &personal.file_name), ("note", &personal.note)];
    let media = app.upload(&id, &about, personal.bytes.as_bytes()).await.expect(201);
    let path = format!("/api/v1/media/{}", media.json()["id"].as_str().unwrap());
    for page in [&conversation, &media, &app.get(&path).await, &app.get(&format!("{path}/content")).await] {
        written.add_page(page);
    }
    wait_for_delivery(&token, written).await;
    order_files(&app, &id, &mut secrets, written).await;
    for path in
        ["/", "/endpoints", &format!("/endpoints/{endpoint}"), "/use-cases", "/deliveries", "/no/where"]
    {
        written.add_page(&browser.get(path).await);
    }
    let own = format!("endpoints/{endpoint}");
    for path in
        ["endpoints", "use-cases", "deliveries", "apps", "tokens", "audit", "audit/verification", &own]
    {
        written.add_page(&token.get(&format!("/api/v1/{path}")).await.expect(200));
    }
    written.add_page(&browser.sign_out().await);
    secrets
}

/// Orders files from addresses that carry signatures: one that is there, one that is not, one that may not be asked.
async fn order_files(
    app: &ApiClient,
    conversation: &str,
    secrets: &mut BTreeMap<&'static str, String>,
    written: &mut Written,
) {
    let hand_in = format!("/api/v1/conversations/{conversation}/media");
    let (sink, file) = (peer("TEST_SINK_HTTP"), canary("sink"));
    let path = std::path::Path::new(&peer("TEST_SINK_FILES")).join(&file);
    std::fs::write(&path, "a file that is there").unwrap();
    for (name, url, status) in [
        ("signature of a file that came", format!("{sink}/files/{file}?signature="), 202),
        ("signature of a file that failed", format!("{sink}/files/none?signature="), 202),
        ("signature of a file that waits", format!("{sink}/500?signature="), 202),
        ("signature of a file that may not be asked", "https://169.254.169.254/x?signature=".to_owned(), 422),
    ] {
        let signature = secrets.entry(name).or_insert_with(|| canary("signature"));
        let order = json!({"kind": "fax", "url": format!("{url}{signature}")});
        let ordered = app.post(&hand_in, &order).await.expect(status);
        written.add_page(&ordered);
        for _ in 0..500 {
            let Some(id) = ordered.json()["id"].as_str().map(str::to_owned) else { break };
            let media = app.get(&format!("/api/v1/media/{id}")).await.expect(200);
            let is_over = media.json()["state"] != "fetching";
            written.add_page(&media);
            if is_over || name.ends_with("waits") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    std::fs::remove_file(path).unwrap();
}

fn client(process: &Process, key: &str) -> ApiClient {
    ApiClient::new(process.address.clone(), key)
}

/// Has a key and a token made over the HTTP API, whose answers alone hold them, and are kept for a repetition.
async fn add_keys(token: &ApiClient, secrets: &mut BTreeMap<&'static str, String>, written: &mut Written) {
    let apps = token.get("/api/v1/apps").await.expect(200);
    let keys = format!("/api/v1/apps/{}/keys", apps.json()["items"][0]["id"].as_str().unwrap());
    for (path, field, name) in [
        (keys.as_str(), "key", "key made over the API"),
        ("/api/v1/tokens", "token", "token made over the API"),
    ] {
        let made = token.post_once(path, &json!({}), field).await.expect(201).json();
        let again = token.post_once(path, &json!({}), field).await.expect(201).json();
        assert_eq!(made, again);
        secrets.insert(name, made[field].as_str().unwrap().to_owned());
        written.add_page(&token.get(path).await.expect(200));
        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        written.add_page(&token.delete(&one).await.expect(204));
    }
}

/// Adds an endpoint that works, and tries one whose secret is wrong over every way in.
async fn add_endpoints(
    browser: &Browser,
    token: &ApiClient,
    secrets: &mut BTreeMap<&'static str, String>,
    written: &mut Written,
) -> String {
    let mut fields = fresh_bucket().await;
    fields.push(("name", "Bucket".to_owned()));
    secrets.insert(
        "endpoint secret",
        fields.iter().find(|field| field.0 == "secret_access_key").unwrap().1.clone(),
    );
    let object = |fields: &[(&str, String)]| {
        let object: serde_json::Map<_, _> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
        serde_json::Value::Object(object)
    };
    let added = token.post("/api/v1/endpoints", &object(&fields)).await.expect(201);
    written.add_page(&added);

    secrets.insert("refused endpoint secret", canary("secret"));
    fields.retain(|(name, _)| *name != "secret_access_key" && *name != "name");
    fields.push(("secret_access_key", secrets["refused endpoint secret"].clone()));
    fields.push(("name", "Other".to_owned()));
    written.add_page(&token.post("/api/v1/endpoints", &object(&fields)).await.expect(422));
    let typed: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    written.add_page(&browser.post("/endpoints", &typed).await);
    written.add_page(&browser.post("/endpoints/fields", &typed).await);
    added.json()["id"].as_str().unwrap().to_owned()
}

/// Asks until the file has arrived; the process works by itself.
async fn wait_for_delivery(token: &ApiClient, written: &mut Written) {
    for _ in 0..500 {
        let list = token.get("/api/v1/deliveries").await.expect(200);
        if list.json()["items"][0]["state"] == "delivered" {
            return written.add_page(&list);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the file does not arrive: {}", token.get("/api/v1/deliveries").await.text());
}

async fn rows(folder: &std::path::Path, database: &TestDatabase) -> Vec<String> {
    let location = match database {
        TestDatabase::File => Location::File(folder.join("data/mediaport.db")),
        TestDatabase::Server { url, .. } => Location::Server(Secret::from(url.as_str())),
    };
    dump(&Db::open(&location, &Tasks::default()).await.unwrap()).await
}

#[tokio::test]
async fn secrets_are_written_nowhere_and_personal_data_only_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::create().await;
    let personal = Personal {
        customer: canary("customer"),
        attribute: canary("attribute"),
        note: canary("note"),
        file_name: canary("file"),
        bytes: canary("bytes"),
    };
    let mut written = Written::default();
    let process = Process::start(folder.path(), &database);

    let secrets = use_everything(&process, &personal, &mut written).await;
    drop(process);

    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("DEBUG") && log.contains("answered"), "the log says all that it can say");
    written.add("the log", log);
    for row in rows(folder.path(), &database).await {
        let table = row.split(':').next().unwrap().to_owned();
        written.add(format!("the table {table}"), row);
    }
    if let TestDatabase::File = database {
        for name in ["mediaport.db", "mediaport.db-wal"] {
            let bytes = std::fs::read(folder.path().join("data").join(name)).unwrap_or_default();
            written.add(
                format!("the file {name}"),
                bytes.iter().map(|byte| char::from(*byte)).collect::<String>(),
            );
        }
    }
    database.remove();
    let mut leaks = Vec::new();
    for (name, value) in &secrets {
        let on_pages = |place: &str| name.starts_with("form token") && place.starts_with("the answer of");
        leaks
            .extend(written.holding(value, on_pages).iter().map(|place| format!("{name} stands in {place}")));
    }
    let stays = |tables: &[&str], place: &str| {
        let is_table = tables.iter().any(|table| place == format!("the table {table}"));
        is_table || place.starts_with("the file") || place.starts_with("the answer of /api/v1/")
    };
    // The name of a file goes on to its destination, whose address events and deliveries tell.
    let named = |place: &str| {
        let tables = ["media", "deliveries", "delivery_attempts", "events"];
        stays(&tables, place) || ["the answer of /", "the answer of /deliveries"].contains(&place)
    };
    let by_name = [
        ("a customer", written.holding(&personal.customer, |place| stays(&["conversations"], place))),
        ("an attribute", written.holding(&personal.attribute, |place| stays(&["conversations"], place))),
        ("a note", written.holding(&personal.note, |place| stays(&["media"], place))),
        ("a file's name", written.holding(&personal.file_name, named)),
        ("a file's bytes", written.holding(&personal.bytes, |place| place.ends_with("/content"))),
    ];
    for (name, places) in by_name {
        leaks.extend(places.iter().map(|place| format!("{name} stands in {place}")));
    }
    assert_eq!(leaks, Vec::<String>::new());
}

#[test]
fn a_value_is_found_in_every_spelling() {
    let value = "kanarie/0123 abc";
    for text in [
        format!("x{value}y"),
        BASE64_STANDARD_NO_PAD.encode(format!("ab{value}yz")),
        BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"a\":\"{value}\"}}")),
        hex::encode(format!("..{value}..")),
        format!("/a?b={}", url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>()),
    ] {
        let mut written = Written::default();
        written.add("here", &text);

        assert_eq!(written.holding(value, |_| false), ["here"], "{text}");
        assert!(written.holding("something else entirely", |_| false).is_empty());
    }
}
