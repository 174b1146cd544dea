//! A PostgreSQL server of a test's own, which may be restarted without disturbing anybody.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::site::free_port;

/// A durable server: what it has committed survives its kill.
pub(crate) struct Server {
    url: String,
    folder: TempDir,
    keeper: Child,
    leash: Option<ChildStdin>,
}

impl Server {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (keeper, leash) = keep(folder.path());
        let mut server = Self { url: String::new(), folder, keeper, leash: Some(leash) };
        std::fs::create_dir(server.own_folder()).unwrap();
        let mut command = Command::new(script("servers/postgres"));
        command.arg(server.own_folder()).arg(free_port().to_string()).env("PG_DURABLE", "1");
        let printed = output_of(command);
        let url = printed.lines().find_map(|line| line.strip_prefix("TEST_DATABASE_URL="));
        url.unwrap().clone_into(&mut server.url);
        server
    }

    /// Gives the address of a database in it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Does what an operator would with `pg_ctl`, and waits until that is done.
    pub(crate) fn control(&self, arguments: &[&str]) {
        let mut command = Command::new(script("pg_ctl"));
        command.arg(self.own_folder()).args(arguments);
        output_of(command);
    }

    /// Asks it for a setting.
    pub(crate) fn setting(&self, name: &'static str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut server = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(&mut server).await.unwrap()
        })
    }

    fn own_folder(&self) -> PathBuf {
        self.folder.path().join("postgres")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.leash.take());
        drop(self.keeper.wait());
    }
}

/// Starts a process that ends the server as soon as this one is gone, however it went: a server outlives its parent.
fn keep(folder: &Path) -> (Child, ChildStdin) {
    let mut command = Command::new("setsid");
    command.args(["sh", "-c", r#"cat; exec "$@""#, "keeper"]).arg(script("down")).arg(folder);
    let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let leash = keeper.stdin.take().unwrap();
    (keeper, leash)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

fn output_of(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
