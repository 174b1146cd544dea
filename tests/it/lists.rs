//! Lists of the HTTP API: what can be asked of them, that a walk finds each row once, and what a page costs.

mod log;
mod plans;
mod questions;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use mediaport::app::routes;
use mediaport::on;
use mediaport::platform::db::DbError;
use reqwest::Method;
use serde_json::Value;

use crate::support::{ApiClient, TestApp};
use rows::{MEDIA, Rows, walk};

/// Gives the address of every list: what answers `GET` with items, whatever routes there are.
async fn lists(client: &ApiClient) -> Vec<&'static str> {
    let mut lists = Vec::new();
    for entry in routes::table() {
        if entry.method != Method::GET.as_str()
            || !entry.path.starts_with("/api/v1/")
            || entry.path.contains('{')
        {
            continue;
        }
        let page = client.get(entry.path).await;
        let document: Value = serde_json::from_slice(&page.body).unwrap_or_default();
        if page.status == 200 && document["items"].is_array() {
            lists.push(entry.path);
        }
    }
    lists
}

/// Apps are few, and some questions are put to each of them.
const FEW: &str = "/api/v1/apps";

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_list_answers_any_number_with_at_most_200_rows_or_a_refusal() {
    let app = TestApp::start().await;
    let rows = Rows::add(&app).await;
    let lists = lists(&rows.admin).await;
    assert!(lists.len() >= 5, "{lists:?}");
    let past_the_end = [
        "00000000-0000-7000-8000-000000000000",
        "0~00000000-0000-7000-8000-000000000000",
        "9I-_vw",
        "0~k00000000000",
    ];
    let numbers = [
        "0",
        "-1",
        "1",
        "200",
        "201",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "1000000000",
        "1e9",
        "abc",
        "",
        "%00",
        "%F0%9F%92%A9",
        "1%27--",
    ];
    let many =
        ["a=1&".repeat(4_000), "&".repeat(16_000), (0..2_500).map(|n: i32| n.to_string() + "&").collect()];
    let long = "a=1&".repeat(15_000);

    for list in lists {
        let mut most = 0;
        for name in ["limit", "after", "offset", "page", "id"] {
            for number in numbers.iter().chain(&past_the_end) {
                let page = rows.admin.get(&format!("{list}?{name}={number}")).await;
                let what = format!("{list}?{name}={number}: {}", page.text());
                assert!(matches!(page.status, 200 | 400), "{what}");
                if page.status == 200 {
                    most = most.max(page.json()["items"].as_array().unwrap().len());
                } else {
                    assert_eq!(page.json()["code"], "malformed", "{what}");
                    assert!(page.json()["detail"].as_str().unwrap().contains(name), "{what}");
                }
                let is_number = number.parse().is_ok_and(|number: i64| number > 0);
                let is_taken = number.is_empty() && matches!(name, "limit" | "after");
                let is_taken = is_taken
                    || name == "limit" && is_number
                    || name == "after" && past_the_end.contains(number);
                assert!(page.status == 400 || is_taken, "{what}");
                assert!(page.status == 200 || name != "limit" || !is_number, "{what}");
            }
        }
        assert!(most == 200 || list == FEW, "{list} gives {most}");
        let mut ends = Vec::new();
        for place in past_the_end {
            let page = rows.admin.get(&format!("{list}?after={place}")).await;
            ends.extend((page.status == 200).then(|| page.json()));
        }
        assert_eq!(ends, [serde_json::json!({"items": [], "next": null})], "{list}");
        let more = ["limit=1&limit=1", "limit[]=1", "limit=1&Limit=1"].map(str::to_owned);
        for query in many.iter().chain(&more) {
            rows.admin.get(&format!("{list}?{query}")).await.expect(400);
        }
        rows.admin.get(&format!("{list}?{long}")).await.expect(414);
    }
    app.run_due_jobs().await;
}

