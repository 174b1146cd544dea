//! The log of deliveries: what it shows of many, what a search finds, who may act, and that it keeps itself up to date.

use std::time::Duration;

use futures_util::FutureExt;
use mediaport::features::apps::Scope;
use mediaport::on;
use mediaport::platform::db::DbError;
use mediaport::platform::web::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Browser, Page, TestApp};

/// How long a change may take to be seen; streams look each second.
const SOON: Duration = Duration::from_secs(10);

/// Files on their way to a shelf, and some of them to a mirror of it.
struct Files {
    shelf: String,
    mirror: String,
    /// Deliveries to the shelf, from the first to the last.
    ids: Vec<String>,
    media: Vec<String>,
}

impl Files {
    /// Hands in three files of a contact named `call 88213`, and a fourth of one without a name.
    async fn add(app: &TestApp) -> Self {
        let admin = app.add_token(Role::Admin).await;
        let endpoint = async |name: &str| {
            let document = json!({"name": name, "type": "folder", "directory": name.to_lowercase()});
            text(&admin.post("/api/v1/endpoints", &document).await.expect(201).json()["id"])
        };
        let (shelf, mirror) = (endpoint("Shelf").await, endpoint("Mirror").await);
        for (name, recordings) in [("Claims", json!([shelf])), ("Both", json!([shelf, mirror]))] {
            let use_case = json!({"name": name, "pictures": [], "recordings": recordings});
            admin.post("/api/v1/use-cases", &use_case).await.expect(201);
        }
        let client = app.add_key("Claims", Scope::ALL).await;
        let named = json!({"use_case": "Claims", "external_id": "call 88213"});
        let named = client.post("/api/v1/conversations", &named).await.expect(201).json();
        let other = client.open_conversation("Both").await;
        let (mut ids, mut media) = (Vec::new(), Vec::new());
        for (name, conversation) in [
            ("Röntgen.wav", named["id"].as_str().unwrap()),
            ("hall.wav", named["id"].as_str().unwrap()),
            ("kitchen.wav", named["id"].as_str().unwrap()),
            ("roof.wav", other.as_str()),
        ] {
            let about = [("kind", "recording"), ("file_name", name)];
            let stored = client.upload(conversation, &about, b"RIFF\x24\0\0\0WAVEfmt ").await;
            let stored = stored.expect(201).json();
            let own =
                stored["deliveries"].as_array().unwrap().iter().find(|one| one["endpoint_id"] == *shelf);
            ids.push(text(&own.unwrap()["id"]));
            media.push(text(&stored["id"]));
        }
        Self { shelf, mirror, ids, media }
    }

