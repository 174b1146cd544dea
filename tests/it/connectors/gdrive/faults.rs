//! What breaks on the way, and what is there afterwards.

use mediaport::connectors::ItemProblem;

use super::*;

const MIB: u64 = 1024 * 1024;

#[tokio::test]
async fn an_upload_goes_on_where_the_service_stands() {
    for fault in [
        json!({"match": "PUT /upload", "skip": 1, "keep": 3_000_000, "status": 503}),
        json!({"match": "PUT /upload", "skip": 1, "keep": 3_000_000, "hang_up": "before"}),
        json!({"match": "PUT /upload", "skip": 1, "keep": 0, "status": 500}),
        json!({"match": "PUT /upload", "skip": 1, "hang_up": "before"}),
    ] {
        let account = Account::open();
        account.fault(&json!([fault]));
        let item = item("call.mp4", 40 * MIB);

        let (_, verified) = deliver(&account, &item).await.expect("delivered");

        assert_eq!(verified, VerifiedBy::Sha256);
        assert_eq!(account.look(&item.path).await, Some((item.size, item.sha256)));
        let puts = account.calls("PUT /upload");
        let ranges: Vec<_> = puts.iter().map(|put| put["range"].as_str().unwrap_or_default()).collect();
        assert_eq!(ranges[2], format!("bytes */{}", 40 * MIB), "{ranges:?}");
        let kept = if fault["keep"].as_u64() > Some(0) { 16 * MIB + 11 * 256 * 1024 } else { 16 * MIB };
        assert!(ranges[3].starts_with(&format!("bytes {kept}-")), "{fault}: {ranges:?}");
    }
}