#[tokio::test]
async fn a_walk_gives_each_row_once_while_others_are_added() {
    let app = TestApp::start().await;
    let rows = Rows::add(&app).await;
    let count = std::sync::atomic::AtomicUsize::new(MEDIA);
    let add = async || {
        let count = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        add_a_row_to_each(&app, count).await;
    };

    for list in lists(&rows.admin).await {
        let before = ids(&walk(&rows.admin, &format!("{list}?limit=199"), async || {}).await);
        let during = ids(&walk(&rows.admin, &format!("{list}?limit=83"), add).await);

        let (first, then): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), during.iter().collect());
        assert_eq!(first.len(), before.len(), "{list} gives a row twice");
        assert_eq!(then.len(), during.len(), "{list} gives a row twice");
        assert!(first.is_subset(&then), "{list} leaves rows out");
        assert!(before.len() > 200 || list == FEW, "{list} has {}", before.len());
    }
    app.run_due_jobs().await;
}

/// Copies a row of each table, new in every list: at both ends of time and somewhere among the names.
async fn add_a_row_to_each(app: &TestApp, number: usize) {
    let id = |first: usize| format!("{first:04}0000-0000-7000-9000-{number:012}");
    let earlier = number.is_multiple_of(2);
    let (old, new) = (id(1), id(999));
    let (id, at) = if earlier { (old, 1_i64) } else { (new, i64::MAX - 1) };
    let name = format!("{} {number}", ["Aa", "Ma", "Zz", "Subject 5", "Shelf 5"][number % 5]);
    let statements = [
        "INSERT INTO use_cases (id, name, created_at, updated_at) VALUES ($1, $2, $3, 0)",
        "INSERT INTO endpoints (id, name, type, settings, sealed_secrets, archive, state, checked_at, created_at, updated_at)
         SELECT $1, $2, type, settings, sealed_secrets, 'none', 'active', $3, 0, 0 FROM endpoints WHERE name = 'Shelf'",
        "INSERT INTO conversations (id, app_id, agent, attributes, state, created_at, updated_at)
         SELECT $1, app_id, $2, '{}', 'open', $3, $3 FROM media WHERE id = (SELECT MIN(id) FROM media)",
        "INSERT INTO media (id, app_id, conversation_id, kind, file_name, mime_type, extension, size, sha256, state, is_damaged,
                            created_at)
         SELECT $1, app_id, conversation_id, kind, $2, '', '', 1, '', 'stored', FALSE, $3
         FROM media WHERE id = (SELECT MIN(id) FROM media)",
        "INSERT INTO deliveries (id, media_id, endpoint_id, state, last_error, attempts, created_at, updated_at)
         SELECT $1, $1, id, 'delivered', $2, 1, $3, 0 FROM endpoints WHERE name = 'Shelf'",
        "INSERT INTO apps (id, name, created_at) VALUES ($1, $2, $3)",
        "INSERT INTO personal_tokens (id, user_id, secret_hash, created_at)
         SELECT 't' || SUBSTR($1, 26, 11), user_id, $2, $3 FROM personal_tokens WHERE id = 't00000007919'",
        "INSERT INTO audit_entries (id, at, actor_kind, actor_name, action, target_kind, detail)
         VALUES ($1, $3, 'system', $2, 'test.done', 'test', '{}')",
    ];
    app.act(move |tx| {
        async move {
            for sql in statements {
                on!(tx, conn => sqlx::query(sql).bind(&id).bind(&name).bind(at).execute(conn).await.map(drop))?;
            }
            Ok::<_, DbError>(())
        }
        .boxed()
    })
    .await;
}

/// Tells whether an item is still there when the list is narrowed down.
type Keeps = Box<dyn Fn(&Value) -> bool>;

fn is(field: &'static str, value: &str) -> Keeps {
    let value = value.to_owned();
    Box::new(move |item| item[field] == value.as_str())
}

