//! What a database does for a statement, for every statement that a request causes.
//!
//! The embedded engine is asked afterwards how it would run each statement that the server has run. The other one says
//! by itself how it ran each, real values included, in notices of its module `auto_explain`.

use std::sync::{Mutex, OnceLock};

use futures_util::FutureExt;
use mediaport::on;
use mediaport::platform::db::{DbError, Engine, Inner};
use sqlx::AssertSqlSafe;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, Registry};

use crate::support::TestApp;

/// A statement of the server with its plan as text.
pub(super) struct Plan {
    pub(super) sql: String,
    pub(super) text: String,
}

impl Plan {
    /// Says what is wrong with the plan of a page: whole tables looked at, rows sorted.
    pub(super) fn problems(&self) -> Vec<&'static str> {
        if !self.sql.contains("LIMIT $") {
            return Vec::new();
        }
        let mut problems = Vec::new();
        for line in self.text.lines().map(|line| line.trim_start_matches([' ', '-', '>'])) {
            let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
            let is_large = TABLES.iter().any(|table| {
                let words = line.split_whitespace().collect::<Vec<_>>();
                words.starts_with(&["SCAN", table]) || words.starts_with(&["Seq", "Scan", "on", table])
            });
            if is_large {
                problems.push("looks at a whole table");
            }
            if begins(&["USE TEMP B-TREE", "Sort ", "Incremental Sort "]) {
                problems.push("sorts");
            }
        }
        problems
    }
}

/// Those that grow, with the letters that statements give them.
const TABLES: &[&str] = &["media", "deliveries", "conversations", "d", "m", "c"];

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
    if app.services().db.engine() == Engine::Postgres {
        for setting in [
            "session_preload_libraries = 'auto_explain'",
            "auto_explain.log_min_duration = 0",
            "auto_explain.log_level = 'notice'",
            "auto_explain.log_analyze = on",
            &format!("plan_cache_mode = '{mode}'"),
        ] {
            let name = app.database().url().rsplit('/').next().unwrap().to_owned();
            run(app, format!("ALTER DATABASE {name} SET {setting}")).await;
        }
        app.restart().await; // settings of a database are for new connections
    }
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

/// Gives the plan of every statement since the last call, and forgets them.
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
    STATEMENTS.lock().unwrap().clear(); // the questions of this test itself
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
