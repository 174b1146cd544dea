//! Endpoints that send mail: what they are refused, what they deliver, and where a link in a mail leads.

use futures_util::FutureExt;
use mediaport::features::apps::Scope;
use mediaport::on;
use mediaport::platform::db::DbError;
use mediaport::platform::web::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{ApiClient, Browser, PASSWORD, TestApp, mails, peer, quick_hash};

/// A real one, since pictures are looked into.
const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\x0aIDAT\
    \x78\xda\x63\x60\0\0\0\x02\0\x01\xe5\x27\xde\xfc\0\0\0\0IEND\xae\x42\x60\x82";

/// Starts an installation that sends mail, in clear and to loopback.
async fn start() -> TestApp {
    let port: u16 = peer("TEST_SMTP_PORT").parse().unwrap();
    let server = format!("smtp://127.0.0.1:{}", port + 2);
    TestApp::with(&[("MEDIAPORT_SMTP_URL", &server), ("MEDIAPORT_SMTP_FROM", "hub@mail.example.com")]).await
}

fn fresh() -> String {
    Uuid::new_v4().simple().to_string()
}

async fn add_endpoint(token: &ApiClient, to: &str, more: &Value) -> Value {
    let mut described = json!({"name": "Desk", "type": "email", "to": to});
    described.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let endpoint = token.post("/api/v1/endpoints", &described).await.expect(201).json();
    let use_case = json!({"name": "Claims", "pictures": [endpoint["id"]]});
    token.post("/api/v1/use-cases", &use_case).await.expect(201);
    endpoint
}

/// Opens a conversation that an agent handles and hands a picture in; gives the media.
async fn hand_in(key: &ApiClient, agent: &str) -> Value {
    let opened = json!({"use_case": "Claims", "external_id": fresh(), "agent": agent});
    let conversation = key.post("/api/v1/conversations", &opened).await.json();
    let id = conversation["id"].as_str().unwrap();
    let about = [("kind", "picture"), ("file_name", "roof.png")];
    key.upload(id, &about, PICTURE).await.expect(201).json()
}

async fn delivery_of(token: &ApiClient, media: &Value) -> Value {
    let path = format!("/api/v1/deliveries?media={}", media["id"].as_str().unwrap());
    token.get(&path).await.expect(200).json()["items"][0].clone()
}

async fn signed_in(app: &TestApp, email: &str, role: Role) -> Browser {
    app.add_person_with(email, role, &quick_hash(PASSWORD)).await;
    let browser = app.browser();
    assert_eq!(browser.sign_in(email, PASSWORD).await.status, 303);
    browser
}

#[tokio::test]
async fn recordings_are_refused_by_the_form_the_api_and_the_database() {
    let app = start().await;
    let (admin, token) = (app.sign_in(Role::Admin).await, app.add_token(Role::Admin).await);
    let use_case = app.add_use_case("Sales").await;
    let to = format!("ada-{}@agents.test", fresh());

    let described = json!({"name": "Desk", "type": "email", "to": to, "recordings": [use_case]});
    let refused = token.post("/api/v1/endpoints", &described).await.expect(422).json();
    assert!(refused["errors"]["recordings"][0].as_str().unwrap().contains("pictures only"));
    let typed = [("name", "Desk"), ("type", "email"), ("to", &to), ("recordings", &use_case)];
    admin.post("/endpoints", &typed).await.expect(422).assert_mentions("This type accepts pictures only");

    let endpoint = add_endpoint(&token, &to, &json!({})).await;
    for purpose in ["recordings", "other"] {
        let wish = json!({"name": format!("With {purpose}"), purpose: [endpoint["id"]]});
        let refused = token.post("/api/v1/use-cases", &wish).await.expect(422).json();
        assert!(refused["errors"][purpose][0].as_str().unwrap().contains("pictures only"));
        let Err(DbError::Broken(cause)) = force_link(&app, &use_case, purpose).await else {
            panic!("{purpose} was linked")
        };
        assert!(format!("{cause:#}").to_lowercase().contains("check constraint"), "{cause:#}");
    }
    assert!(mails(&to).is_empty(), "saving sends nothing");
}

/// Links the only endpoint to a use case behind the back of the program.
async fn force_link(app: &TestApp, use_case: &str, purpose: &'static str) -> Result<(), DbError> {
    const LINK: &str = "INSERT INTO use_case_endpoints (use_case_id, endpoint_id, endpoint_type, purpose)
        SELECT $1, id, type, $2 FROM endpoints";
    let (db, use_case) = (app.services().db.clone(), use_case.to_owned());
    let linking = async move {
        db.write(move |tx| {
            async move {
                on!(tx, conn => sqlx::query(LINK).bind(use_case).bind(purpose).execute(conn).await.map(|_| ()))?;
                Ok(())
            }
            .boxed()
        })
        .await
    };
    app.run(linking).await
}