/// What narrows the list of media down.
fn filters(rows: &Rows, all: &[Value]) -> Vec<(String, Keeps)> {
    let (conversation, sha256) = (text(&all[77], "conversation_id"), text(&all[78], "sha256"));
    let (from, to) = (text(&all[4_000], "created_at"), text(&all[1_000], "created_at"));
    let small = rows.apps()[1];
    let is_small = || -> Keeps {
        let path = format!("media/{small}/");
        Box::new(move |item| text(item, "path").starts_with(&path))
    };
    vec![
        (String::new(), Box::new(|_| true)),
        ("kind=fax".into(), is("kind", "fax")),
        ("kind=recording".into(), is("kind", "recording")),
        (format!("conversation={conversation}"), is("conversation_id", &conversation)),
        (format!("sha256={}", sha256.to_uppercase()), is("sha256", &sha256)),
        ("state=failed".into(), is("state", "failed")),
        ("state=fetching".into(), is("state", "fetching")),
        ("state=stored".into(), is("state", "stored")),
        (format!("from={from}"), Box::new(move |item| text(item, "created_at") >= from)),
        (format!("to={to}"), Box::new(move |item| text(item, "created_at") < to)),
        (format!("app={small}"), is_small()),
        ("app=Small".into(), is_small()),
    ]
}

/// Gives each pair of filters with the identifiers that are then left of all items.
fn narrowings(filters: &[(String, Keeps)], all: &[Value]) -> Vec<(String, Vec<String>)> {
    let name = |query: &str| query.split('=').next().unwrap_or_default().to_owned();
    let mut narrowings = Vec::new();
    for (one, keeps) in filters {
        for (other, also_keeps) in filters {
            if one.is_empty() || name(one) != name(other) {
                let kept: Vec<Value> =
                    all.iter().filter(|item| keeps(item) && also_keeps(item)).cloned().collect();
                narrowings.push((format!("limit=200&{one}&{other}"), ids(&kept)));
            }
        }
    }
    narrowings
}

