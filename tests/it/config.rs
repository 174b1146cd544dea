//! Settings: the printed reference is the documented one, and whatever is wrong is said at once.

use std::path::Path;
use std::process::{Command, Output};

/// Runs a command of the program with these variables and no others of its own.
fn mediaport(words: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mediaport"));
    command.args(words).env_clear().envs(variables.to_vec()).current_dir(folder.path());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_documented_settings_are_those_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = std::fs::read_to_string(path).unwrap();
    let reference = mediaport::config::reference();

    assert!(
        page.contains(&format!("\n```toml\n{}\n```\n", reference.trim_end())),
        "docs/configuration.md is not what the program says: put the output of `mediaport config reference` into it"
    );
    assert_eq!(text(&mediaport(&["config", "reference"], &[]).stdout), reference);
}

#[test]
fn every_problem_is_reported_at_once() {
    let wrong = [
        ("MEDIAPORT_LISTEN", "here"),
        ("MEDIAPORT_PUBLIC_URL", "ftp://files.example"),
        ("MEDIAPORT_DATABASE_URL", "mysql://x"),
        ("MEDIAPORT_OUTBOUND_ALLOW", "10.0.0.0/8,everything"),
        ("MEDIAPORT_SESSIONS__IDLE_MINUTES", "soon"),
        ("MEDIAPORT_MASTER_KEY_FILE_FILE", "/no/such/file"),
    ];

    let checked = mediaport(&["config", "check"], &wrong);

    let said = text(&checked.stderr);
    assert!(!checked.status.success());
    for key in
        ["listen", "public_url", "database.url", "outbound.allow", "sessions.idle_minutes", "/no/such/file"]
    {
        assert_eq!(said.lines().filter(|line| line.contains(key)).count(), 1, "{key} has its line: {said}");
    }
}

#[test]
fn a_file_sets_and_the_environment_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mediaport.toml");
    std::fs::write(&file, "listen = \"nowhere\"\n[sessions]\nidle_minutes = 5\ncolour = \"red\"\n").unwrap();
    let file = file.to_str().unwrap();

    let with_file = mediaport(&["config", "check"], &[("MEDIAPORT_CONFIG", file)]);
    let with_both =
        mediaport(&["config", "check"], &[("MEDIAPORT_CONFIG", file), ("MEDIAPORT_LISTEN", "127.0.0.1:1")]);

    let (with_file, with_both) = (text(&with_file.stderr), text(&with_both.stderr));
    assert!(
        with_file.contains("nowhere") && with_file.contains("sessions.colour is not a setting"),
        "{with_file}"
    );
    assert!(!with_both.contains("nowhere") && with_both.contains("sessions.colour"), "{with_both}");
}

#[test]
fn a_secret_comes_from_a_file_and_is_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("address");
    std::fs::write(&file, "postgres://hub:canary-in-the-address@127.0.0.1:1/hub\n").unwrap();
    let variables = [
        ("MEDIAPORT_DATABASE_URL_FILE", file.to_str().unwrap()),
        ("MEDIAPORT_DATA_DIR", folder.path().to_str().unwrap()),
        ("MEDIAPORT_LOG", "trace"),
    ];

    let checked = mediaport(&["config", "check"], &variables);
    let migrated = mediaport(&["migrate"], &variables);

    assert!(checked.status.success());
    let said = text(&migrated.stderr);
    assert!(said.contains("cannot reach the database server"), "the address was read from the file: {said}");
    assert!(!said.contains("canary-in-the-address"), "{said}");
}
