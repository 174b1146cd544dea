//! Apps and their keys over the HTTP API.

use std::collections::BTreeSet;
use std::time::Duration;

use mediaport::features::apps::Scope;
use mediaport::platform::web::Role;
use serde_json::{Value, json};

use crate::support::{ApiClient, TestApp};

const APPS: &str = "/api/v1/apps";
const DAY: Duration = Duration::from_hours(24);

/// Adds an app and gives its address.
async fn add_app(admin: &ApiClient, name: &str) -> String {
    let added = admin.post(APPS, &json!({"name": name})).await.expect(201).json();
    format!("{APPS}/{}", added["id"].as_str().unwrap())
}

/// Gives the rows of the audit log with this action.
async fn audit_rows(app: &TestApp, action: &str) -> Vec<String> {
    let rows = app.dump().await.into_iter();
    rows.filter(|row| row.starts_with("audit_entries: ") && row.contains(action)).collect()
}

fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document[field].as_str().unwrap_or_else(|| panic!("{field} of {document}"))
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| text(item, "id").to_owned()).collect()
}

#[tokio::test]
async fn an_app_is_added_changed_and_shown_with_its_default_use_case() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let use_case = app.add_use_case("Claims").await;

    let added = admin.post(APPS, &json!({"name": " CRM ", "default_use_case": "Claims"})).await.expect(201);
    let added = added.json();
    let path = format!("{APPS}/{}", text(&added, "id"));
    assert_eq!((text(&added, "name"), &added["default_use_case"]["id"]), ("CRM", &json!(use_case)));
    assert_eq!(admin.get(&path).await.expect(200).json(), added);

    let same = admin.put(&path, &json!({"name": "CRM", "default_use_case": use_case})).await.expect(200);
    assert_eq!(same.json(), added);
    assert_eq!(audit_rows(&app, "app.changed").await.len(), 0, "nothing was changed");
    let changed =
        admin.put(&path, &json!({"name": "Telephony", "default_use_case": null})).await.expect(200).json();
    assert_eq!((text(&changed, "name"), &changed["default_use_case"]), ("Telephony", &Value::Null));
    assert_eq!(admin.get(&path).await.expect(200).json(), changed);
    let rows = audit_rows(&app, "app.changed").await;
    assert!(rows[0].contains("\"from\":\"CRM\"") && rows[0].contains("\"to\":\"Telephony\""), "{rows:?}");
    assert_eq!((rows.len(), audit_rows(&app, "app.added").await.len()), (1, 1));

    app.add_token(Role::Auditor).await.get(&path).await.expect(200);
    app.run_due_jobs().await;
}

#[tokio::test]
async fn what_cannot_be_an_app_is_refused_by_field_and_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let (path, _) = (add_app(&admin, "CRM").await, add_app(&admin, "Sales").await);
    let before = app.dump().await;

    for (document, field) in [
        (json!({}), "name"),
        (json!({"name": "  "}), "name"),
        (json!({"name": "Sales"}), "name"),
        (json!({"name": "a".repeat(101)}), "name"),
        (json!({"name": "a\u{0}b"}), "name"),
        (json!({"name": {"is": "CRM"}}), "name"),
        (json!({"name": "Other", "default_use_case": "Nothing"}), "default_use_case"),
        (
            json!({"name": "Other", "default_use_case": "01890000-0000-7000-8000-000000000000"}),
            "default_use_case",
        ),
    ] {
        for page in [admin.post(APPS, &document).await, admin.put(&path, &document).await] {
            let problem = page.expect(422).json();
            assert_eq!(
                (text(&problem, "code"), problem["errors"][field].is_array()),
                ("invalid", true),
                "{problem}"
            );
        }
    }
    for body in ["", "[]", "\"CRM\"", "{\"name\":"] {
        let request =
            admin.request(reqwest::Method::POST, APPS).header("Content-Type", "application/json").body(body);
        admin.send(request).await.expect(400);
    }

    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn apps_are_listed_by_name_in_pages() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    for name in ["b", "ä", "a", "Z", "c & d"] {
        add_app(&admin, name).await;
    }

    let (mut names, mut place) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("{APPS}?limit=2&after={place}")).await.expect(200).json();
        names.extend(page["items"].as_array().unwrap().iter().map(|item| text(item, "name").to_owned()));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut place),
            None => break,
        }
    }

    assert_eq!(names, ["Z", "a", "b", "c & d", "ä"]);
    admin.get(&format!("{APPS}?after=*")).await.expect(400);
    admin.get(&format!("{APPS}?limit=0")).await.expect(400);
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_its_scopes_say() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let path = add_app(&admin, "CRM").await;
    app.add_use_case("Claims").await;

    let asked = json!({"scopes": ["media.read", "conversations.write"], "expires_in_days": 10});
    let made = admin.post(&format!("{path}/keys"), &asked).await.expect(201).json();
    let (secret, id) = (text(&made, "key"), text(&made, "id"));
    let key = app.client(secret);
    key.open_conversation("Claims").await;
    key.get("/api/v1/media").await.expect(200);
    let refused = key.upload("01890000-0000-7000-8000-000000000000", &[("kind", "attachment")], b"x").await;
    assert_eq!(refused.expect(403).json()["code"], "forbidden");

    let listed = admin.get(&format!("{path}/keys")).await.expect(200);
    assert!(!listed.text().contains(secret) && !listed.text().contains("secret"), "{}", listed.text());
    let item = &listed.json()["items"][0];
    assert_eq!(text(item, "id"), id);
    assert!(id.starts_with('k') && secret.contains(id));
    assert_eq!(item["scopes"], json!(["conversations.write", "media.read"]));
    assert_eq!(item["expires_at"], json!(app.clock.now().plus(10 * DAY)));
    assert_eq!((&item["revoked_at"], item.as_object().unwrap().len()), (&Value::Null, 6));
    let random = &secret["mp_k00000000000_".len()..secret.len() - 6];
    assert!(app.dump().await.iter().all(|row| !row.contains(random)), "the secret is kept as its hash only");
    let rows = audit_rows(&app, "key.added").await;
    assert!(rows.len() == 1 && rows[0].contains(id), "{rows:?}");
    app.run_due_jobs().await;
}

