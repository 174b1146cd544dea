use super::*;

impl Ground {
    async fn remove(&self, query: &str, status: u16) -> Value {
        let answer =
            self.admin.delete(&format!("/api/v1/endpoints/{}{query}", self.endpoint)).await.expect(status);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    async fn is_gone(&self) -> bool {
        self.admin.get(&format!("/api/v1/endpoints/{}", self.endpoint)).await.status == 404
    }
}

#[tokio::test]
async fn an_endpoint_in_use_stays_until_that_is_confirmed() {
    let ground = Ground::prepare().await;
    let refused = ground.remove("", 409).await;
    assert_eq!((&refused["code"], &refused["use_cases"]), (&json!("endpoint_in_use"), &json!(["Claims"])));
    let admin = ground.app.sign_in(Role::Admin).await;
    let page = format!("/endpoints/{}/delete", ground.endpoint);
    let asked = admin.get(&page).await.expect(200);
    asked.assert_mentions("Claims");
    admin.submit(&asked.form("main form")).await.expect(422).assert_mentions("Confirm that these use cases");
    assert!(!ground.is_gone().await);

    let gone = admin.submit(&asked.form("main form").fill("use_cases", "detach")).await.expect(303);
    assert!(gone.location().starts_with("/endpoints?removed="));
    assert!(ground.is_gone().await);
    let media =
        ground.client.upload(&ground.conversation, &[("kind", "recording")], b"RIFF\x24\0\0\0WAVEfmt ").await;
    assert_eq!(media.expect(201).json()["deliveries"], json!([]));

    admin.post(&format!("/endpoints/{}/restore", ground.endpoint), &[]).await.expect(303);
    assert_eq!(ground.shown().await["recordings"].as_array().map(Vec::len), Some(1), "with its use cases");
    ground.hand_in("again.wav").await;
    ground.app.run_due_jobs().await;
    assert_eq!(ground.arrived("shelf"), 1);
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_keeps_a_removed_endpoint_away() {
    let ground = Ground::prepare().await;
    ground.remove("?use_cases=detach", 204).await;
    add(&ground.admin, "Shelf").await;
    let admin = ground.app.sign_in(Role::Admin).await;

    let answer = admin.post(&format!("/endpoints/{}/restore", ground.endpoint), &[]).await.expect(303);
    admin.get(answer.location()).await.expect(200).assert_mentions("another end point has its name");
    assert!(ground.is_gone().await);
}

#[tokio::test]
async fn open_deliveries_need_a_decision() {
    let ground = Ground::prepare().await;
    ground.act("pause").await;
    ground.hand_in("call.wav").await;

    let refused = ground.remove("?use_cases=detach", 409).await;
    assert_eq!((&refused["code"], &refused["open"]), (&json!("undelivered"), &json!(1)));
    ground.remove("?use_cases=detach&open=move", 422).await;
    ground.remove(&format!("?use_cases=detach&open=move&to={}", ground.endpoint), 422).await;
    ground.remove("?use_cases=perhaps", 422).await;
    ground.remove("?open=cancel&color=red", 400).await;
    assert!(!ground.is_gone().await);
}

#[tokio::test]
async fn what_is_called_off_stays_here_and_goes_nowhere() {
    let ground = Ground::prepare().await;
    ground.act("pause").await;
    let delivery = ground.hand_in("call.wav").await;
    ground.remove("?use_cases=detach&open=cancel", 204).await;
    ground.app.run_due_jobs().await;

    let shown = ground.delivery(&delivery).await;
    assert_eq!(shown["state"], "cancelled");
    assert!(text(&shown["last_error"]).contains("endpoint was removed"));
    assert_eq!(ground.arrived("shelf"), 0);
    let retried = ground.admin.post(&format!("/api/v1/deliveries/{delivery}/retry"), &json!({})).await;
    assert_eq!(retried.expect(409).json()["code"], "delivery_over");
    let admin = ground.app.sign_in(Role::Admin).await;
    admin.post(&format!("/endpoints/{}/restore", ground.endpoint), &[]).await.expect(404);
}

#[tokio::test]
async fn what_is_moved_arrives_at_the_other_endpoint_once() {
    let ground = Ground::prepare().await;
    let other = add(&ground.admin, "Cellar").await;
    ground.act("pause").await;
    let mut moved = Vec::new();
    for number in 0..250 {
        moved.push(ground.hand_in(&format!("{number}.wav")).await);
    }
    ground.remove(&format!("?use_cases=detach&open=move&to={other}"), 204).await;
    ground.app.run_due_jobs().await;

    for delivery in [&moved[0], &moved[249]] {
        assert_eq!(ground.delivery(delivery).await["state"], "cancelled");
    }
    assert_eq!((ground.arrived("shelf"), ground.arrived("cellar")), (0, 250));
    let open = ground.admin.get("/api/v1/deliveries?state=queued").await.expect(200).json();
    assert_eq!(open["items"], json!([]));
    assert!(ground.is_gone().await);
}

#[tokio::test]
async fn what_both_endpoints_should_get_is_not_moved_into_a_second_copy() {
    let ground = Ground::prepare().await;
    let other = add(&ground.admin, "Cellar").await;
    let use_case = ground.admin.get("/api/v1/use-cases").await.expect(200).json()["items"][0].clone();
    let both = json!({"name": "Claims", "recordings": [ground.endpoint, other]});
    ground.admin.put(&format!("/api/v1/use-cases/{}", text(&use_case["id"])), &both).await.expect(200);
    ground.act("pause").await;
    let moved = ground.hand_in("call.wav").await;
    ground.app.run_due_jobs().await;
    assert_eq!((ground.arrived("shelf"), ground.arrived("cellar")), (0, 1));

    ground.remove(&format!("?use_cases=detach&open=move&to={other}"), 204).await;
    ground.app.run_due_jobs().await;

    assert_eq!(ground.delivery(&moved).await["state"], "cancelled");
    assert_eq!((ground.arrived("shelf"), ground.arrived("cellar")), (0, 1));
    let there = ground.admin.get(&format!("/api/v1/deliveries?endpoint={other}")).await.expect(200).json();
    assert_eq!(there["items"].as_array().map(Vec::len), Some(1));
    assert!(ground.is_gone().await);
}

#[tokio::test]
async fn an_endpoint_that_delivers_first_goes_with_its_last_delivery() {
    let ground = Ground::prepare().await;
    ground.act("pause").await;
    let delivery = ground.hand_in("call.wav").await;
    let leaving = ground.remove("?use_cases=detach&open=deliver", 202).await;
    assert_eq!(leaving["leaving"], "deliver");
    ground.app.run_due_jobs().await;
    assert!(!ground.is_gone().await, "it is paused");
    let media =
        ground.client.upload(&ground.conversation, &[("kind", "recording")], b"RIFF\x24\0\0\0WAVEfmt ").await;
    assert_eq!(media.expect(201).json()["deliveries"], json!([]), "it takes nothing new");

    ground.act("resume").await;
    ground.app.run_due_jobs().await;
    assert_eq!(ground.delivery(&delivery).await["state"], "delivered");
    assert_eq!(ground.arrived("shelf"), 1);
    assert!(ground.is_gone().await);
}