#[tokio::test]
async fn a_picture_reaches_the_agent_and_only_the_agent_follows_the_link() {
    let app = start().await;
    let (token, key) = (app.add_token(Role::Admin).await, app.add_key("Claims", Scope::ALL).await);
    let ada = format!("ada-{}@agents.test", fresh());
    let own = signed_in(&app, &ada, Role::Agent).await;
    let other = signed_in(&app, &format!("eve-{}@agents.test", fresh()), Role::Agent).await;
    let (admin, auditor) = (app.sign_in(Role::Admin).await, app.sign_in(Role::Auditor).await);
    let words =
        json!({"as_link": true, "subject_template": "{use_case} {agent}", "body_template": "{taken_at}"});
    add_endpoint(&token, "agent", &words).await;
    // the app may write the address as it likes
    let media = hand_in(&key, &ada.to_uppercase().replace("AGENTS.TEST", "agents.test")).await;
    app.run_due_jobs().await;

    let delivery = delivery_of(&token, &media).await;
    assert_eq!((&delivery["state"], &delivery["location"]["sent_as"]), (&json!("delivered"), &json!("link")));
    let mark = ada.split(['-', '@']).nth(1).unwrap().to_uppercase();
    let mails = mails(&mark);
    assert_eq!(mails.len(), 1);
    let text = mails[0]["parts"][0]["text"].as_str().unwrap();
    let path = format!("/library/{}", media["id"].as_str().unwrap());
    assert!(text.contains(&app.running().public.join(&path)), "{text}");

    let views = async || app.dump().await.iter().filter(|line| line.contains("media.viewed")).count();
    for path in [path.clone(), format!("{path}/content")] {
        assert!(app.browser().get(&path).await.location().starts_with("/login"));
        auditor.get(&path).await.expect(403);
        other.get(&path).await.expect(404);
    }
    assert_eq!(views().await, 0);
    own.get(&path).await.expect(200).assert_mentions("roof.png");
    assert_eq!(views().await, 1);
    let bytes = own.get(&format!("{path}/content")).await.expect(200);
    assert_eq!(bytes.body, PICTURE);
    assert!(bytes.header("content-disposition").starts_with("attachment"));
    assert_eq!(views().await, 1, "one view, as over the HTTP API");
    admin.get(&format!("{path}/content?disposition=inline")).await.expect(200);
    assert_eq!(views().await, 2);
    let embedded =
        own.request(reqwest::Method::GET, &format!("{path}/content")).header("Sec-Fetch-Dest", "script");
    own.send(embedded).await.expect(403);
    app.run_due_jobs().await;
}

#[tokio::test]
async fn agents_reach_nothing_that_names_nobody() {
    let app = start().await;
    let (token, key) = (app.add_token(Role::Admin).await, app.add_key("Claims", Scope::ALL).await);
    let agent = app.sign_in(Role::Agent).await;
    add_endpoint(&token, "agent", &json!({})).await;
    let media = hand_in(&key, "").await;
    app.run_due_jobs().await;

    let delivery = delivery_of(&token, &media).await;
    assert_eq!((&delivery["state"], &delivery["held_reason"]), (&json!("held"), &json!("rejected")));
    assert!(delivery["last_error"].as_str().unwrap().contains("names no agent"), "{delivery}");
    let id = media["id"].as_str().unwrap();
    let strangers =
        [id.to_owned(), "01890000-0000-7000-8000-000000000000".to_owned(), id.to_uppercase(), "x".into()];
    for id in strangers {
        for path in [format!("/library/{id}"), format!("/library/{id}/content")] {
            agent.get(&path).await.expect(404);
        }
    }
}

#[tokio::test]
async fn what_some_have_is_remembered_until_the_others_have_it() {
    let app = start().await;
    let (token, key) = (app.add_token(Role::Admin).await, app.add_key("Claims", Scope::ALL).await);
    let mark = fresh();
    let grey = format!("grey-{mark}@agents.test");
    let to = format!("ada-{mark}@agents.test,{grey},spam-{mark}@agents.test");
    // the test of the endpoint is the first time that the grey one is asked for, the attempt the second
    let described = json!({"accept_warnings": true});
    let endpoint = add_endpoint(&token, &to, &described).await;
    let media = hand_in(&key, "ada@agents.test").await;
    app.run_due_jobs().await;

    let held = delivery_of(&token, &media).await;
    assert_eq!((&held["state"], &held["held_reason"]), (&json!("held"), &json!("rejected")), "{held}");
    assert!(held["last_error"].as_str().unwrap().contains("spam-"), "{held}");
    assert_eq!(mails(&mark).len(), 2);

    let id = endpoint["id"].as_str().unwrap();
    let without = json!({"name": "Desk", "type": "email", "to": format!("ada-{mark}@agents.test,{grey},eve-{mark}@agents.test")});
    token.put(&format!("/api/v1/endpoints/{id}"), &without).await.expect(200);
    let retry = format!("/api/v1/deliveries/{}/retry", held["id"].as_str().unwrap());
    token.post(&retry, &json!({})).await;
    app.run_due_jobs().await;

    assert_eq!(delivery_of(&token, &media).await["state"], "delivered");
    let to: Vec<_> =
        mails(&mark).iter().map(|mail| mail["envelope_to"].as_str().unwrap().to_owned()).collect();
    assert_eq!(to.len(), 3, "nobody got a second mail: {to:?}");
    assert!(to[2].starts_with("eve-"), "{to:?}");
}

#[tokio::test]
async fn a_preview_shows_the_mail_or_what_is_wrong_and_is_no_test() {
    let app = TestApp::with(&[
        ("MEDIAPORT_LIMITS__ENDPOINT_TESTS_PER_MINUTE", "1"),
        ("MEDIAPORT_LIMITS__ENDPOINT_TESTS_BURST", "1"),
    ])
    .await;
    let admin = app.sign_in(Role::Admin).await;
    let preview = async |subject: &str, body: &str| {
        let typed = [
            ("type", "email"),
            ("assist", "preview"),
            ("to", "ada@example.com"),
            ("subject_template", subject),
            ("body_template", body),
        ];
        admin.post("/endpoints/fields", &typed).await
    };

    for _ in 0..5 {
        let page = preview("About {file_name}", "In {use_case}\r\n<b>{size}</b>").await.expect(200);
        page.assert_mentions("About roof.jpg");
        page.assert_mentions("In Claims");
        assert!(!page.text().contains("<b>2.4 MB</b>"), "text is no markup");
    }
    let wrong = preview("About {name}", "x").await.expect(422);
    wrong.assert_mentions("There is no {name}");
}