#[tokio::test]
async fn wrong_terms_of_a_key_are_refused_by_field() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let path = format!("{}/keys", add_app(&admin, "CRM").await);

    for (document, fields) in [
        (json!({"scopes": []}), vec!["scopes"]),
        (json!({"scopes": ["everything"], "expires_in_days": 731}), vec!["expires_in_days", "scopes"]),
        (json!({"expires_in_days": 0}), vec!["expires_in_days"]),
    ] {
        let problem = admin.post(&path, &document).await.expect(422).json();
        let named: Vec<&String> = problem["errors"].as_object().unwrap().keys().collect();
        assert_eq!(named, fields, "{document}");
    }
    assert_eq!(admin.get(&path).await.json()["items"], json!([]));
    let made = admin.post(&path, &json!({})).await.expect(201).json();
    assert_eq!(made["expires_at"], json!(app.clock.now().plus(365 * DAY)), "a year when nobody says");
    assert_eq!(made["scopes"].as_array().unwrap().len(), Scope::ALL.len());
}

#[tokio::test]
async fn a_repeated_request_gives_the_same_key_and_makes_one() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let path = format!("{}/keys", add_app(&admin, "CRM").await);
    let asked = json!({"scopes": ["media.read"]});

    let first = admin.post_once(&path, &asked, "once").await.expect(201);
    let again = admin.post_once(&path, &asked, "once").await.expect(201);

    assert_eq!((first.json(), again.header("idempotency-replayed")), (again.json(), "true"));
    let secret = text(&first.json(), "key").to_owned();
    app.client(&secret).get("/api/v1/media").await.expect(200);
    assert_eq!(admin.get(&path).await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(audit_rows(&app, "key.added").await.len(), 1);
    let other = json!({"scopes": ["media.write"]});
    let refused = admin.post_once(&path, &other, "once").await.expect(422).json();
    assert_eq!(refused["code"], "idempotency_key_reused");
    let random = &secret["mp_k00000000000_".len()..secret.len() - 6];
    let dump = app.dump().await;
    assert!(dump.iter().any(|row| row.starts_with("idempotency_keys: ")), "the reply is kept");
    let leaks = [random.to_owned(), hex::encode(random)];
    assert!(dump.iter().all(|row| leaks.iter().all(|leak| !row.contains(leak))), "the kept reply is sealed");

    let stranger = app.add_token(Role::Admin).await;
    let own = stranger.post_once(&path, &asked, "once").await.expect(201).json();
    assert_ne!(text(&own, "key"), secret, "another person's key is another one");
    app.run_due_jobs().await;
}

#[tokio::test]
async fn a_revoked_and_an_expired_key_open_nothing_from_the_next_request_on() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let path = format!("{}/keys", add_app(&admin, "CRM").await);
    let made = admin.post(&path, &json!({"expires_in_days": 1})).await.expect(201).json();
    let other = admin.post(&path, &json!({"expires_in_days": 1})).await.expect(201).json();
    let (key, other) = (app.client(text(&made, "key")), app.client(text(&other, "key")));
    key.get("/api/v1/media").await.expect(200);

    for _ in 0..2 {
        let gone = admin.delete(&format!("{path}/{}", text(&made, "id"))).await.expect(204);
        assert!(gone.body.is_empty());
        key.get("/api/v1/media").await.expect(401);
    }
    assert_eq!(audit_rows(&app, "key.revoked").await.len(), 1, "the second time changes nothing");
    let listed = admin.get(&path).await.json();
    let revoked = listed["items"].as_array().unwrap().iter().find(|item| item["id"] == made["id"]).unwrap();
    assert_eq!(revoked["revoked_at"], json!(app.clock.now()));

    other.get("/api/v1/media").await.expect(200);
    app.clock.advance(DAY);
    other.get("/api/v1/media").await.expect(401);
    app.run_due_jobs().await;
}

