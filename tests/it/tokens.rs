//! One's own personal tokens over the HTTP API.

use std::collections::BTreeSet;
use std::time::Duration;

use mediaport::platform::web::Role;
use serde_json::{Value, json};

use crate::support::{ApiClient, TestApp};

const TOKENS: &str = "/api/v1/tokens";
const DAY: Duration = Duration::from_hours(24);

/// Gives the public part of a client's token.
fn id_of(client: &ApiClient) -> String {
    client.key.split('_').nth(1).unwrap().to_owned()
}

async fn list(client: &ApiClient) -> Vec<Value> {
    client.get(TOKENS).await.expect(200).json()["items"].as_array().unwrap().clone()
}

/// Makes a token with another one, with a good end.
async fn make(app: &TestApp, maker: &ApiClient, document: Value) -> ApiClient {
    let made = maker.post(TOKENS, &document).await.expect(201).json();
    app.client(made["token"].as_str().unwrap())
}

async fn revoke(client: &ApiClient, id: &str) -> u16 {
    client.delete(&format!("{TOKENS}/{id}")).await.status
}

#[tokio::test]
async fn everybody_makes_lists_and_revokes_their_own_tokens() {
    let app = TestApp::start().await;
    for role in Role::ALL {
        let first = app.add_token(*role).await;

        let made = first.post(TOKENS, &json!({"expires_in_days": 30})).await.expect(201).json();
        let second = app.client(made["token"].as_str().unwrap());

        let items = list(&second).await;
        assert_eq!(items.len(), 2, "{role}");
        let (new, old) =
            if items[0]["id"] == made["id"] { (&items[0], &items[1]) } else { (&items[1], &items[0]) };
        assert_eq!((&new["current"], &old["current"]), (&json!(true), &json!(false)), "{role}");
        assert_eq!((&new["made_with"], &old["made_with"]), (&json!(id_of(&first)), &Value::Null));
        assert_eq!(
            (&new["expires_at"], &old["expires_at"]),
            (&json!(app.clock.now().plus(30 * DAY)), &Value::Null)
        );
        assert!(new.get("token").is_none() && new.get("secret_hash").is_none());

        assert_eq!(revoke(&second, made["id"].as_str().unwrap()).await, 204, "{role} revokes the one in use");
        second.get(TOKENS).await.expect(401);
        assert_eq!(revoke(&first, made["id"].as_str().unwrap()).await, 204, "again changes nothing");
        assert_eq!(list(&first).await.len(), 2);
    }
    let rows = app.dump().await;
    assert_eq!(rows.iter().filter(|row| row.contains("token.revoked")).count(), Role::ALL.len());
    app.run_due_jobs().await;
}

#[tokio::test]
async fn a_token_ends_and_its_secret_is_nowhere_else() {
    let app = TestApp::start().await;
    let maker = app.add_token(Role::Agent).await;
    let made = maker.post_once(TOKENS, &json!({"expires_in_days": 1}), "once").await.expect(201);
    let again = maker.post_once(TOKENS, &json!({"expires_in_days": 1}), "once").await.expect(201);
    assert_eq!((made.json(), list(&maker).await.len()), (again.json(), 2));
    let secret = made.json()["token"].as_str().unwrap().to_owned();
    let token = app.client(&secret);

    let random = &secret["mp_t00000000000_".len()..secret.len() - 6];
    assert!(app.dump().await.iter().all(|row| !row.contains(random) && !row.contains(&hex::encode(random))));
    token.get(TOKENS).await.expect(200);
    app.run_due_jobs().await;
    assert!(
        list(&maker).await.iter().all(|item| item["used_at"] == json!(app.clock.now())),
        "both are in use"
    );
    app.clock.advance(DAY);
    token.get(TOKENS).await.expect(401);
    maker.get(TOKENS).await.expect(200);
    app.run_due_jobs().await;
}

#[tokio::test]
async fn no_token_outlives_the_one_it_was_made_with() {
    let app = TestApp::start().await;
    let root = app.add_token(Role::Admin).await;
    let short = make(&app, &root, json!({"expires_in_days": 2})).await;
    app.clock.advance(DAY);

    let problem = short.post(TOKENS, &json!({"expires_in_days": 2})).await.expect(422).json();
    assert!(problem["errors"]["expires_in_days"].is_array(), "{problem}");
    let child = make(&app, &short, json!({})).await;
    let grandchild = make(&app, &child, json!({"expires_in_days": 1})).await;
    let end = json!(app.clock.now().plus(DAY));
    let of = async |client: &ApiClient| {
        let id = id_of(client);
        list(&root).await.into_iter().find(|item| item["id"] == id).unwrap()
    };
    assert_eq!(
        (of(&child).await["expires_at"].clone(), of(&grandchild).await["expires_at"].clone()),
        (end.clone(), end)
    );

    let apart = make(&app, &root, json!({})).await;
    assert_eq!(revoke(&root, &id_of(&short)).await, 204);

    for gone in [&short, &child, &grandchild] {
        gone.get(TOKENS).await.expect(401);
        assert_eq!(of(gone).await["revoked_at"], json!(app.clock.now()));
    }
    apart.get(TOKENS).await.expect(200);
    let rows = app.dump().await;
    assert_eq!(rows.iter().filter(|row| row.contains("token.revoked")).count(), 3, "each has its row");
    app.run_due_jobs().await;
}

#[tokio::test]
async fn tokens_of_others_are_not_there() {
    let app = TestApp::start().await;
    let (own, other) = (app.add_token(Role::Admin).await, app.add_token(Role::Admin).await);
    let before = app.dump().await;

    let mut answers = BTreeSet::new();
    for id in [
        id_of(&other),
        "t00000000000".to_owned(),
        "k00000000000".to_owned(),
        "%00".to_owned(),
        "x".to_owned(),
    ] {
        let page = own.delete(&format!("{TOKENS}/{id}")).await;
        answers.insert((page.status, page.text().replace(page.header("x-request-id"), "")));
    }

    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(answers.first().unwrap().0, 404);
    assert_eq!(app.dump().await, before);
    assert_eq!(list(&own).await.len(), 1);
    other.get(TOKENS).await.expect(200);
}

#[tokio::test]
async fn tokens_are_listed_in_pages_and_wrong_terms_refused() {
    let app = TestApp::start().await;
    let own = app.add_token(Role::Auditor).await;
    for _ in 0..4 {
        app.clock.advance(Duration::from_millis(1));
        own.post(TOKENS, &json!({})).await.expect(201);
    }
    for wrong in
        [json!({"expires_in_days": 731}), json!({"expires_in_days": "soon"}), json!({"expires_in_days": {}})]
    {
        let problem = own.post(TOKENS, &wrong).await.expect(422).json();
        assert!(problem["errors"]["expires_in_days"].is_array(), "{problem}");
    }

    let (mut made, mut place) = (Vec::new(), String::new());
    loop {
        let page = own.get(&format!("{TOKENS}?limit=2&after={place}")).await.expect(200).json();
        made.extend(page["items"].as_array().unwrap().iter().map(|item| item["created_at"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut place);
    }

    assert_eq!(made.len(), 5);
    assert!(made.is_sorted_by(|one, other| one.as_str() > other.as_str()), "{made:?}");
}
