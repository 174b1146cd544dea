//! When something of ours is broken, whoever asks learns that it is, and under which number the log tells the rest.
//!
//! The real program runs while one table after the other is taken away, then a file, then the whole database.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use mediaport::on;
use mediaport::platform::db::{Db, DbError, Location};
use mediaport::platform::secret::Secret;
use mediaport::platform::tasks::Tasks;
use regex_lite::Regex;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{ApiClient, Browser, Page, Process, TestDatabase};

/// As many routes as have to fail at least once.
const MANY: usize = 20;
/// The longest that somebody may wait to hear that the database is away: it is waited for 5 s, three writers after each
/// other, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How soon everything works again once the database is there.
const BACK: Duration = Duration::from_secs(5);
const TABLES: [&str; 14] = [
    "users",
    "setup_links",
    "personal_tokens",
    "events",
    "audit_entries",
    "endpoints",
    "use_cases",
    "use_case_endpoints",
    "apps",
    "api_keys",
    "conversations",
    "media",
    "deliveries",
    "delivery_attempts",
];

/// Somebody who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Admin,
    Token,
    Key,
}

/// A request that is answered well while nothing is broken.
struct Ask {
    who: Who,
    method: &'static str,
    path: String,
    body: Body,
}

enum Body {
    None,
    Form(&'static str),
    Json(Value),
    File,
}

/// Everybody who asks, and what there is to ask for.
struct Visitors {
    browser: Browser,
    csrf: String,
    token: ApiClient,
    key: ApiClient,
    asks: Vec<Ask>,
    media: String,
}

impl Visitors {
    async fn arrive(process: &Process) -> Self {
        let browser = Browser::new(process.address.clone(), process.address.clone());
        let link = process.greeting.split(&process.address).nth(2).unwrap().trim().to_owned();
        let form = browser.get(&link).await.expect(200).form("form").fill("name", "Ada");
        let form = form.fill("email", "ada@example.com").fill("password", "seven herons over grey water");
        browser.submit(&form).await.expect(303);
        let csrf = browser.token().await;
        let client = |key: &str| ApiClient::new(process.address.clone(), key);
        let token = client(&process.beside(&["token", "add", "--user", "ada@example.com"]));
        process.beside(&["app", "add", "Claims"]);
        let key = client(&process.beside(&["key", "add", "--app", "Claims"]));
        let (asks, media) = asks(&token, &key).await;
        Self { browser, csrf, token, key, asks, media }
    }

    /// Asks until it works again. Connections that were cut are found out one by one.
    async fn find_working(&self, ask: &Ask) {
        let back = Instant::now();
        let mut page = self.make(ask).await;
        while page.status == 503 && back.elapsed() < BACK {
            tokio::time::sleep(Duration::from_millis(50)).await;
            page = self.make(ask).await;
        }
        assert!(page.status < 500, "{} works again: {}", ask.path, page.text());
    }