#[tokio::test]
async fn what_is_not_there_looks_the_same_wherever_it_is_asked_for() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let (path, other) = (add_app(&admin, "CRM").await, add_app(&admin, "Sales").await);
    let key = admin.post(&format!("{other}/keys"), &json!({})).await.expect(201).json();
    let (foreign, token) = (text(&key, "id"), admin.key.split('_').nth(1).unwrap());
    let nowhere = format!("{APPS}/01890000-0000-7000-8000-000000000000");
    let document = json!({"name": "New"});
    let before = app.dump().await;

    let mut answers = BTreeSet::new();
    for page in [
        admin.get(&nowhere).await,
        admin.put(&nowhere, &document).await,
        admin.get(&format!("{nowhere}/keys")).await,
        admin.post(&format!("{nowhere}/keys"), &document).await,
        admin.post_once(&format!("{nowhere}/keys"), &document, "once").await,
        admin.delete(&format!("{nowhere}/keys/{foreign}")).await,
        admin.delete(&format!("{path}/keys/{foreign}")).await,
        admin.delete(&format!("{path}/keys/{token}")).await,
        admin.delete(&format!("{path}/keys/k00000000000")).await,
        admin.delete(&format!("{path}/keys/%00")).await,
        admin.delete(&format!("{}/keys/{foreign}", other.to_uppercase().replace("/API/V1/APPS", APPS))).await,
        admin.get(&format!("{APPS}/CRM")).await,
    ] {
        let body = page.text().replace(page.header("x-request-id"), "");
        answers.insert((page.status, body));
    }

    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(answers.first().unwrap().0, 404);
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn keys_are_listed_newest_first_in_pages() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let path = format!("{}/keys", add_app(&admin, "CRM").await);
    let other = format!("{}/keys", add_app(&admin, "Sales").await);
    admin.post(&other, &json!({})).await.expect(201);
    let mut made = Vec::new();
    for number in 0..7 {
        made.insert(0, text(&admin.post(&path, &json!({})).await.expect(201).json(), "id").to_owned());
        if number % 3 == 0 {
            app.clock.advance(Duration::from_millis(1));
        }
    }

    let (mut walked, mut place) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("{path}?limit=2&after={place}")).await.expect(200).json();
        walked.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut place);
    }

    assert_eq!(walked.iter().collect::<BTreeSet<_>>(), made.iter().collect::<BTreeSet<_>>());
    assert_eq!((walked.len(), &walked[6]), (7, &made[6]), "the oldest one comes last");
    for wrong in
        ["x", "1~x", "1~01890000-0000-7000-8000-000000000000", "01890000-0000-7000-8000-000000000000"]
    {
        admin.get(&format!("{path}?after={wrong}")).await.expect(400);
    }
}

#[tokio::test]
async fn when_a_key_was_used_is_told_to_the_hour() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let path = format!("{}/keys", add_app(&admin, "CRM").await);
    let made = admin.post(&path, &json!({})).await.expect(201).json();
    let key = app.client(text(&made, "key"));
    let used = async || admin.get(&path).await.json()["items"][0]["used_at"].clone();
    app.run_due_jobs().await;
    assert_eq!(used().await, Value::Null);

    let first = app.clock.now();
    key.get("/api/v1/media").await.expect(200);
    assert_eq!(used().await, Value::Null, "nothing is written while a request waits");
    app.run_due_jobs().await;
    assert_eq!(used().await, json!(first));

    app.clock.advance(Duration::from_mins(59));
    key.get("/api/v1/media").await.expect(200);
    app.run_due_jobs().await;
    assert_eq!(used().await, json!(first), "once an hour is enough");

    app.clock.advance(Duration::from_mins(1));
    let second = app.clock.now();
    key.get("/api/v1/endpoints").await.expect(403);
    app.run_due_jobs().await;
    assert_eq!(used().await, json!(second), "a key that opens too little was used all the same");

    admin.delete(&format!("{path}/{}", text(&made, "id"))).await.expect(204);
    app.clock.advance(2 * DAY);
    key.get("/api/v1/media").await.expect(401);
    app.run_due_jobs().await;
    assert_eq!(used().await, json!(second), "one that opens nothing was not");
}
