//! An installation as an operator runs it: a data folder, a database, settings, and one process after the other.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use crate::wire::{Client, Wire};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mediaport");
const ADMIN: &str = "admin@example.com";

/// For tests that kill: a server's leases outlive the process, and nobody wants to wait two minutes for each.
pub(crate) const SHORT_LEASES: [(&str, &str); 2] =
    [("MEDIAPORT_JOBS__LEASE_SECONDS", "2"), ("MEDIAPORT_JOBS__RENEW_SECONDS", "1")];

/// What outlives the processes.
pub(crate) struct Site {
    pub(crate) port: u16,
    settings: Vec<(String, String)>,
    database: Option<String>,
    folder: TempDir,
}

/// What the clients need to know.
pub(crate) struct Keys {
    /// A key of an app.
    pub(crate) app: String,
    /// A personal token of an administrator.
    pub(crate) admin: String,
}

impl Site {
    /// Makes an installation on the engine that `TEST_DATABASE` names, with these settings beside the usual ones.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let database = create_database();
        let url = database.as_deref().map(|name| url_of(name).to_string());
        let mut site = Self::on(url.as_deref(), settings);
        site.database = database;
        site
    }

    /// Makes an installation on the server with this address, or on the embedded engine.
    pub(crate) fn on(server: Option<&str>, settings: &[(&str, &str)]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut site = Self { port, settings: Vec::new(), database: None, folder };
        site.set("MEDIAPORT_LISTEN", &format!("127.0.0.1:{port}"));
        site.set("MEDIAPORT_DATA_DIR", site.folder.path().join("data").to_str().unwrap());
        if let Some(url) = server {
            site.set("MEDIAPORT_DATABASE_URL", url);
        }
        // The disk of the machine that tests is not what is tested.
        site.set("MEDIAPORT_MEDIA__KEEP_FREE_PERCENT", "0");
        for (name, value) in settings {
            site.set(name, value);
        }
        site
    }

    fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Names the engine for a line of figures.
    pub(crate) fn engine(&self) -> &'static str {
        let is_on_server = self.settings.iter().any(|(name, _)| name == "MEDIAPORT_DATABASE_URL");
        if is_on_server { "PostgreSQL" } else { "SQLite" }
    }

    /// Gives the folder where media bytes lie.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("data/media")
    }

    /// Gives the folder below which endpoints write.
    pub(crate) fn destinations(&self) -> PathBuf {
        self.folder.path().join("data/folders")
    }

    /// Gives a place for a file of the test itself.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds an app with a key, and an administrator with a token.
    pub(crate) fn add_keys(&self) -> Keys {
        self.run(&["app", "add", "load"], "");
        let app = self.run(&["key", "add", "--app", "load"], "");
        self.run(&["user", "add", ADMIN, "--role", "admin"], "seven herons over grey water\n");
        let admin = self.run(&["token", "add", "--user", ADMIN], "");
        Keys { app, admin }
    }

    /// Runs a command of the program and gives what it prints.
    fn run(&self, arguments: &[&str], input: &str) -> String {
        let mut command = self.command(&[PROGRAM]);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(line[0]);
        command.args(&line[1..]).current_dir(self.folder.path());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the server.
    pub(crate) fn start(&self) -> Process {
        self.start_under(&[])
    }

    /// Starts the server with another program before it on the command line.
    pub(crate) fn start_under(&self, wrapper: &[&str]) -> Process {
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        let line = [wrapper, &[PROGRAM, "serve"]].concat();
        let mut command = self.command(&line);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Process { child: command.spawn().unwrap(), port: self.port, started: Instant::now(), ended: None }
    }

    /// Shows the end of the server's log when a test fails.
    fn show_log(&self) {
        let log = std::fs::read_to_string(self.file("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        eprintln!("the end of the server's log:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_log();
        }
        if let Some(name) = &self.database {
            on_server(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Adds a conversation whose attachments go to a Folder endpoint, and gives the conversation.
pub(crate) fn add_route(keys: &Keys, port: u16) -> String {
    add_route_to(keys, port, &json!({"name": "Archive", "type": "folder", "directory": "archive"}))
}

/// Adds an endpoint and a conversation whose attachments go there, and gives the conversation.
pub(crate) fn add_route_to(keys: &Keys, port: u16, endpoint: &Value) -> String {
    let (mut admin, mut app) = (Client::new(port, &keys.admin), Client::new(port, &keys.app));
    let endpoint = admin.create("/api/v1/endpoints", endpoint);
    admin.create("/api/v1/use-cases", &json!({"name": "Claims", "other": [endpoint]}));
    app.create("/api/v1/conversations", &json!({"use_case": "Claims"}))
}

/// Adds a conversation whose files stay where they are.
pub(crate) fn add_conversation(keys: &Keys, port: u16) -> String {
    Client::new(port, &keys.admin).create("/api/v1/use-cases", &json!({"name": "Claims"}));
    Client::new(port, &keys.app).create("/api/v1/conversations", &json!({"use_case": "Claims"}))
}

/// A running server; dropping it kills it.
pub(crate) struct Process {
    child: Child,
    port: u16,
    started: Instant,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Waits until it says that it is ready, and gives the time since its start.
    pub(crate) fn ready(&mut self) -> Duration {
        loop {
            if status_of(self.port, "/readyz") == Some(200) {
                return self.started.elapsed();
            }
            assert!(self.started.elapsed() < Duration::from_secs(30), "not ready in 30 s");
            assert_eq!(self.child.try_wait().unwrap(), None, "it ended instead of getting ready");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Begins to watch how much memory it uses, and gives what it uses now, in bytes.
    pub(crate) fn watch_memory(&self) -> u64 {
        // 5 sets the highest figure back to the present one; see proc(5)
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
        self.memory("VmRSS")
    }

    /// Gives the most memory that it used at once since it is watched, in bytes.
    pub(crate) fn most_memory(&self) -> u64 {
        self.memory("VmHWM")
    }

    fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.ended = Some(self.child.wait().unwrap());
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Tells whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has ended, and gives how it ended.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.ended = Some(status);
                return status;
            }
            assert!(begun.elapsed() < limit, "it did not end within {limit:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// Gives the status of an answer that needs no key; nothing when there is no answer.
pub(crate) fn status_of(port: u16, path: &str) -> Option<u16> {
    let mut wire = Wire::connect(port).ok()?;
    wire.send(
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").as_bytes(),
    )
    .ok()?;
    Some(wire.reply().ok()?.status)
}

/// Waits until something is so; the sentence says what was expected.
pub(crate) fn wait_until(limit: Duration, expected: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < limit, "within {limit:?}: {expected}");
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

/// Lists every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Gives the times in ascending order with the median and the one that 95 % do not exceed.
pub(crate) fn ranked(mut times: Vec<Duration>) -> (Vec<Duration>, Duration, Duration) {
    times.sort();
    let at = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
    let (median, p95) = (at(50), at(95));
    (times, median, p95)
}

/// Finds a port that outgoing connections are not given, since it has to be free again after each restart.
pub(crate) fn free_port() -> u16 {
    std::iter::repeat_with(|| rand::random_range(10_000..32_000))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .unwrap()
}

fn create_database() -> Option<String> {
    if !is_run_on_server() {
        return None;
    }
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    on_server(&format!("CREATE DATABASE {name}"));
    Some(name)
}

/// Tells which of the two runs this is: the one on a server, or the one on the embedded engine.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment which engine to use")]
pub(crate) fn is_run_on_server() -> bool {
    match std::env::var("TEST_DATABASE").as_deref() {
        Ok("postgres") => true,
        Ok("sqlite") | Err(_) => false,
        Ok(other) => panic!("TEST_DATABASE is {other:?}; give sqlite or postgres"),
    }
}

/// Gives what tests are told about a server beside us.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where their peers are")]
pub(crate) fn peer(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run tests/peers/up DIR and load DIR/peers.env"))
}

fn url_of(name: &str) -> url::Url {
    let mut url: url::Url = peer("TEST_DATABASE_URL").parse().unwrap();
    if !name.is_empty() {
        url.set_path(name);
    }
    url
}

fn on_server(sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut server = PgConnection::connect(url_of("").as_str()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut server).await.unwrap();
    });
}
