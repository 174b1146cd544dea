//! The record of who did what, and the chain over it.

use futures_util::FutureExt;
use mediaport::features::audit::{self, Verdict};
use mediaport::platform::web::Role;
use sqlx::Connection;

use crate::support::{PASSWORD, TestApp, TestDatabase};

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
