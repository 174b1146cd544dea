//! The log of deliveries among thousands: pages walk indexes, a search looks at so many and says how far back that was.

use std::collections::BTreeSet;

use mediaport::platform::web::Role;

use super::plans;
use super::rows::Rows;
use crate::support::{Browser, Page, TestApp};

fn ids(page: &Page) -> Vec<String> {
    page.attributes("tbody tr", "id")
}

fn link(page: &Page, words: &str) -> Option<String> {
    let hrefs = page.attributes("#results a", "href");
    let at = page.texts("#results a").iter().position(|text| text == words)?;
    Some(hrefs[at].clone())
}

/// Follows a link of each page to the end and gives the rows that came by.
async fn follow(browser: &Browser, address: &str, words: &str) -> Vec<String> {
    let (mut found, mut next) = (Vec::new(), Some(address.to_owned()));
    while let Some(address) = next {
        let page = browser.get(&address).await.expect(200);
        found.extend(ids(&page));
        next = link(&page, words);
    }
    found
}

#[tokio::test]
async fn a_search_looks_at_so_many_and_goes_on_from_there() {
    let app = TestApp::start().await;
    Rows::add(&app).await;
    let watcher = app.sign_in(Role::Auditor).await;

    let page = watcher.get("/deliveries?q=nowhere").await.expect(200);
    assert!(ids(&page).is_empty());
    page.assert_mentions("Looked through 5,000 deliveries, back to");
    page.assert_mentions("Nothing found so far");
    let further = watcher.get(&link(&page, "Search further back").unwrap()).await.expect(200);
    further.assert_mentions("No delivery matches");
    assert!(link(&further, "Search further back").is_none(), "9,000 are looked at in two steps");

    let all = follow(&watcher, "/deliveries?q=a.jpg", "Older").await;
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (9_000, 9_000), "each is found once");
    let held = follow(&watcher, "/deliveries?state=held", "Older").await;
    assert_eq!(held, follow(&watcher, "/deliveries?state=held&q=A.JPG", "Older").await);
    assert!(held.len() > 20);
    app.run_due_jobs().await;
}

async fn walks_indexes(mode: &str) {
    let mut app = TestApp::start().await;
    let rows = Rows::add(&app).await;
    let one = rows.admin.get("/api/v1/deliveries?limit=1").await.json()["items"][0].clone();
    let [id, media, endpoint] =
        [&one["id"], &one["media"]["id"], &one["endpoint"]["id"]].map(|id| id.as_str().unwrap().to_owned());
    let endpoint = format!("endpoint={endpoint}");
    plans::analyze(&app).await;
    plans::listen(&mut app, mode).await;
    let of_endpoint = |rest: &str| format!("{endpoint}&{rest}");
    let pages = ["", "state=held", "state=waiting", "state=delivered", &endpoint]
        .map(str::to_owned)
        .into_iter()
        .chain(["state=waiting", "state=delivered"].map(of_endpoint));
    look(&app, pages, |_| true).await;

    plans::large(&mut app).await;
    let names = ["q=nowhere", "q=call+7+4", "q=a.jpg"].map(str::to_owned);
    let searches = names
        .into_iter()
        .chain([format!("q={id}"), format!("q={media}")])
        .chain(["q=nowhere", "state=waiting&q=nowhere"].map(of_endpoint));
    look(&app, searches, |problem| problem != "looks at too many rows").await;
    app.run_due_jobs().await;
}

/// Opens pages and judges the plans of their statements.
async fn look(app: &TestApp, queries: impl Iterator<Item = String>, counts: impl Fn(&str) -> bool) {
    let watcher = app.sign_in(Role::Auditor).await;
    for query in queries {
        for _ in 0..7 {
            // a server settles on a plan after some executions
            plans::forget();
            watcher.get(&format!("/deliveries?{query}")).await.expect(200);
        }
        let plans = plans::take(app).await;
        for plan in plans.iter().filter(|plan| plan.sql.contains("deliveries d")) {
            let problems: Vec<_> = plan.problems().into_iter().filter(|problem| counts(problem)).collect();
            assert!(problems.is_empty(), "{query} {problems:?}:\n{}\n{}", plan.sql, plan.text);
        }
    }
}

#[tokio::test]
async fn every_page_of_the_log_walks_an_index_planned_for_its_values() {
    walks_indexes("force_custom_plan").await;
}

#[tokio::test]
async fn every_page_of_the_log_walks_an_index_planned_for_any_values() {
    walks_indexes("force_generic_plan").await;
}