#[tokio::test]
async fn a_service_that_stays_away_is_left_to_the_queue() {
    for fault in [
        json!({"match": "PUT /upload", "times": 99, "status": 503}),
        json!({"match": "PUT /upload", "times": 99, "hang_up": "before"}),
        json!({"match": "PUT /upload", "times": 99, "keep": 0, "status": 503}),
        json!({"match": "DELETE|PUT /upload", "times": 99, "status": 500}),
    ] {
        let account = Account::open();
        account.fault(&json!([fault]));

        let refused = account.refusal().await;

        assert!(matches!(refused, DeliveryError::Transient { .. }), "{refused:?}");
        assert!(account.calls("PUT /upload").len() < 6, "the queue tries again, not the connector");
        assert_eq!(account.files().len(), 0);
        account.fault(&json!([]));
        deliver(&account, &item("a.jpg", 2000)).await.expect("delivered");
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let account = Account::open();
    account.fault(&json!([{"match": "PUT /upload", "hang_up": "after"}]));

    deliver(&account, &item("a.jpg", 2000)).await.expect("delivered");

    assert_eq!(account.files().len(), 1);
}

#[tokio::test]
async fn twenty_lost_answers_leave_one_file() {
    for late in [false, true] {
        let account = Account::open();
        account.set(&json!({"late": late}));
        let mut item = item("2026/a.jpg", 20_000);
        account.reserve(&mut item).await.expect("reserved");
        let reserved = item.reservation.clone();
        // the search does not show it yet: the reserved identifier alone keeps a second file away
        let blind = json!({"match": "GET /drive/v3/files$", "times": 999, "answer": {"files": []}});
        account.fault(&json!([{"match": "PUT /upload", "hang_up": "after"},
            {"match": "PUT /upload", "hang_up": "before", "times": 3}, blind.clone()]));
        let lost = account.attempt(&mut item).await.expect_err("no answer");
        assert!(matches!(lost, DeliveryError::Transient { .. }), "{lost:?}");

        for _ in 0..20 {
            account.fault(&json!([blind.clone()]));
            assert_eq!(account.attempt(&mut item).await, Ok(VerifiedBy::Sha256));
        }

        assert_eq!(item.reservation, reserved);
        let files = account.files();
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!(files[0]["id"], reserved.expect("an identifier")["file_id"]);
    }
}

#[tokio::test]
async fn what_has_the_identifier_is_looked_at() {
    let account = Account::open();
    let blind = json!([{"match": "GET /drive/v3/files$", "times": 999, "answer": {"files": []}}]);
    account.fault(&blind);
    let mut item = item("a.jpg", 20_000);
    account.attempt(&mut item).await.expect("delivered");
    let id = item.reservation.as_ref().expect("an identifier")["file_id"].clone();

    // somebody has replaced what we stored; it stays as it is
    account.set(&json!({"edit": {"id": id, "sha256Checksum": "00"}}));
    let conflict = account.put(&item).await.expect_err("a conflict");
    assert!(matches!(conflict, DeliveryError::Item { reason: ItemProblem::Conflict, .. }), "{conflict:?}");
    assert_eq!(account.files()[0]["sha256Checksum"], "00");

    // or thrown it away: the next attempt has another identifier
    account.set(&json!({"edit": {"id": id, "sha256Checksum": item.sha256, "trashed": true}}));
    let trashed = account.put(&item).await.expect_err("not there");
    assert!(matches!(trashed, DeliveryError::Transient { .. }), "{trashed:?}");
    account.attempt(&mut item).await.expect("delivered");
    assert_ne!(item.reservation.as_ref().expect("an identifier")["file_id"], id);
    assert_eq!(account.files().len(), 1);
}

#[tokio::test]
async fn a_damaged_copy_goes_into_the_trash_and_is_sent_again() {
    let account = Account::open();
    account.fault(&json!([{"match": "PUT /upload", "flip": true}]));
    let mut item = item("2026/a.jpg", 3000);

    let spoiled = account.attempt(&mut item).await.expect_err("spoiled");
    assert!(matches!(spoiled, DeliveryError::Transient { .. }), "{spoiled:?}");
    assert!(spoiled.message().contains("differs"), "{spoiled}");
    assert_eq!(account.files().len(), 0);

    assert_eq!(account.attempt(&mut item).await, Ok(VerifiedBy::Sha256));
    assert_eq!(account.look(&item.path).await, Some((item.size, item.sha256)));
}

#[tokio::test]
async fn a_file_that_has_gone_is_not_delivered() {
    for (change, again) in [(json!({"trashed": true}), true), (json!({}), false)] {
        let account = Account::open();
        let mut item = item("2026/a.jpg", 3000);
        account.reserve(&mut item).await.expect("reserved");
        let receipt = account.put(&item).await.expect("stored");
        let mut edit = change.clone();
        edit["id"] = receipt.location["file_id"].clone();
        account.set(&json!({"edit": edit}));

        let gone = account.verify(&item, &receipt).await.expect_err("gone");

        assert!(matches!(gone, DeliveryError::Transient { .. }), "{gone:?}");
        assert!(gone.message().contains("written again"), "{gone}");
        let before = item.reservation.clone();
        account.attempt(&mut item).await.expect("delivered");
        assert_eq!(item.reservation != before, again, "a file in the trash keeps its identifier");
    }
}

#[tokio::test]
async fn a_folder_that_was_thrown_away_is_made_anew() {
    let account = Account::open();
    let (receipt, _) = deliver(&account, &item("2026/a.jpg", 100)).await.expect("delivered");
    let id = &receipt.location["file_id"];
    let files = account.files();
    let folder = files.iter().find(|file| file["id"] == *id).expect("a file")["parents"][0].clone();
    account.set(&json!({"edit": {"id": folder, "trashed": true}}));
    let mut second = item("2026/b.jpg", 100);

    let gone = account.attempt(&mut second).await.expect_err("in the trash");
    assert!(matches!(gone, DeliveryError::Transient { .. }), "{gone:?}");
    account.attempt(&mut second).await.expect("delivered");

    let files = account.files();
    assert_eq!(files.len(), 1);
    assert_ne!(files[0]["parents"][0], folder);
}

#[tokio::test]
async fn an_upload_goes_to_nobody_else() {
    let account = Account::open();
    let canary = support::Canary::at("127.0.0.1");
    account.fault(&json!([{"match": "POST /upload", "times": 9, "location": canary.url()}]));

    let refused = account.refusal().await;

    assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{refused:?}");
    canary.assert_silent();
}