fn text(item: &Value, field: &str) -> String {
    item[field].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn filters_of_media_keep_what_they_say_in_order_with_all_deliveries() {
    let app = TestApp::start().await;
    let rows = Rows::add(&app).await;
    let all = walk(&rows.admin, "/api/v1/media?limit=200", async || {}).await;

    let order: Vec<_> = all.iter().map(|item| (text(item, "created_at"), text(item, "id"))).collect();
    assert!(order.is_sorted_by(|one, other| one > other), "the newest come first");
    assert!(
        all.len() > MEDIA * 8 / 10 && all.len() < MEDIA,
        "those that are deleted are not there: {}",
        all.len()
    );
    let deliveries: Vec<_> = all.iter().map(|item| item["deliveries"].as_array().unwrap().len()).collect();
    assert!([1, 2].iter().all(|count| deliveries.contains(count)), "some have one delivery, some two");
    assert_eq!(rows.admin.get(&format!("/api/v1/media/{}", order[5].1)).await.json(), all[5]);

    let narrowings = narrowings(&filters(&rows, &all), &all);
    let count = narrowings.iter().filter(|(_, expected)| !expected.is_empty()).count();
    assert!(count > 60, "only {count} of {} questions have an answer", narrowings.len());
    for (query, expected) in narrowings {
        let found = walk(&rows.admin, &format!("/api/v1/media?{query}"), async || {}).await;
        assert_eq!(ids(&found), expected, "{query}");
    }
    app.run_due_jobs().await;
}

#[tokio::test]
async fn filters_of_conversations_keep_what_they_say_in_order() {
    let app = TestApp::start().await;
    let rows = Rows::add(&app).await;
    let all = walk(&rows.admin, "/api/v1/conversations?limit=200", async || {}).await;

    assert!(ids(&all).is_sorted_by(|one, other| one > other), "the newest come first");
    let subject = text(&all[9]["use_case"], "name");
    let external = text(all.iter().find(|item| item["external_id"].is_string()).unwrap(), "external_id");
    let within = [
        ("", String::new()),
        ("state", "open".to_owned()),
        ("state", "ended".to_owned()),
        ("use_case", subject),
        ("external_id", external),
        ("agent", "agent4@example.com".to_owned()),
        ("app", rows.apps()[1].to_owned()),
    ];
    let keeps = |item: &Value, (name, value): &(&str, String)| match *name {
        "" => true,
        "use_case" => item["use_case"]["name"] == value.as_str(),
        "app" => item["app_id"] == value.as_str(),
        name => item[name] == value.as_str(),
    };
    for one in &within {
        for other in within.iter().filter(|other| other.0 != one.0) {
            let query: BTreeMap<_, _> =
                [one, other].into_iter().filter(|pair| !pair.0.is_empty()).cloned().collect();
            let query =
                url::form_urlencoded::Serializer::new(String::from("limit=90")).extend_pairs(query).finish();
            let expected: Vec<Value> =
                all.iter().filter(|item| keeps(item, one) && keeps(item, other)).cloned().collect();

            let found = walk(&rows.admin, &format!("/api/v1/conversations?{query}"), async || {}).await;

            assert_eq!(ids(&found), ids(&expected), "{query}");
        }
    }
    let shown = rows.admin.get(&format!("/api/v1/conversations/{}", text(&all[3], "id"))).await;
    assert_eq!(shown.expect(200).json(), all[3]);
    app.run_due_jobs().await;
}

#[tokio::test]
async fn a_key_sees_its_own_app_whatever_it_asks() {
    let app = TestApp::start().await;
    let rows = Rows::add(&app).await;
    let [large, small] = rows.apps();
    let foreign = walk(&rows.large, "/api/v1/media?limit=200", async || {}).await;
    let own = walk(&rows.small, "/api/v1/media?limit=200", async || {}).await;
    assert!(foreign.len() > 1_000 && own.len() > 300, "{} and {}", foreign.len(), own.len());

    let (conversation, sha256) = (text(&foreign[0], "conversation_id"), text(&foreign[0], "sha256"));
    let place = rows.large.get("/api/v1/media?limit=1").await.json()["next"].as_str().unwrap().to_owned();
    for query in [
        String::new(),
        "kind=picture".to_owned(),
        "state=failed".to_owned(),
        format!("sha256={sha256}"),
        format!("conversation={conversation}"),
        format!("conversation={conversation}&sha256={sha256}"),
        format!("app={small}"),
        "app=Small&kind=recording".to_owned(),
        format!("after={place}"),
    ] {
        let mark = if query.contains("after") { String::new() } else { "&after=".to_owned() };
        let page = rows.small.get(&format!("/api/v1/media?limit=200&{query}{mark}")).await.expect(200).json();
        for item in page["items"].as_array().unwrap() {
            assert!(text(item, "path").starts_with(&format!("media/{small}/")), "{query}: {item}");
        }
    }
    for item in walk(&rows.small, "/api/v1/conversations?limit=200", async || {}).await {
        assert_eq!(item["app_id"], small);
    }

    let refused = async |named: &str| {
        let media = rows.small.get(&format!("/api/v1/media?app={named}")).await.expect(422).json();
        let conversations =
            rows.small.get(&format!("/api/v1/conversations?app={named}")).await.expect(422).json();
        assert_eq!(media["errors"], conversations["errors"]);
        media["errors"].clone()
    };
    assert_eq!(refused(large).await, refused("Nobody").await, "an app of others looks like none");
    assert_eq!(refused("Large").await, refused("Nobody").await, "an app of others looks like none");
    app.run_due_jobs().await;
}

#[tokio::test]
async fn wrong_filters_are_named_all_at_once() {
    let app = TestApp::start().await;
    let key = app.add_key("Claims", mediaport::features::apps::Scope::ALL).await;

    let query =
        "kind=film&conversation=7&sha256=abc&state=deleted&from=yesterday&to=2026-13-01T00:00:00Z&app=%00";
    let problem = key.get(&format!("/api/v1/media?{query}")).await.expect(422).json();
    assert_eq!(problem["code"], "invalid");
    let fields: Vec<_> = problem["errors"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["app", "conversation", "from", "kind", "sha256", "state", "to"]);

    let problem = key.get("/api/v1/conversations?state=gone&agent=a%0Ab").await.expect(422).json();
    assert_eq!(problem["errors"].as_object().unwrap().len(), 2);
    let problem = key.get("/api/v1/conversations?use_case=Nothing").await.expect(422).json();
    assert!(problem["errors"]["use_case"].is_array());
    key.get("/api/v1/media?kind=&conversation=&sha256=&state=&from=&to=&app=").await.expect(200);
}
