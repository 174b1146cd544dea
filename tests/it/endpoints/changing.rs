use super::*;

#[tokio::test]
async fn a_change_is_tested_saved_and_tells_what_it_changed() {
    let ground = Ground::prepare().await;
    let id = &ground.endpoint;
    let change = json!({"name": "Cellar", "type": "folder", "directory": "cellar", "revision": 1});

    let saved = ground.admin.put(&format!("/api/v1/endpoints/{id}"), &change).await.expect(200).json();

    assert_eq!((&saved["name"], &saved["revision"]), (&json!("Cellar"), &json!(2)));
    let acts = ground.admin.get("/api/v1/audit?action=endpoint.updated").await.expect(200).json();
    let detail = &acts["items"][0]["detail"];
    assert_eq!(detail["before"]["settings"]["directory"], "shelf");
    assert_eq!(detail["after"]["settings"]["directory"], "cellar");
    let again = ground.admin.put(&format!("/api/v1/endpoints/{id}"), &change).await.expect(422).json();
    assert!(text(&again["errors"]["name"][0]).contains("changed this endpoint meanwhile"), "{again}");
}

#[tokio::test]
async fn a_change_whose_test_fails_saves_nothing() {
    let ground = Ground::prepare().await;
    std::fs::write(ground.app.config().folder_root.join("wall"), b"in the way")
        .expect("a file can stand there");
    let change = json!({"name": "Cellar", "type": "folder", "directory": "wall"});

    let refused = ground.admin.put(&format!("/api/v1/endpoints/{}", ground.endpoint), &change).await;

    assert_eq!(refused.expect(422).json()["code"], "endpoint_test_failed");
    let shown = ground.shown().await;
    assert_eq!(
        (&shown["name"], &shown["directory"], &shown["revision"]),
        (&json!("Shelf"), &json!("shelf"), &json!(1))
    );
}

#[tokio::test]
async fn the_form_of_a_change_shows_what_is_stored_and_says_what_is_wrong() {
    let ground = Ground::prepare().await;
    let admin = ground.app.sign_in(Role::Admin).await;
    add(&ground.admin, "Cellar").await;
    let page = admin.get(&format!("/endpoints/{}/edit", ground.endpoint)).await.expect(200);
    let form = page.form("#endpoint-form");
    assert_eq!((form.value("name"), form.value("directory")), ("Shelf".to_owned(), "shelf".to_owned()));

    let refused = admin.submit(&page.form("#endpoint-form").fill("name", "Cellar")).await.expect(422);
    refused.assert_mentions("Another endpoint has this name");
    let saved = admin.submit(&page.form("#endpoint-form").fill("name", "Attic")).await.expect(303);
    assert_eq!(saved.location(), format!("/endpoints/{}", ground.endpoint));
    let shown = ground.shown().await;
    assert_eq!(shown["name"], "Attic");
    assert_eq!(shown["recordings"].as_array().map(Vec::len), Some(1), "its use cases stay");

    let late = admin.submit(&page.form("#endpoint-form").fill("name", "Garret")).await.expect(422);
    late.assert_mentions("changed this endpoint meanwhile");
    assert_eq!(ground.shown().await["name"], "Attic");
}

#[tokio::test]
async fn a_copy_is_a_new_endpoint_like_the_old_one() {
    let ground = Ground::prepare().await;
    let admin = ground.app.sign_in(Role::Admin).await;
    let page = admin.get(&format!("/endpoints/new?copy={}", ground.endpoint)).await.expect(200);
    let form = page.form("#endpoint-form");
    assert_eq!((form.value("name"), form.value("directory")), ("Shelf copy".to_owned(), "shelf".to_owned()));

    let saved = admin.submit(&form.fill("directory", "copy")).await.expect(303);
    assert_ne!(saved.location(), format!("/endpoints/{}", ground.endpoint));
    let list = admin.get("/endpoints").await.expect(200);
    assert_eq!(list.texts("tbody .lead"), ["Shelf", "Shelf copy"]);
    admin.get("/endpoints/new?copy=01a1f8ee-77a0-7d0f-93f4-2b8a6f1c0d55").await.expect(404);
}
