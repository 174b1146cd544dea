//! The program as its own process, as operators run it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::database::TestDatabase;

/// A serving process that logs everything that there is to log. Dropping it ends it.
pub(crate) struct Process {
    child: Child,
    variables: Vec<(String, String)>,
    /// What it printed for the operator until it was ready.
    pub(crate) greeting: String,
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
}

impl Process {
    /// Starts a process on this database with its data below `folder`; its log goes to `folder/log`.
    pub(crate) fn start(folder: &Path, database: &TestDatabase) -> Self {
        Self::start_with(folder, database, &[])
    }

    /// Starts a process with these variables beside or instead of the usual ones.
    pub(crate) fn start_with(folder: &Path, database: &TestDatabase, more: &[(&str, &str)]) -> Self {
        let variables: Vec<(String, String)> = [
            ("MEDIAPORT_DATA_DIR", folder.join("data").to_str().unwrap()),
            ("MEDIAPORT_DATABASE_URL", database.url()),
            ("MEDIAPORT_LISTEN", "127.0.0.1:0"),
            ("MEDIAPORT_OUTBOUND_ALLOW", "127.0.0.0/8"),
            ("MEDIAPORT_MEDIA__KEEP_FREE_PERCENT", "0"),
            ("MEDIAPORT_LOG", "trace"),
        ]
        .iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut child = command(&variables, &["serve"]).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let (mut greeting, mut address) = (String::new(), String::new());
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            if let Some(ready) = line.strip_prefix("Mediaport is ready at ") {
                ready.trim_end_matches('/').clone_into(&mut address);
            }
            greeting.push_str(&line);
            greeting.push('\n');
            if words.last().is_some_and(|word| word.contains("/setup/")) {
                break;
            }
        }
        Self { child, variables, greeting, address }
    }

    /// Runs another command of the program beside it and gives what it printed.
    pub(crate) fn beside(&self, words: &[&str]) -> String {
        let output = command(&self.variables, words).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

fn command(variables: &[(String, String)], words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mediaport"));
    command.args(words).env_clear().envs(variables.to_vec());
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs an ignored test of ours with another environment, which is read once in a process.
pub(crate) fn in_its_own_process(test: &str, prepare: impl FnOnce(&mut Command)) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--ignored", "--nocapture", test]);
    prepare(&mut child);
    let ended = child.output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && out.contains("1 passed"), "{out}{errors}");
}