    fn row(&self, number: usize) -> String {
        format!("delivery-{}", self.ids[number])
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Changes a delivery as the program would; `held_reason` comes with the state.
async fn change(app: &TestApp, id: &str, state: &str, error: Option<&str>) {
    let (id, state, error) = (id.to_owned(), state.to_owned(), error.map(str::to_owned));
    let (reason, now) = ((state == "held").then_some("rejected"), app.clock.now());
    app.act(move |tx| {
        async move {
            let sql = "UPDATE deliveries SET state = $2, held_reason = $3, last_error = $4, updated_at = $5 WHERE id = $1";
            on!(tx, conn => sqlx::query(sql)
                .bind(&id).bind(&state).bind(reason).bind(&error).bind(now).execute(conn).await.map(drop))?;
            Ok::<_, DbError>(())
        }
        .boxed()
    })
    .await;
}

/// Gives the names of the files that a page shows, the newest first.
fn names(page: &Page) -> Vec<String> {
    page.texts("tbody .lead")
}

#[tokio::test]
async fn the_log_is_narrowed_by_state_group_and_endpoint() {
    let app = TestApp::start().await;
    let files = Files::add(&app).await;
    change(&app, &files.ids[0], "held", Some("The bucket refused it")).await;
    change(&app, &files.ids[1], "retrying", Some("The server closed the connection")).await;
    change(&app, &files.ids[2], "cancelled", None).await;
    let watcher = app.sign_in(Role::Auditor).await;
    let shown = async |query: &str| names(&watcher.get(&format!("/deliveries?{query}")).await.expect(200));

    assert_eq!(shown("").await, ["roof.wav", "roof.wav", "kitchen.wav", "hall.wav", "Röntgen.wav"]);
    assert_eq!(shown("state=held").await, ["Röntgen.wav"]);
    assert_eq!(shown("state=waiting").await, ["roof.wav", "roof.wav", "hall.wav"]);
    assert_eq!(shown("state=retrying").await, ["hall.wav"]);
    assert_eq!(shown("state=cancelled").await, ["kitchen.wav"]);
    assert_eq!(shown(&format!("endpoint={}", files.mirror)).await, ["roof.wav"]);
    assert_eq!(shown(&format!("state=waiting&endpoint={}", files.shelf)).await, ["roof.wav", "hall.wav"]);
    for wrong in ["state=lost", "endpoint=7", "after=7"] {
        let page = watcher.get(&format!("/deliveries?{wrong}")).await;
        assert!([400, 404].contains(&page.status), "{wrong}: {}", page.status);
    }

    let page = watcher.get("/deliveries?state=waiting").await;
    page.assert_text(".segments [aria-current]", "Waiting");
    let tab =
        watcher.get(&format!("/endpoints/{}?tab=deliveries&state=waiting", files.shelf)).await.expect(200);
    assert_eq!(names(&tab), ["roof.wav", "hall.wav"]);
    watcher.get("/deliveries?state=delivered").await.assert_mentions("No delivery matches");
    app.run_due_jobs().await;
}

#[tokio::test]
async fn a_search_finds_names_contacts_errors_and_identifiers() {
    let app = TestApp::start().await;
    let files = Files::add(&app).await;
    change(&app, &files.ids[1], "retrying", Some("The server closed the CONNECTION")).await;
    let watcher = app.sign_in(Role::Auditor).await;
    let cases = [
        ("röNTGEN", vec!["Röntgen.wav"]),
        ("  .WAV ", vec!["roof.wav", "roof.wav", "kitchen.wav", "hall.wav", "Röntgen.wav"]),
        ("call 88213", vec!["kitchen.wav", "hall.wav", "Röntgen.wav"]),
        ("88213", vec!["kitchen.wav", "hall.wav", "Röntgen.wav"]),
        ("connection", vec!["hall.wav"]),
        (&files.ids[2], vec!["kitchen.wav"]),
        (&files.media[3], vec!["roof.wav", "roof.wav"]),
        ("100%", vec![]),
        ("%", vec![]),
        ("h_ll", vec![]),
        ("nothing of the kind\0", vec![]),
    ];

    for (words, expected) in cases {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", words).finish();
        let page = watcher.get(&format!("/deliveries?{query}")).await.expect(200);
        assert_eq!(names(&page), expected, "{words}");
        let kept = page.form("form[role=search]").value("q");
        assert_eq!(kept, words.trim_matches(|letter: char| letter == ' ' || letter == '\0'), "{words}");
    }
    let narrowed = format!("/deliveries?q=call+88213&state=retrying&endpoint={}", files.shelf);
    assert_eq!(names(&watcher.get(&narrowed).await), ["hall.wav"]);
    let elsewhere = format!("/deliveries?q={}&endpoint={}", files.ids[0], files.mirror);
    watcher.get(&elsewhere).await.assert_mentions("No delivery matches");
    app.run_due_jobs().await;
}

#[tokio::test]
async fn only_admins_are_offered_to_retry_and_to_cancel_what_can_be() {
    let app = TestApp::start().await;
    let files = Files::add(&app).await;
    change(&app, &files.ids[0], "held", Some("The bucket refused it")).await;
    change(&app, &files.ids[1], "delivered", None).await;
    let (admin, auditor) = (app.sign_in(Role::Admin).await, app.sign_in(Role::Auditor).await);
    let tab = format!("/endpoints/{}?tab=deliveries", files.shelf);

    for address in ["/deliveries", &tab] {
        let page = admin.get(address).await.expect(200);
        for (number, acts) in [(0, vec!["retry", "cancel"]), (1, vec![]), (2, vec!["cancel"])] {
            let forms = page.attributes(&format!("#{} form", files.row(number)), "action");
            let expected: Vec<_> =
                acts.iter().map(|act| format!("/deliveries/{}/{act}", files.ids[number])).collect();
            assert_eq!(forms, expected, "{address}");
        }
        assert!(!page.form(&format!("#{} form", files.row(0))).value("_token").is_empty());
        assert!(auditor.get(address).await.expect(200).attributes("tbody form", "action").is_empty());
    }
    let hurry = format!("form[action='/endpoints/{}/hurry']", files.shelf);
    assert!(!admin.get(&tab).await.form(&hurry).value("_token").is_empty());
    assert!(auditor.get(&tab).await.texts(&hurry).is_empty());

    let page = format!("/deliveries/{}", files.ids[0]);
    let acts = format!("form[action^='{page}/']");
    assert_eq!(admin.get(&page).await.expect(200).texts(&acts), ["Retry now", "Cancel delivery"]);
    assert!(auditor.get(&page).await.expect(200).texts(&acts).is_empty());
    app.run_due_jobs().await;
}

#[tokio::test]
async fn a_delivery_tells_its_attempts_and_what_travels() {
    let app = TestApp::start().await;
    let files = Files::add(&app).await;
    let watcher = app.sign_in(Role::Auditor).await;
    let address = format!("/deliveries/{}", files.ids[0]);
    change(&app, &files.ids[0], "sending", None).await;
    watcher.get(&address).await.assert_mentions("Attempt 0: sending");
    change(&app, &files.ids[0], "queued", None).await;

    app.run_due_jobs().await;

    let page = watcher.get(&address).await.expect(200);
    page.assert_text(".timeline li.ok b", "Attempt 1: delivered");
    for fact in ["call 88213", &files.media[0], "Shelf", "Claims", "16 bytes", "Recording"] {
        page.assert_mentions(fact);
    }
    let rows = watcher.get("/deliveries").await;
    let took = rows.texts(&format!("#{} td:nth-child(5)", files.row(0)));
    assert!(took[0].ends_with("ms") || took[0].ends_with(" s"), "{took:?}");
}

/// What a browser hears.
struct Stream {
    response: reqwest::Response,
    heard: String,
}

impl Stream {
    async fn open(browser: &Browser, path: &str, last: Option<&str>) -> Self {
        let request = browser.request(Method::GET, path).header("Accept", "text/event-stream");
        let request = last.iter().fold(request, |request, id| request.header("Last-Event-ID", *id));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        let mut stream = Self { response, heard: String::new() };
        stream.until(|heard| !heard.is_empty()).await;
        stream
    }

    /// Listens until something was heard and gives it; what was heard before is forgotten.
    async fn until(&mut self, is_enough: impl Fn(&str) -> bool) -> String {
        let listening = async {
            while !is_enough(&self.heard) {
                let chunk = self.response.chunk().await.unwrap();
                let chunk = chunk.unwrap_or_else(|| panic!("the stream ended after {:?}", self.heard));
                self.heard.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        let in_time = tokio::time::timeout(SOON, listening).await;
        assert!(in_time.is_ok(), "not heard in time, but {:?}", self.heard);
        std::mem::take(&mut self.heard)
    }

    /// Listens until the stream ends and gives what came.
    async fn rest(mut self) -> String {
        let listening = async {
            while let Ok(Some(chunk)) = self.response.chunk().await {
                self.heard.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        tokio::time::timeout(SOON, listening).await.unwrap();
        self.heard
    }
}

/// Gives the address of the stream that a page names.
fn live(page: &Page) -> String {
    page.attributes("[data-log]", "hx-sse:connect").remove(0)
}

#[tokio::test]
async fn a_page_hears_of_changes_and_goes_on_where_it_lost_the_stream() {
    let app = TestApp::start().await;
    let files = Files::add(&app).await;
    let admin = app.sign_in(Role::Admin).await;
    let address = live(&admin.get("/deliveries").await);
    // What changed between the page and its stream is not lost.
    app.clock.advance(Duration::from_secs(1));
    change(&app, &files.ids[0], "sending", None).await;
    let mut stream = Stream::open(&admin, &address, None).await;
    let ends = |heard: &str, word: &str| heard.contains(word) && heard.ends_with("\n\n");
    stream.until(|heard| ends(heard, "Sending")).await;

    // Even within the same millisecond.
    change(&app, &files.ids[0], "held", Some("<b>refused</b>")).await;
    let heard = stream.until(|heard| ends(heard, "Held")).await;
    assert!(heard.contains(&files.row(0)) && heard.contains("/retry") && heard.contains("_token"), "{heard}");
    assert!(!heard.contains("<b>refused"), "{heard}");
    assert_eq!(heard.matches("<tr").count(), 1, "{heard}");
    let place = heard.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    assert_eq!(place, app.clock.now().millis().to_string());
    drop(stream);

    app.clock.advance(Duration::from_mins(10));
    change(&app, &files.ids[1], "held", Some("later")).await;
    app.clock.advance(Duration::from_mins(10));
    let mut stream = Stream::open(&admin, &address, Some(&place)).await;
    let heard = stream.until(|heard| ends(heard, &files.row(1))).await;
    assert!(heard.contains("later"), "{heard}");
    app.run_due_jobs().await;
}

#[tokio::test]
async fn a_filtered_page_hears_only_of_its_own_rows_and_of_those_that_leave() {
    let app = TestApp::start().await;
    let files = Files::add(&app).await;
    change(&app, &files.ids[0], "held", Some("refused")).await;
    app.clock.advance(Duration::from_mins(1));
    let watcher = app.sign_in(Role::Auditor).await;
    let page = watcher.get(&format!("/deliveries?state=held&endpoint={}&q=refused", files.shelf)).await;
    let mut stream = Stream::open(&watcher, &live(&page), None).await;
    stream.heard.clear();

    change(&app, &files.ids[1], "held", Some("another reason")).await;
    change(&app, &files.ids[2], "held", Some("Refused too")).await;
    app.clock.advance(Duration::from_secs(1));
    change(&app, &files.ids[0], "delivered", None).await;

    let heard = stream.until(|heard| heard.contains("data-left") && heard.ends_with("\n\n")).await;
    assert!(heard.contains(&files.row(2)) && !heard.contains(&files.row(1)), "{heard}");
    let left = &heard[heard.find(&files.row(0)).unwrap()..];
    assert!(left.contains("Delivered") && left.contains("No longer in this list"), "{left}");
    assert!(!heard.contains("/retry"), "an auditor is offered nothing: {heard}");
    app.run_due_jobs().await;
}

#[tokio::test]
async fn the_page_of_a_delivery_is_drawn_again_when_it_changes() {
    let app = TestApp::start().await;
    let files = Files::add(&app).await;
    let admin = app.sign_in(Role::Admin).await;
    let path = format!("/deliveries/{}/live", files.ids[0]);
    let mut stream = Stream::open(&admin, &path, None).await;
    stream.until(|heard| heard.contains("Not tried yet") || heard.is_empty()).await;

    app.run_due_jobs().await;

    let heard = stream.until(|heard| heard.contains("Attempt 1: delivered") && heard.ends_with("\n\n")).await;
    assert!(heard.contains("id=\"delivery\""), "{heard}");
    admin.get("/deliveries/01890000-0000-7000-8000-000000000000/live").await.expect(404);
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_does_not_make_it_longer() {
    let app = TestApp::start().await;
    Files::add(&app).await;
    let admin = app.sign_in(Role::Admin).await;
    let stream = Stream::open(&admin, "/deliveries/live", None).await;

    admin.sign_out().await;
    app.clock.advance(Duration::from_secs(31));
    assert!(stream.rest().await.ends_with("event: signed-out\ndata:\n\n"));

    let watcher = app.sign_in(Role::Auditor).await;
    let stream = Stream::open(&watcher, "/deliveries/live", None).await;
    for _ in 0..4 {
        app.clock.advance(Duration::from_mins(9));
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    assert!(stream.rest().await.ends_with("event: signed-out\ndata:\n\n"), "watching is not working");
    app.run_due_jobs().await;
}

#[tokio::test]
async fn streams_are_counted_and_a_stop_does_not_wait_for_them() {
    let mut app = TestApp::start().await;
    let watcher = app.sign_in(Role::Auditor).await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        streams.push(Stream::open(&watcher, "/deliveries/live", None).await);
    }
    let refused = watcher.get("/deliveries/live").await.expect(429);
    assert!(!refused.header("retry-after").is_empty());
    refused.assert_mentions("You watch as many pages as one person may");
    let other = app.sign_in(Role::Admin).await;
    streams.push(Stream::open(&other, "/deliveries/live", None).await);

    let began = std::time::Instant::now();
    app.restart().await;
    assert!(began.elapsed() < Duration::from_secs(5), "the stop took {:?}", began.elapsed());
    for stream in streams {
        assert!(!stream.rest().await.contains("signed-out"), "browsers are to come again");
    }
    let again = Browser::new(app.address(), app.running().public.origin());
    again.plant("sid", &watcher.cookie("sid").unwrap());
    Stream::open(&again, "/deliveries/live", None).await;
}
