//! The record of who did what, and the chain over it.

use std::time::Duration;

use futures_util::FutureExt;
use mediaport::features::apps::Scope;
use mediaport::features::audit::{self, Verdict};
use mediaport::platform::web::Role;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::{ApiClient, PASSWORD, TestApp, TestDatabase};

const LOG: &str = "/api/v1/audit";

async fn verdict(app: &TestApp) -> Verdict {
    let db = app.services().db.clone();
    app.run(async move { audit::verify(&db).await.unwrap() }).await
}

/// Changes rows behind the program's back, as somebody with the database's password could.
async fn tamper(app: &TestApp, sql: &'static str) {
    let changed = match app.database() {
        TestDatabase::File => {
            let path = app.config().data_dir.join("mediaport.db");
            let mut file =
                sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
            sqlx::query(sql).execute(&mut file).await.unwrap().rows_affected()
        }
        TestDatabase::Server { url, .. } => {
            let mut server = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::query(sql).execute(&mut server).await.unwrap().rows_affected()
        }
    };
    assert_eq!(changed, 1);
}

/// Does a few things that leave rows, and has them chained.
async fn busy_app() -> TestApp {
    let app = TestApp::start().await;
    let email = app.add_person(Role::Admin).await;
    app.browser().sign_in(&email, "not the right password").await.expect(422);
    app.browser().sign_in(&email, PASSWORD).await.expect(303);
    app.invite("bo@example.com", Role::Agent).await;
    app.add_key("Claims", &[]).await;
    app.run_due_jobs().await;
    app
}

#[tokio::test]
async fn acts_leave_rows_with_who_what_when_and_where() {
    let app = TestApp::start().await;
    let email = app.add_person(Role::Admin).await;
    let refused = app.browser().sign_in(&email, "not the right password").await;
    let signed_in = app.browser().sign_in(&email, PASSWORD).await;
    app.add_key("Claims", &[]).await;
    app.add_token(Role::Auditor).await;
    app.run_due_jobs().await;

    let rows: Vec<String> =
        app.dump().await.into_iter().filter(|line| line.starts_with("audit_entries: ")).collect();

    let row = |action: &str| {
        rows.iter()
            .find(|row| row.contains(action))
            .unwrap_or_else(|| panic!("{action} left no row: {rows:#?}"))
    };
    for action in ["user.added", "app.added", "key.added", "token.added"] {
        assert!(row(action).contains("system"), "{action}");
    }
    for (action, answer) in [("user.sign_in_refused", refused), ("user.signed_in", signed_in)] {
        assert!(row(action).contains(answer.header("x-request-id")), "{action} names its request");
        assert!(row(action).contains("127.0.0.1"), "{action} names where it came from");
        assert!(row(action).contains(&app.clock.now().millis().to_string()), "{action} says when");
    }
    assert!(rows.iter().all(|row| !row.contains("not the right password") && !row.contains(PASSWORD)));
}

#[tokio::test]
async fn rows_wait_for_their_place_and_then_fit_the_chain() {
    let app = TestApp::start().await;
    app.add_person(Role::Admin).await;
    app.add_person(Role::Agent).await;
    assert_eq!(verdict(&app).await, Verdict { good: 0, broken_at: None, unchained: 2 });

    app.run_due_jobs().await;
    app.add_person(Role::Agent).await;

    assert_eq!(verdict(&app).await, Verdict { good: 2, broken_at: None, unchained: 1 });
}

#[tokio::test]
async fn many_rows_are_chained_in_one_go() {
    let app = TestApp::start().await;
    let (actor, now) = (mediaport::platform::web::Actor::system("test"), app.clock.now());
    app.act(move |tx| {
        async move {
            for number in 0_i32..1_200 {
                let act = audit::Act::on("test.done", "test", number.to_string());
                audit::record(tx, &actor, now, act).await?;
            }
            Ok::<_, mediaport::platform::db::DbError>(())
        }
        .boxed()
    })
    .await;

    app.run_due_jobs().await;

    assert_eq!(verdict(&app).await, Verdict { good: 1_200, broken_at: None, unchained: 0 });
}

#[tokio::test]
async fn a_changed_row_is_found() {
    let app = busy_app().await;
    assert_eq!(verdict(&app).await, Verdict { good: 6, broken_at: None, unchained: 0 });

    tamper(&app, "UPDATE audit_entries SET actor_name = 'somebody else' WHERE number = 3").await;

    assert_eq!(verdict(&app).await.broken_at, Some(3));
}