    async fn make(&self, ask: &Ask) -> Page {
        let method: Method = ask.method.parse().unwrap();
        let request = match ask.who {
            Who::Admin => self
                .browser
                .request(method, &ask.path)
                .header("X-CSRF-Token", &self.csrf)
                .header("Sec-Fetch-Site", "same-origin"),
            Who::Token => self.token.request(method, &ask.path),
            Who::Key => self.key.request(method, &ask.path),
        };
        let request = match &ask.body {
            Body::None => request,
            Body::Form(form) => request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(*form),
            Body::Json(document) => {
                request.header(CONTENT_TYPE, "application/json").body(document.to_string())
            }
            Body::File => request.body("%PDF-1.7"),
        };
        self.token.send(request).await
    }
}

/// Sets up one of everything, and gives every request with the media.
async fn asks(token: &ApiClient, key: &ApiClient) -> (Vec<Ask>, String) {
    let id = |page: Page| page.expect(201).json()["id"].as_str().unwrap().to_owned();
    let shelf = json!({"name": "Shelf", "type": "folder", "directory": "shelf"});
    let endpoint = id(token.post("/api/v1/endpoints", &shelf).await);
    let claims = json!({"name": "Claims", "other": [endpoint]});
    let use_case = id(token.post("/api/v1/use-cases", &claims).await);
    let conversation = key.open_conversation("Claims").await;
    let media = id(key.upload(&conversation, &[("kind", "attachment")], b"%PDF-1.7").await);
    let deliveries = token.get("/api/v1/deliveries").await.expect(200).json();
    let delivery = deliveries["items"][0]["id"].as_str().unwrap().to_owned();

    let mut asks = Vec::new();
    let mut ask = |who, method, path: &str, body| {
        asks.push(Ask { who, method, path: path.to_owned(), body });
    };
    for path in ["/", "/deliveries", "/endpoints", "/endpoints/new", "/use-cases", "/setup/code", "/readyz"] {
        ask(Who::Admin, "GET", path, Body::None);
    }
    for path in [
        format!("/deliveries/{delivery}"),
        format!("/endpoints/{endpoint}"),
        format!("/use-cases/{use_case}"),
    ] {
        ask(Who::Admin, "GET", &path, Body::None);
        ask(Who::Token, "GET", &format!("/api/v1{path}"), Body::None);
    }
    ask(Who::Admin, "POST", "/login", Body::Form("email=ada@example.com&password=wrong"));
    ask(
        Who::Admin,
        "POST",
        "/setup/code",
        Body::Form("name=B&email=b@example.com&password=eight+grey+geese+fly"),
    );
    ask(Who::Admin, "POST", "/endpoints", Body::Form("name=New&type=folder&directory=new"));
    ask(Who::Admin, "POST", "/endpoints/fields", Body::Form("type=folder"));
    ask(Who::Admin, "POST", &format!("/endpoints/{endpoint}/use-cases"), Body::Form(""));
    ask(Who::Admin, "POST", &format!("/endpoints/{endpoint}/test-picture"), Body::Form(""));
    ask(Who::Admin, "POST", "/use-cases", Body::Form("name=Form"));
    ask(Who::Admin, "POST", &format!("/use-cases/{use_case}"), Body::Form("name=Claims"));
    for path in ["endpoints", "use-cases", "deliveries"] {
        ask(Who::Token, "GET", &format!("/api/v1/{path}"), Body::None);
    }
    ask(Who::Token, "POST", "/api/v1/use-cases", Body::Json(json!({"name": "Json"})));
    ask(Who::Token, "PUT", &format!("/api/v1/use-cases/{use_case}"), Body::Json(json!({"name": "Claims"})));
    let other = json!({"name": "Other", "type": "folder", "directory": "other"});
    ask(Who::Token, "POST", "/api/v1/endpoints", Body::Json(other));
    ask(Who::Key, "POST", "/api/v1/conversations", Body::Json(json!({"use_case": "Claims"})));
    let path = format!("/api/v1/conversations/{conversation}");
    ask(Who::Key, "GET", &path, Body::None);
    ask(Who::Key, "POST", &format!("{path}/end"), Body::None);
    ask(Who::Key, "POST", &format!("{path}/media?kind=attachment"), Body::File);
    ask(Who::Key, "GET", &format!("/api/v1/media/{media}"), Body::None);
    ask(Who::Key, "GET", &format!("/api/v1/media/{media}/content"), Body::None);
    (asks, media)
}

/// Words that say how the program is made, where it lies, or what it runs on.
fn telltales(folder: &Path) -> Regex {
    let folder = regex_lite::escape(folder.to_str().unwrap());
    let words = [
        &folder,
        r"SELECT |INSERT |UPDATE |DELETE FROM|ALTER TABLE|(?i)no such table|relation |syntax|constraint|_away",
        r"(?i)sqlx|sqlite|postgres|actix|tokio|serde|rustls|hyper|askama|libsql",
        r"DbError|Broken\(|Error \{|mediaport::|panicked|backtrace|\bat src/|\.rs\b|os error|errno",
        r"(^|[^.\d])\d+\.\d+\.\d+([^.\d]|$)",
    ];
    Regex::new(&words.join("|")).unwrap()
}

/// Checks an answer of 500 or more, and gives its number.
#[track_caller]
fn assert_discreet(what: &str, page: &Page, telltales: &Regex) -> String {
    let body = page.text();
    let headers = format!("{:?}", page.headers);
    for text in [&body, &headers] {
        let found = telltales.find(text).map(|found| found.as_str());
        assert_eq!(found, None, "{what} answered {}: {text}", page.status);
    }
    let number = page.header("x-request-id").to_owned();
    assert_eq!(number.len(), 32, "{what}: {headers}");
    assert!(body.contains(&number), "{what}: the number stands in the answer: {body}");
    match page.status {
        500 => assert!(body.contains("Something went wrong on our side"), "{what}: {body}"),
        503 => assert!(page.header("retry-after").parse::<u64>().is_ok(), "{what}: {headers}"),
        other => panic!("{what} answered {other}: {body}"),
    }
    number
}

/// A second way to the database of the running program.
struct Saboteur {
    db: Db,
}

impl Saboteur {
    async fn new(folder: &Path, database: &TestDatabase) -> Self {
        let location = match database {
            TestDatabase::File => Location::File(folder.join("data/mediaport.db")),
            TestDatabase::Server { url, .. } => Location::Server(Secret::from(url.as_str())),
        };
        Self { db: Db::open(&location, &Tasks::default()).await.unwrap() }
    }

