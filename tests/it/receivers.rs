//! Endpoints that post pictures: what they are refused, what they deliver, and whom they do not believe.

use std::time::Duration;

use futures_util::FutureExt;
use mediaport::features::apps::Scope;
use mediaport::on;
use mediaport::platform::db::DbError;
use mediaport::platform::web::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{ApiClient, Canary, TestApp, Turncoat, peer};

/// A real one, since pictures are looked into; what is appended to it changes its bytes.
const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\x0aIDAT\
    \x78\xda\x63\x60\0\0\0\x02\0\x01\xe5\x27\xde\xfc\0\0\0\0IEND\xae\x42\x60\x82";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn receiver(name: &str, base: &str) -> Value {
    let path = Uuid::new_v4().simple().to_string();
    json!({
        "name": name, "type": "https", "url": format!("{base}/post/{path}?key=swordfish9"),
        "headers": "Authorization: Bearer hunter2hunter2", "signing_secret": SECRET,
    })
}

async fn delivery_of(token: &ApiClient, media: &Value) -> Value {
    let path = format!("/api/v1/deliveries?media={}", media["id"].as_str().unwrap());
    token.get(&path).await.expect(200).json()["items"][0].clone()
}

#[tokio::test]
async fn recordings_are_refused_by_the_form_the_api_and_the_database() {
    let app = TestApp::start().await;
    let (admin, token) = (app.sign_in(Role::Admin).await, app.add_token(Role::Admin).await);
    let use_case = app.add_use_case("Claims").await;
    let mut described = receiver("Hub", &peer("TEST_SINK_HTTP"));
    let url = described["url"].as_str().unwrap().to_owned();

    described["recordings"] = json!([use_case]);
    let refused = token.post("/api/v1/endpoints", &described).await.expect(422);
    assert!(refused.json()["errors"]["recordings"][0].as_str().unwrap().contains("pictures only"));
    let typed =
        [("name", "Hub"), ("type", "https"), ("url", url.as_str()), ("recordings", use_case.as_str())];
    admin.post("/endpoints", &typed).await.expect(422).assert_mentions("This type accepts pictures only");
    admin
        .post("/endpoints/fields", &[("type", "https")])
        .await
        .expect(200)
        .assert_mentions("This type accepts pictures only");

    described.as_object_mut().unwrap().remove("recordings");
    described["pictures"] = json!([use_case]);
    let endpoint = token.post("/api/v1/endpoints", &described).await.expect(201).json();
    for purpose in ["recordings", "other"] {
        let wish = json!({"name": format!("With {purpose}"), purpose: [endpoint["id"]]});
        let refused = token.post("/api/v1/use-cases", &wish).await.expect(422);
        assert!(refused.json()["errors"][purpose][0].as_str().unwrap().contains("pictures only"));
        let linked = force_link(&app, &use_case, purpose).await;
        let Err(DbError::Broken(cause)) = linked else { panic!("{purpose}: {linked:?}") };
        let cause = format!("{cause:#}").to_lowercase();
        assert!(cause.contains("check constraint"), "{purpose}: {cause}");
    }
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
async fn a_receiver_is_believed_only_when_it_has_what_was_sent() {
    let app = TestApp::start().await;
    let (token, key) = (app.add_token(Role::Admin).await, app.add_key("Claims", Scope::ALL).await);
    let sink = peer("TEST_SINK_HTTP").trim_start_matches("http://").parse().unwrap();
    let hub = Turncoat::before(sink);
    let canary = Canary::at("127.0.0.9"); // it may be called: only a redirect leads there
    let endpoint = token.post("/api/v1/endpoints", &receiver("Hub", &hub.url())).await.expect(201).json();
    let use_case = json!({"name": "Claims", "pictures": [endpoint["id"]]});
    token.post("/api/v1/use-cases", &use_case).await.expect(201);
    let conversation = key.open_conversation("Claims").await;
    let location = format!("Location: {}\r\n", canary.url());
    let other_bytes = "Mediaport-Received: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\r\n";
    let ways = [301, 302, 303, 307, 308].map(|status| (status, location.clone(), "not followed"));
    let refresh = (200, format!("Refresh: 0; url={}\r\n", canary.url()), "not followed");
    let lie = (200, other_bytes.to_owned(), "does not count as delivered");

    for (number, (status, lines, said)) in (0_u8..).zip(ways.into_iter().chain([refresh, lie])) {
        hub.turn(status, &lines);
        let name = format!("{number}");
        let tested = token.post("/api/v1/endpoints", &receiver(&name, &hub.url())).await;
        assert_eq!(tested.status, 422, "{status}: {}", tested.text());
        let about = [("kind", "picture"), ("file_name", "roof.png")];
        let media =
            key.upload(&conversation, &about, &[PICTURE, &[number]].concat()).await.expect(201).json();
        app.run_due_jobs().await;

        let delivery = delivery_of(&token, &media).await;
        assert_eq!(delivery["state"], "retrying", "{delivery}");
        assert!(delivery["last_error"].as_str().unwrap().contains(said), "{delivery}");
        canary.assert_silent();
    }
    assert!(!app.dump().await.iter().any(|line| line.contains("media.stored")), "nothing is announced");

    hub.repent();
    app.clock.advance(Duration::from_mins(2));
    app.run_due_jobs().await;
    let all = token.get("/api/v1/deliveries").await.expect(200).json();
    let delivered = all["items"].as_array().unwrap().iter().filter(|item| item["state"] == "delivered");
    assert_eq!(delivered.count(), 7, "{all}");
    canary.assert_silent();
}

#[tokio::test]
async fn a_picture_arrives_and_nobody_sees_the_secrets_of_its_way() {
    let app = TestApp::start().await;
    let (token, key) = (app.add_token(Role::Admin).await, app.add_key("Claims", Scope::ALL).await);
    let described = receiver("Hub", &peer("TEST_SINK_HTTP"));
    let url = described["url"].as_str().unwrap().split('?').next().unwrap().to_owned();
    let endpoint = token.post("/api/v1/endpoints", &described).await.expect(201);
    let use_case = json!({"name": "Claims", "pictures": [endpoint.json()["id"]]});
    token.post("/api/v1/use-cases", &use_case).await.expect(201);
    let conversation = key.open_conversation("Claims").await;
    let media = key.upload(&conversation, &[("kind", "picture"), ("file_name", "roof.png")], PICTURE).await;

    app.run_due_jobs().await;

    let delivery = delivery_of(&token, &media.expect(201).json()).await;
    assert_eq!((&delivery["state"], &delivery["location"]["url"]), (&json!("delivered"), &json!(url)));
    let document = endpoint.json();
    assert_eq!((&document["url"], &document["address"]), (&json!(url), &json!(url)));
    assert_eq!(document["header_names"], json!(["authorization"]));
    assert_eq!((&document["is_signed"], &document["has_query"]), (&json!(true), &json!(true)));
    let admin = app.sign_in(Role::Admin).await;
    let mut shown = vec![endpoint.text(), delivery.to_string()];
    let endpoint_page = format!("/endpoints/{}", document["id"].as_str().unwrap());
    let delivery_page = format!("/deliveries/{}", delivery["id"].as_str().unwrap());
    for page in ["/endpoints", endpoint_page.as_str(), &delivery_page, "/deliveries"] {
        shown.push(admin.get(page).await.expect(200).text());
    }
    shown.extend(app.dump().await);
    assert!(shown.iter().any(|text| text.contains(&url)));
    for secret in ["hunter2hunter2", "swordfish9", &SECRET[6..]] {
        let found: Vec<_> = shown.iter().filter(|text| text.contains(secret)).collect();
        assert!(found.is_empty(), "{secret}: {found:?}");
    }
}
