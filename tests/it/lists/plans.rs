//! What a database does for a statement, for every statement that a request causes.
//!
//! The embedded engine is asked afterwards how it would run each statement that the server has run. The other one says
//! by itself how it ran each, real values included, in notices of its module `auto_explain`.

use std::sync::{Mutex, OnceLock};

use futures_util::FutureExt;
use mediaport::on;
use mediaport::platform::db::{DbError, Engine, Inner};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, Registry};
use url::Url;

use crate::support::TestApp;

/// A statement of the server with its plan as text.
pub(super) struct Plan {
    pub(super) sql: String,
    pub(super) text: String,
}

impl Plan {
    /// Tells whether the statement reads a page of a list; others find single rows, or what belongs to a page.
    pub(super) fn is_of_a_page(&self) -> bool {
        self.sql.contains("LIMIT $")
    }

    /// Tells whether the plan takes this index; any will do without a name.
    pub(super) fn takes(&self, index: &str) -> bool {
        index.is_empty() || self.text.split_whitespace().any(|word| word == index)
    }

    /// Says what is wrong with the plan of a page: whole tables or many rows looked at, rows sorted.
    ///
    /// The server sorts when it expects a handful of rows; it also says how many there were, so those it may.
    pub(super) fn problems(&self) -> Vec<&'static str> {
        let lines: Vec<&str> =
            self.text.lines().map(|line| line.trim_start_matches([' ', '-', '>'])).collect();
        let mut problems = Vec::new();
        let is_whole = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            TABLES.iter().any(|table| {
                words.starts_with(&["SCAN", table]) || words.starts_with(&["Seq", "Scan", "on", table])
            })
        };
        if lines.iter().any(is_whole) {
            problems.push("looks at a whole table");
        }
        if !FEW.iter().any(|few| self.sql.contains(few))
            && lines.iter().any(|line| line.starts_with("USE TEMP B-TREE"))
        {
            problems.push("sorts");
        }
        if lines.iter().any(|line| rows(line) > MOST_ROWS) {
            problems.push("looks at too many rows");
        }
        problems
    }
}

/// Gives how many rows a step of the server gave or left out.
fn rows(line: &str) -> u64 {
    let pattern = regex_lite::Regex::new(r"actual .*rows=(\d+)|Rows Removed by .*: (\d+)").unwrap();
    let numbers = pattern.captures(line).into_iter().flat_map(|found| [found.get(1), found.get(2)]);
    numbers.flatten().filter_map(|number| number.as_str().parse::<u64>().ok()).sum()
}

/// A page has 51 rows, and there are 251 use cases, which a server may all look at; the small app has 600 media.
const MOST_ROWS: u64 = 300;

/// A media has at most one delivery for each endpoint, a contact has few media, and a page has few rows; so these may be
/// sorted.
const FEW: &[&str] = &["d.media_id = $3", "x.external_id = $3", "WITH RECURSIVE page"];

/// Those that grow, with the letters that statements give them.
const TABLES: &[&str] = &["media", "deliveries", "conversations", "audit_entries", "d", "m", "c"];

static HEARD: OnceLock<()> = OnceLock::new();
static STATEMENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static NOTICES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps what the driver says about statements.
struct Listener;

/// The texts of an event.
#[derive(Default)]
struct Texts(Vec<(&'static str, String)>);

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut texts = Texts::default();
        event.record(&mut texts);
        let wanted =
            |name: &str| texts.0.iter().find(|(known, _)| *known == name).map(|(_, text)| text.clone());
        match event.metadata().target() {
            "sqlx::query" => STATEMENTS.lock().unwrap().extend(wanted("db.statement")),
            "sqlx::postgres::notice" => NOTICES.lock().unwrap().extend(wanted("message")),
            _ => {}
        }
    }
}

/// Listens from now on; `mode` is how the server plans: `force_custom_plan` or `force_generic_plan`.
pub(super) async fn listen(app: &mut TestApp, mode: &str) {
    HEARD.get_or_init(|| {
        let filter = EnvFilter::new("off,sqlx::query=debug,sqlx::postgres::notice=debug");
        tracing::subscriber::set_global_default(Registry::default().with(filter).with(Listener)).unwrap();
    });
    let settings = [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_level = 'notice'",
        "auto_explain.log_analyze = on",
        &format!("plan_cache_mode = '{mode}'"),
    ];
    set(app, &settings).await;
}

/// Has the server plan as for tables that are too large to be looked at as a whole: of a few thousand rows it rightly
/// reads all when some hundred are wanted.
pub(super) async fn large(app: &mut TestApp) {
    set(app, &["enable_seqscan = off"]).await;
}

/// Changes settings of the server's database; the embedded engine has none of them.
async fn set(app: &mut TestApp, settings: &[&str]) {
    if app.services().db.engine() != Engine::Postgres {
        return;
    }
    let name = app.database().url().rsplit('/').next().unwrap().to_owned();
    let mut server = operator(app.database().url()).await;
    for setting in settings {
        let sql = AssertSqlSafe(format!("ALTER DATABASE {name} SET {setting}"));
        sqlx::raw_sql(sql).execute(&mut server).await.unwrap();
    }
    app.restart().await; // settings of a database are for new connections
}

/// Comes as the operator of the test's server, who alone may load modules.
async fn operator(address: &str) -> PgConnection {
    let mut url: Url = address.parse().unwrap();
    url.set_username("postgres").unwrap();
    url.set_password(None).unwrap();
    PgConnection::connect(url.as_str()).await.unwrap()
}

/// Lets the engine count what the tables hold.
pub(super) async fn analyze(app: &TestApp) {
    run(app, "ANALYZE".to_owned()).await;
}

async fn run(app: &TestApp, sql: String) {
    app.act(move |tx| {
        async move {
            Ok::<_, DbError>(
                on!(tx, conn => sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.map(drop))?,
            )
        }
        .boxed()
    })
    .await;
}

/// Forgets what was heard.
pub(super) fn forget() {
    STATEMENTS.lock().unwrap().clear();
    NOTICES.lock().unwrap().clear();
}

/// Gives the plan of every statement that was heard, and forgets them.
pub(super) async fn take(app: &TestApp) -> Vec<Plan> {
    let statements = std::mem::take(&mut *STATEMENTS.lock().unwrap());
    let notices = std::mem::take(&mut *NOTICES.lock().unwrap());
    if app.services().db.engine() == Engine::Postgres {
        let plan = |notice: String| Plan { sql: notice.clone(), text: notice };
        return notices.into_iter().filter(|notice| notice.contains("Query Text:")).map(plan).collect();
    }
    let mut plans = Vec::new();
    for sql in statements
        .iter()
        .map(|sql| sql.trim())
        .filter(|sql| sql.starts_with("SELECT") || sql.starts_with("WITH"))
    {
        plans.push(Plan { sql: sql.to_owned(), text: explain(app, sql).await });
    }
    plans
}

async fn explain(app: &TestApp, sql: &str) -> String {
    let question = format!("EXPLAIN QUERY PLAN {sql}");
    let lines: Vec<(i64, i64, i64, String)> = app
        .act(move |tx| {
            async move {
                let Inner::Sqlite(conn) = tx.inner() else { return Ok(Vec::new()) };
                Ok::<_, DbError>(sqlx::query_as(AssertSqlSafe(question)).fetch_all(conn).await?)
            }
            .boxed()
        })
        .await;
    lines.into_iter().map(|(_, _, _, line)| line).collect::<Vec<_>>().join("\n")
}
