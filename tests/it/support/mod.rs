//! A running installation for one test, and the clients that visit it.
//!
//! The server is the real one, in this process, on a port of its own and with a database of its own. Time stands still
//! until the test moves the clock, and queued work waits until the test runs it.

mod api;
mod browser;
mod canary;
mod database;
mod dump;
mod mails;
mod names;
mod page;
mod process;
mod s3;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mediaport::app::{Installation, Running, Work};
use mediaport::config::Config;
use mediaport::features::accounts::actions::Added;
use mediaport::features::apps::Scope;
use mediaport::features::{Services, accounts, apps, audit};
use mediaport::platform::clock::Clock;
use mediaport::platform::db::{DbError, Tx};
use mediaport::platform::web::{Actor, Entry, Role, assets};
use tokio::runtime::{Builder, Runtime};

pub(crate) use api::ApiClient;
pub(crate) use browser::Browser;
pub(crate) use canary::{Canary, Turncoat, read_head};
pub(crate) use database::TestDatabase;
pub(crate) use dump::dump;
pub(crate) use mails::mails;
pub(crate) use names::{Meaning, NameServer};
pub(crate) use page::Page;
pub(crate) use process::{Process, in_its_own_process};
pub(crate) use s3::fresh_bucket;

/// The password of everybody whom a test adds.
pub(crate) const PASSWORD: &str = "seven herons over grey water";

/// Tests come from one address in no time; those about limits turn them on again.
const NO_LIMITS: [(&str, &str); 2] = [
    ("MEDIAPORT_LIMITS__SIGN_IN_ADDRESS_PER_MINUTE", "0"),
    ("MEDIAPORT_LIMITS__SIGN_IN_ACCOUNT_PER_MINUTE", "0"),
];

/// A running installation. Dropping it fails the test when work that is due was never run.
pub(crate) struct TestApp {
    /// The time of the installation.
    pub(crate) clock: Clock,
    config: Config,
    running: Option<Running>,
    people: AtomicUsize,
    // In this order at the end: the runtime with its connections, the database, the folder below it.
    runtime: Option<Runtime>,
    database: TestDatabase,
    _folder: tempfile::TempDir,
}