    async fn rename(&self, from: &str, to: &str) {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        let renamed: Result<(), DbError> = self
            .db
            .write(|tx| {
                async move {
                    on!(tx, conn => sqlx::query(AssertSqlSafe(sql)).execute(conn).await.map(|_| ()))?;
                    Ok(())
                }
                .boxed()
            })
            .await;
        renamed.unwrap();
    }
}

fn blob(folder: &Path, media: &str) -> PathBuf {
    let hex = media.replace('-', "");
    folder.join("data/media").join(&hex[30..]).join(&hex[28..30]).join(media)
}

/// Gives the line in which the log tells why a request failed.
fn cause(log: &str, number: &str) -> Option<String> {
    let lines = log.lines().filter(|line| line.contains(number));
    lines
        .filter(|line| line.contains("request failed") || line.contains("refused: busy"))
        .map(str::to_owned)
        .next()
}

#[tokio::test]
async fn what_is_broken_inside_is_told_in_the_log_only() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::create().await;
    let process = Process::start(folder.path(), &database);
    let visitors = Visitors::arrive(&process).await;
    let saboteur = Saboteur::new(folder.path(), &database).await;
    let telltales = telltales(folder.path());
    let (mut failed, mut numbers) = (BTreeSet::new(), Vec::new());

    for table in TABLES {
        saboteur.rename(table, &format!("{table}_away")).await;
        for ask in &visitors.asks {
            let page = visitors.make(ask).await;
            if page.status >= 500 && ask.path != "/readyz" {
                let what = format!("{} {} without {table}", ask.method, ask.path);
                numbers.push((assert_discreet(&what, &page, &telltales), what));
                failed.insert((ask.method, ask.path.clone()));
            }
        }
        saboteur.rename(&format!("{table}_away"), table).await;
    }
    let path = blob(folder.path(), &visitors.media);
    std::fs::rename(&path, folder.path().join("kept")).unwrap();
    std::fs::create_dir(&path).unwrap(); // root reads every file
    let page = visitors.key.get(&format!("/api/v1/media/{}/content", visitors.media)).await;
    numbers.push((assert_discreet("the bytes", &page, &telltales), "the bytes".to_owned()));

    assert!(failed.len() >= MANY, "{}: {failed:#?}", failed.len());
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    for (number, what) in &numbers {
        assert!(cause(&log, number).is_some(), "{what}: the log says nothing of {number}");
    }
    println!("L10: {} answers of 500 on {} routes", numbers.len(), failed.len());
    for ask in visitors.asks.iter().filter(|ask| ask.method == "GET" && !ask.path.ends_with("/content")) {
        visitors.find_working(ask).await;
    }
    drop(process);
    database.remove();
}