#[tokio::test]
async fn a_removed_row_is_found() {
    let app = busy_app().await;

    tamper(&app, "DELETE FROM audit_entries WHERE number = 2").await;

    assert_eq!(verdict(&app).await.broken_at, Some(2));
}

#[tokio::test]
async fn a_row_whose_hash_was_made_to_fit_breaks_the_next_one() {
    let app = busy_app().await;

    tamper(
        &app,
        "UPDATE audit_entries SET hash = REPLACE(hash, SUBSTR(hash, 1, 8), '00000000') WHERE number = 4",
    )
    .await;

    assert_eq!(verdict(&app).await.broken_at, Some(4));
}

/// Gives the rows that a question finds.
async fn find(client: &ApiClient, question: &str) -> Vec<Value> {
    let page = client.get(&format!("{LOG}?limit=200&{question}")).await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

fn actions(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_log_is_read_newest_first_with_everything_that_a_row_says() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    app.clock.advance(Duration::from_secs(1));
    let added = admin.post("/api/v1/apps", &json!({"name": "CRM"})).await.expect(201);
    let id = added.json()["id"].clone();
    app.clock.advance(Duration::from_secs(1));
    admin.post(&format!("/api/v1/apps/{}/keys", id.as_str().unwrap()), &json!({})).await.expect(201);
    app.clock.advance(Duration::from_secs(1));

    let rows = find(&app.add_token(Role::Auditor).await, "").await;

    assert!(rows.is_sorted_by(|one, other| one["at"].as_str() >= other["at"].as_str()), "{rows:#?}");
    let row = &rows[actions(&rows).iter().position(|action| *action == "app.added").unwrap()];
    assert_eq!((&row["actor"]["kind"], &row["actor"]["name"]), (&json!("person"), &json!("admin1")));
    assert!(row["actor"]["id"].is_string() && row["id"].is_string());
    assert_eq!(row["target"], json!({"kind": "app", "id": id}));
    assert_eq!(row["detail"], json!({"name": "CRM"}));
    assert_eq!(row["address"], "127.0.0.1");
    assert_eq!(row["request_id"], added.header("x-request-id"));
    assert_eq!(
        (&row["number"], &row["hash"], row.as_object().unwrap().len()),
        (&Value::Null, &Value::Null, 10)
    );

    app.run_due_jobs().await;
    let rows = find(&admin, "action=app.added").await;
    assert!(rows[0]["number"].is_i64() && rows[0]["hash"].as_str().unwrap().len() == 64, "{rows:#?}");
    app.run_due_jobs().await;
}

#[tokio::test]
async fn filters_narrow_the_log_and_pages_give_each_row_once() {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let key = app.add_key("CRM", Scope::ALL).await;
    app.add_use_case("Claims").await;
    let start = app.clock.now();
    let mut conversations = Vec::new();
    for number in 0..5 {
        app.clock.advance(Duration::from_millis(number % 2));
        conversations.push(key.open_conversation("Claims").await);
    }
    key.post(&format!("/api/v1/conversations/{}/end", conversations[0]), &json!({})).await.expect(200);
    let (opened, after) = (find(&admin, "action=conversation.opened").await, app.clock.now());
    let actor = opened[0]["actor"]["id"].as_str().unwrap().to_owned();

    let mut walked = Vec::new();
    let mut place = String::new();
    loop {
        let address = format!("{LOG}?actor={actor}&limit=2&after={place}");
        let page = admin.get(&address).await.expect(200).json();
        walked.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut place);
    }
    assert_eq!(walked, find(&admin, &format!("actor={actor}")).await);
    assert_eq!((opened.len(), walked.len()), (5, 6));

    for (question, found) in [
        (format!("target={}", conversations[0]), vec!["conversation.ended", "conversation.opened"]),
        (format!("target={}&action=conversation.ended", conversations[0]), vec!["conversation.ended"]),
        (format!("target={}&actor=01890000-0000-7000-8000-000000000000", conversations[0]), vec![]),
        (format!("actor={actor}&action=conversation.ended"), vec!["conversation.ended"]),
        (format!("actor={actor}&to={start}"), vec!["conversation.opened"; 0]),
        (format!("actor={actor}&action=conversation.opened&from={after}"), vec!["conversation.opened"; 2]),
        ("action=nothing.done".to_owned(), vec![]),
        ("target=%27--".to_owned(), vec![]),
    ] {
        let rows = find(&admin, &question).await;
        let expected = if question.contains("to=") {
            let before = |row: &&Value| row["at"].as_str().unwrap() < start.to_string().as_str();
            walked.iter().filter(before).count()
        } else {
            found.len()
        };
        assert_eq!(rows.len(), expected, "{question}: {rows:#?}");
        assert!(found.is_empty() || actions(&rows).iter().all(|action| found.contains(action)), "{question}");
    }
    let long = format!("action={}", "a".repeat(101));
    for (question, field) in
        [("from=yesterday", "from"), ("to=7", "to"), ("actor=%00", "actor"), (long.as_str(), "action")]
    {
        let problem = admin.get(&format!("{LOG}?{question}")).await.expect(422).json();
        assert!(problem["errors"][field].is_array(), "{problem}");
    }
    for question in ["limit=0", "after=1", &format!("after={actor}"), "who=me"] {
        admin.get(&format!("{LOG}?{question}")).await.expect(400);
    }
    app.run_due_jobs().await;
}