impl TestApp {
    /// Starts an installation with the settings of a test.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts an installation with these settings beside those of a test.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        // The app has a runtime of its own, so that it goes on while the test's thread waits, also in `drop`.
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let database = TestDatabase::create().await;
        let folder = tempfile::tempdir().unwrap();
        let url = database.url();
        let all: Vec<_> = NO_LIMITS
            .into_iter()
            .chain([("MEDIAPORT_DATABASE_URL", url)])
            .chain(variables.to_vec())
            .collect();
        let config = Config::for_tests(folder.path(), &all);
        let clock = Clock::manual(Clock::system().now());
        let running = on(&runtime, || serve(config.clone(), clock.clone()));
        Self {
            clock,
            config,
            running: Some(running),
            people: AtomicUsize::new(0),
            runtime: Some(runtime),
            database,
            _folder: folder,
        }
    }

    /// Stops in order and starts again on the same data.
    pub(crate) async fn restart(&mut self) {
        let running = self.running.take().unwrap();
        self.run(async move { running.stop().await.unwrap() }).await;
        let runtime = self.runtime.as_ref().unwrap();
        self.running = Some(on(runtime, || serve(self.config.clone(), self.clock.clone())));
    }

    /// Gives what is running.
    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// Gives the ground under the features.
    pub(crate) fn services(&self) -> &Arc<Services> {
        &self.running().installation.services
    }

    /// Gives the settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Gives the database.
    pub(crate) fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Gives `http://127.0.0.1:PORT`, where the server listens.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.running().address)
    }

    /// Runs something where the app's connections live.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.runtime.as_ref().unwrap().spawn(work).await.unwrap()
    }

    /// Does an act in a transaction, as the command line would.
    pub(crate) async fn act<T, E, F>(&self, act: F) -> T
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + std::fmt::Debug + Send + 'static,
    {
        let db = self.services().db.clone();
        self.run(async move { db.write(act).await.unwrap() }).await
    }

    /// Runs everything that is due, what happens each second included, and gives the number of runs.
    pub(crate) async fn run_due_jobs(&self) -> usize {
        let (services, worker) = (Arc::clone(self.services()), self.running().worker.clone());
        let uses = Arc::clone(&self.running().installation.uses);
        self.run(async move {
            apps::save_uses(&services.db, &uses).await.unwrap();
            audit::chain_waiting(&services.db, services.clock.now()).await.unwrap();
            worker.run_due().await.unwrap()
        })
        .await
    }

    /// Gives each row of each table as one line.
    pub(crate) async fn dump(&self) -> Vec<String> {
        let db = self.services().db.clone();
        self.run(async move { dump(&db).await }).await
    }

    /// Counts the people who can sign in or were invited.
    pub(crate) async fn count_people(&self) -> i64 {
        self.act(|tx| accounts::count(tx).boxed()).await
    }

    /// Opens a browser that nobody has signed in with.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.address(), self.running().public.origin())
    }

    /// Adds somebody who may sign in and gives their address.
    pub(crate) async fn add_person(&self, role: Role) -> String {
        let number = self.people.fetch_add(1, Ordering::Relaxed) + 1;
        let email = format!("{role}{number}@example.com");
        self.add_person_with(&email, role, &quick_hash(PASSWORD)).await;
        email
    }

    /// Adds somebody with this password hash.
    pub(crate) async fn add_person_with(&self, email: &str, role: Role, hash: &str) {
        let (actor, now) = (Actor::system("test"), self.clock.now());
        let (email, hash) = (email.to_owned(), hash.to_owned());
        self.act(move |tx| {
            async move { accounts::actions::add(tx, &actor, &email, role, Some(hash), now).await }.boxed()
        })
        .await;
    }

    /// Invites somebody and gives the path of their link.
    pub(crate) async fn invite(&self, email: &str, role: Role) -> String {
        let (actor, now, email) = (Actor::system("test"), self.clock.now(), email.to_owned());
        let added = self
            .act(move |tx| {
                async move { accounts::actions::add(tx, &actor, &email, role, None, now).await }.boxed()
            })
            .await;
        match added {
            Added::Invited(code) => format!("/setup/{}", code.expose()),
            Added::Active => panic!("an invitation makes nobody active"),
        }
    }

    /// Adds somebody with this role and signs them in.
    pub(crate) async fn sign_in(&self, role: Role) -> Browser {
        let email = self.add_person(role).await;
        let browser = self.browser();
        let page = browser.sign_in(&email, PASSWORD).await;
        assert_eq!(page.status, 303, "{email} can sign in");
        browser
    }

    /// Adds a use case that no endpoint serves yet and gives its identifier.
    pub(crate) async fn add_use_case(&self, name: &str) -> String {
        let document = serde_json::json!({"name": name, "pictures": [], "recordings": []});
        let added = self.add_token(Role::Admin).await.post("/api/v1/use-cases", &document).await;
        added.expect(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// Makes a client of the HTTP API that shows this key, whatever it is.
    pub(crate) fn client(&self, key: &str) -> ApiClient {
        ApiClient::new(self.address(), key)
    }

    /// Adds an app and a key of it that carries these scopes, for a year.
    pub(crate) async fn add_key(&self, app: &str, scopes: &[Scope]) -> ApiClient {
        self.add_key_for(app, scopes, Duration::from_hours(365 * 24)).await
    }

    /// Adds an app, unless it is there, and a key of it that lives so long.
    pub(crate) async fn add_key_for(&self, app: &str, scopes: &[Scope], life: Duration) -> ApiClient {
        let (actor, now) = (Actor::system("test"), self.clock.now());
        let (app, scopes) = (app.to_owned(), scopes.to_vec());
        let key = self
            .act(move |tx| {
                async move {
                    if apps::find_by_name_or_id(tx, &app).await?.is_none() {
                        apps::actions::add(tx, &actor, &app, now).await?;
                    }
                    apps::actions::add_key(tx, &actor, &app, &scopes, life, now).await
                }
                .boxed()
            })
            .await;
        self.client(key.expose())
    }

    /// Adds somebody with this role and a personal token of theirs.
    pub(crate) async fn add_token(&self, role: Role) -> ApiClient {
        let email = self.add_person(role).await;
        let (actor, now) = (Actor::system("test"), self.clock.now());
        let token = self
            .act(move |tx| async move { accounts::actions::add_token(tx, &actor, &email, now).await }.boxed())
            .await;
        self.client(token.expose())
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        let forgotten = match self.running.take() {
            Some(running) if !std::thread::panicking() => {
                on(&runtime, || async move { running.worker.due().await })
            }
            _ => Ok(0),
        };
        runtime.shutdown_background();
        self.database.remove();
        if !std::thread::panicking() {
            assert_eq!(forgotten.unwrap(), 0, "jobs are due that the test never ran: call run_due_jobs");
        }
    }
}

/// Waits on a thread of its own, because the thread of a test that waits for something else may not block on it.
fn on<T: Send, F: Future<Output = T>>(runtime: &Runtime, work: impl FnOnce() -> F + Send) -> T {
    std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work())).join().unwrap())
}

/// Gives an address of a route. What stands in its segments exists nowhere, files of ours apart.
pub(crate) fn sample_address(entry: &Entry) -> String {
    let file = assets::url::APP_CSS.trim_start_matches("/static/");
    let path = entry.path.replace("{name}", file).replace("{code}", "no-such-code");
    let segment = regex_lite::Regex::new(r"\{[^}]+\}").unwrap();
    let path = segment.replace_all(&path, "01890000-0000-7000-8000-000000000000").into_owned();
    // A stream has no end; one of what exists nowhere does not begin.
    if entry.path.ends_with("/live") { format!("{path}?state=no-such-state") } else { path }
}

async fn serve(config: Config, clock: Clock) -> Running {
    let installation = Installation::open(config, clock).await.unwrap();
    installation.serve(Work::ByHand).await.unwrap()
}

/// Hashes a password as cheaply as the format allows: comparing takes its effort from the stored hash.
pub(crate) fn quick_hash(password: &str) -> String {
    let params = Params::new(Params::MIN_M_COST, Params::MIN_T_COST, Params::MIN_P_COST, None).unwrap();
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    hasher.hash_password(password.as_bytes()).unwrap().to_string()
}

/// Reads where a peer is. Peers are never optional: without one the test fails and says how to start it.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their peers are")]
pub(crate) fn peer(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run tests/peers/up DIR and load DIR/peers.env"))
}

/// Finds every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}