/// Asks for everything at once, and gives the number of answers that told to come again.
async fn told_to_come_again(visitors: &Visitors, asks: &[&Ask], telltales: &Regex) -> usize {
    let pages = join_all(asks.iter().map(|ask| visitors.make(ask))).await;
    let mut told = 0;
    for (ask, page) in asks.iter().zip(&pages) {
        let what = format!("{} {} without a database", ask.method, ask.path);
        assert_ne!(page.status, 500, "{what}: {}", page.text());
        if page.status == 503 && ask.path != "/readyz" {
            assert_discreet(&what, page, telltales);
            told += 1;
        }
    }
    told
}

/// The way to a database server, which can be cut.
struct Passage {
    address: SocketAddr,
    to: (String, u16),
    open: JoinSet<()>,
}

impl Passage {
    /// Opens a way to the server of an address, and gives it with the address that goes through it.
    async fn new(url: &str) -> (Self, String) {
        let mut through: url::Url = url.parse().unwrap();
        let to = (through.host_str().unwrap().to_owned(), through.port().unwrap());
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mut passage = Self { address: unused, to, open: JoinSet::new() };
        through.set_ip_host(unused.ip()).unwrap();
        through.set_port(Some(unused.port())).unwrap();
        passage.open().await;
        (passage, through.to_string())
    }

    #[expect(clippy::disallowed_methods, reason = "this stands outside of the program")]
    async fn open(&mut self) {
        let (listener, to) = (TcpListener::bind(self.address).await.unwrap(), self.to.clone());
        self.open.spawn(async move {
            let mut all = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let to = to.clone();
                all.spawn(async move {
                    let mut far = TcpStream::connect(to).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                });
            }
        });
    }

    /// Cuts every connection and takes no more.
    async fn cut(&mut self) {
        self.open.shutdown().await;
    }
}

/// On two threads: the passage has to work while the test waits for the process to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_while_the_database_is_away_learns_when_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::create().await;
    // The passage has to stay until the end: dropped, it is closed.
    let (mut passage, process) = match &database {
        TestDatabase::File => (None, Process::start(folder.path(), &database)),
        TestDatabase::Server { url, name } => {
            let (passage, url) = Passage::new(url).await;
            let through = TestDatabase::Server { url, name: name.clone() };
            (Some(passage), Process::start(folder.path(), &through))
        }
    };
    let visitors = Visitors::arrive(&process).await;
    let telltales = telltales(folder.path());
    let is_write = |ask: &&Ask| ask.who == Who::Key && ask.method == "POST";
    let (writes, all): (Vec<&Ask>, Vec<&Ask>) =
        (visitors.asks.iter().filter(is_write).collect(), visitors.asks.iter().collect());

    let begun = Instant::now();
    let told = if let Some(passage) = &mut passage {
        passage.cut().await;
        let told = told_to_come_again(&visitors, &all, &telltales).await;
        passage.open().await;
        assert!(told >= MANY, "{told}");
        told
    } else {
        // A file does not go away, but another program may hold it; reading goes on then.
        let options = SqliteConnectOptions::new().filename(folder.path().join("data/mediaport.db"));
        let mut other = options.connect().await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let told = told_to_come_again(&visitors, &writes, &telltales).await;
        other.close().await.unwrap();
        assert_eq!(told, writes.len());
        told
    };
    let lasted = begun.elapsed();

    println!("L10: {told} answers of 503 in {lasted:.1?}");
    assert!(lasted < PATIENCE, "nobody waits long: {lasted:?}");
    for ask in visitors.asks.iter().filter(|ask| ask.method == "GET") {
        visitors.find_working(ask).await;
    }
    drop(process);
    database.remove();
}

#[test]
fn a_telltale_is_found() {
    let telltales = telltales(Path::new("/tmp/x"));
    for text in [
        "no such table: users",
        "error returned from database: relation \"users\" does not exist",
        "/tmp/x/data",
        "mediaport::platform",
        "actix-web/4.18.1",
        "version 0.1.0",
        "Is a directory (os error 21)",
        "src/app/mod.rs:3",
    ] {
        assert!(telltales.is_match(text), "{text}");
    }
    assert!(!telltales.is_match("Something went wrong on our side. 127.0.0.1"));
}
