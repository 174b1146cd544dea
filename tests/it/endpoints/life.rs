use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_paused_endpoint_keeps_its_files_and_delivers_them_when_resumed() {
    let ground = Ground::prepare().await;
    let paused = ground.act("pause").await;
    assert_eq!((&paused["state"], &paused["paused_reason"]), (&json!("paused"), &json!("person")));

    let delivery = ground.hand_in("call.wav").await;
    ground.app.run_due_jobs().await;
    assert_eq!(ground.delivery(&delivery).await["state"], "queued");
    assert_eq!(ground.arrived("shelf"), 0);
    let watcher = ground.app.sign_in(Role::Auditor).await;
    watcher.get("/deliveries").await.expect(200).assert_mentions("the endpoint is paused");

    let resumed = ground.act("resume").await;
    assert_eq!((&resumed["state"], &resumed["paused_at"]), (&json!("active"), &Value::Null));
    ground.app.run_due_jobs().await;

    assert_eq!(ground.delivery(&delivery).await["state"], "delivered");
    assert_eq!(ground.arrived("shelf"), 1);
    let acts = ground.admin.get("/api/v1/audit?action=endpoint.paused").await.expect(200).json();
    assert_eq!(acts["items"][0]["detail"]["reason"], "person");
}

#[tokio::test]
async fn what_waits_for_its_next_attempt_is_tried_at_once_after_a_test_has_passed() {
    let ground = Ground::prepare().await;
    let shelf = ground.app.config().folder_root.join("shelf");
    std::fs::remove_dir_all(&shelf).expect("the folder of the test was there");
    std::fs::write(&shelf, b"in the way").expect("a file can stand there");
    let delivery = ground.hand_in("call.wav").await;
    ground.app.run_due_jobs().await;
    assert_eq!(ground.delivery(&delivery).await["state"], "retrying");
    let failed = ground.act("test").await;
    assert_eq!(failed["outcome"], "failed");
    ground.app.run_due_jobs().await;
    assert_eq!(ground.delivery(&delivery).await["state"], "retrying", "a test that fails changes nothing");

    std::fs::remove_file(&shelf).expect("nothing is in the way any more");
    assert_eq!(ground.act("test").await["outcome"], "passed");
    assert_eq!(ground.shown().await["last_error"], Value::Null);
    ground.app.run_due_jobs().await;

    assert_eq!(ground.delivery(&delivery).await["state"], "delivered");
    let auditor = ground.app.sign_in(Role::Auditor).await;
    let list = auditor.get("/endpoints").await.expect(200);
    list.assert_mentions("50.0 %");
    list.assert_text("tbody .pill", "Healthy");
}

#[tokio::test]
async fn a_delivery_is_retried_and_called_off_by_a_person() {
    let ground = Ground::prepare().await;
    let shelf = ground.app.config().folder_root.join("shelf");
    std::fs::remove_dir_all(&shelf).expect("the folder of the test was there");
    std::fs::write(&shelf, b"in the way").expect("a file can stand there");
    let (one, other) = (ground.hand_in("one.wav").await, ground.hand_in("two.wav").await);
    ground.app.run_due_jobs().await;
    let act = async |id: &str, act: &str| {
        ground.admin.post(&format!("/api/v1/deliveries/{id}/{act}"), &json!({})).await
    };

    assert_eq!(act(&one, "cancel").await.expect(200).json()["state"], "cancelled");
    std::fs::remove_file(&shelf).expect("nothing is in the way any more");
    assert_eq!(act(&other, "retry").await.expect(200).json()["state"], "queued");
    ground.app.run_due_jobs().await;
    assert_eq!(ground.delivery(&other).await["state"], "delivered");
    assert_eq!(ground.delivery(&one).await["state"], "cancelled");
    ground.app.clock.advance(Duration::from_hours(2));
    ground.app.run_due_jobs().await;
    assert_eq!(ground.delivery(&one).await["attempts"], 1, "what was called off does not come again");
    for what in ["retry", "cancel"] {
        assert_eq!(act(&other, what).await.expect(409).json()["code"], "delivery_over");
    }

    assert_eq!(act(&one, "retry").await.expect(200).json()["state"], "queued");
    ground.app.run_due_jobs().await;
    assert_eq!(ground.delivery(&one).await["state"], "delivered");
    assert_eq!(ground.arrived("shelf"), 2);
}

#[tokio::test]
async fn retrying_ten_times_makes_one_attempt() {
    let ground = Ground::prepare().await;
    ground.act("pause").await;
    let delivery = ground.hand_in("call.wav").await;
    for _ in 0..10 {
        ground.admin.post(&format!("/api/v1/deliveries/{delivery}/retry"), &json!({})).await.expect(200);
    }
    ground.act("resume").await;
    ground.app.run_due_jobs().await;

    let shown = ground.delivery(&delivery).await;
    assert_eq!((&shown["state"], &shown["attempts"]), (&json!("delivered"), &json!(1)));
}

#[tokio::test]
async fn a_person_pauses_and_resumes_in_the_portal_with_and_without_script() {
    let ground = Ground::prepare().await;
    let admin = ground.app.sign_in(Role::Admin).await;
    let page = format!("/endpoints/{}", ground.endpoint);

    let answer = admin.post(&format!("{page}/pause"), &[]).await.expect(303);
    assert_eq!(answer.location(), page);
    admin.get(&page).await.expect(200).assert_text("h1 .pill", "Paused");
    let list = admin.get("/endpoints?status=paused").await.expect(200);
    assert_eq!(list.texts("tbody .lead"), ["Shelf"]);
    assert!(admin.get("/endpoints?status=healthy").await.expect(200).texts("tbody .lead").is_empty());

    admin.post(&format!("{page}/resume"), &[]).await.expect(303);
    admin.get(&page).await.expect(200).assert_text("h1 .pill", "Healthy");
    let tested = admin.post(&format!("{page}/test"), &[]).await.expect(200);
    tested.assert_text("#test-state", "Passed");
    tested.assert_mentions("Deliveries work in just this way");
}
