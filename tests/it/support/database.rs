//! The database of one test: a file below the test's folder, or a copy of a migrated template on the server.

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;
use uuid::Uuid;

use super::peer;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Keeps two processes from making the template at once; any number will do.
const TEMPLATE_LOCK: i64 = 4_711_000_815;

/// Where an installation under test keeps its rows.
pub(crate) enum TestDatabase {
    /// In a file of the embedded engine.
    File,
    /// In a database of its own on the server.
    Server {
        /// Its address, for the installation.
        url: String,
        /// Its name.
        name: String,
    },
}

impl TestDatabase {
    /// Makes a fresh database on the engine that `TEST_DATABASE` names; without it on the embedded one.
    #[expect(clippy::disallowed_methods, reason = "tests are told by the environment which engine to use")]
    pub(crate) async fn create() -> Self {
        match std::env::var("TEST_DATABASE").as_deref() {
            Ok("postgres") => Self::create_on_server().await,
            Ok("sqlite") | Err(_) => Self::File,
            Ok(other) => panic!("TEST_DATABASE is {other:?}; give sqlite or postgres"),
        }
    }

    /// Makes a fresh database on the server, whatever `TEST_DATABASE` says.
    pub(crate) async fn create_on_server() -> Self {
        let mut server = connect(&server_url()).await;
        let template = template(&mut server).await;
        let name = format!("test_{}", Uuid::new_v4().simple());
        command(&mut server, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self::Server { url: url_of(&name).to_string(), name }
    }

    /// Makes a database without any table on the server.
    pub(crate) async fn create_empty_on_server() -> Self {
        let mut server = connect(&server_url()).await;
        let name = format!("test_{}", Uuid::new_v4().simple());
        command(&mut server, format!("CREATE DATABASE {name}")).await;
        Self::Server { url: url_of(&name).to_string(), name }
    }

    /// Gives the address for `MEDIAPORT_DATABASE_URL`; empty means a file in the data folder.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::File => "",
            Self::Server { url, .. } => url,
        }
    }

    /// Removes the database, cutting off whoever still uses it. A file goes with its folder.
    pub(crate) fn remove(&self) {
        let Self::Server { name, .. } = self else { return };
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // A thread and a runtime of its own, because this runs where a test ends, whatever ended it.
        let removed = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { command(&mut connect(&server_url()).await, sql).await });
        });
        removed.join().unwrap();
    }
}

/// Makes the migrated template unless it is there, and gives its name, which changes with every migration.
async fn template(server: &mut PgConnection) -> String {
    let sums: Vec<u8> = MIGRATIONS.iter().flat_map(|migration| migration.checksum.to_vec()).collect();
    let name = format!("template_{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, &sums).simple());
    command(server, format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    let known: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_optional(&mut *server)
        .await
        .unwrap();
    if known.is_none() {
        let draft = format!("{name}_draft");
        command(server, format!("DROP DATABASE IF EXISTS {draft}")).await;
        command(server, format!("CREATE DATABASE {draft}")).await;
        let mut connection = connect(&url_of(&draft)).await;
        MIGRATIONS.run(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        command(server, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    }
    command(server, format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    name
}

fn server_url() -> Url {
    peer("TEST_DATABASE_URL").parse().unwrap()
}

fn url_of(name: &str) -> Url {
    let mut url = server_url();
    url.set_path(name);
    url
}

async fn connect(url: &Url) -> PgConnection {
    let opened = PgConnection::connect(url.as_str()).await;
    opened.unwrap_or_else(|error| {
        panic!("the database server of TEST_DATABASE_URL does not answer ({error}): run tests/peers/up DIR")
    })
}

async fn command(server: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(server).await.unwrap();
}