#[tokio::test]
async fn reading_the_log_is_on_record_once_for_session_and_quarter_of_an_hour() {
    let app = TestApp::start().await;
    let (admin, auditor) = (app.add_token(Role::Admin).await, app.add_token(Role::Auditor).await);
    // To the beginning of a quarter, so that the clock of the test does not stand near its end.
    let into_it = app.clock.now().millis().unsigned_abs() % 900_000;
    app.clock.advance(Duration::from_millis(900_000 - into_it));

    for _ in 0..3 {
        admin.get(LOG).await.expect(200);
        auditor.get(&format!("{LOG}?action=audit.viewed")).await.expect(200);
        app.clock.advance(Duration::from_mins(4));
    }
    let rows = find(&admin, "action=audit.viewed").await;
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert_eq!(rows[0]["target"], json!({"kind": "audit", "id": null}));
    assert_eq!(rows[0]["detail"]["session"].as_str().unwrap().len(), 12);

    app.clock.advance(Duration::from_mins(4));
    assert_eq!(find(&admin, "action=audit.viewed").await.len(), 3, "the row is there before the answer");
    app.run_due_jobs().await;
    assert_eq!(verdict(&app).await.broken_at, None);
}

#[tokio::test]
async fn the_chain_is_recomputed_in_pieces() {
    let app = busy_app().await;
    let auditor = app.add_token(Role::Auditor).await;
    let path = format!("{LOG}/verification");
    let ask = async |query: &str| auditor.get(&format!("{path}?{query}")).await.expect(200).json();

    let whole = ask("").await;
    assert_eq!(
        (&whole["good"], &whole["broken_at"], &whole["next"]),
        (&json!(6), &Value::Null, &Value::Null)
    );
    assert_eq!(whole["unchained"], json!(2), "the auditor and the token");
    let first = ask("count=4").await;
    assert_eq!((&first["good"], &first["next"]), (&json!(4), &json!(5)));
    let rest = ask("from_number=5&count=2").await;
    assert_eq!((&rest["good"], &rest["hash"]), (&json!(2), &whole["hash"]));
    assert_eq!(ask("from_number=7").await["good"], 0);
    assert_eq!(ask("from_number=9223372036854775807").await["next"], Value::Null);
    for wrong in ["from_number=0", "count=0", "count=10001", "count=x", "from=1", "count=1&count=2"] {
        auditor.get(&format!("{path}?{wrong}")).await.expect(400);
    }

    tamper(&app, "UPDATE audit_entries SET detail = 'no object' WHERE number = 3").await;

    let broken = ask("").await;
    assert_eq!(
        (&broken["good"], &broken["broken_at"], &broken["next"]),
        (&json!(2), &json!(3), &Value::Null)
    );
    assert_eq!(ask("from_number=4").await["broken_at"], Value::Null, "what follows fits what it followed");
    let rows = find(&auditor, "").await;
    assert!(rows.iter().any(|row| row["detail"] == "no object"), "it is shown as it stands");
    tamper(&app, "DELETE FROM audit_entries WHERE number = 3").await;
    assert_eq!(ask("from_number=4").await["broken_at"], 4);
    app.run_due_jobs().await;
}
