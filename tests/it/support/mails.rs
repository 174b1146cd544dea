//! What the mail server has taken.

use std::process::Command;

use serde_json::Value;

use super::peer;

/// Gives every mail for recipients whose address holds `mark`, in order of arrival.
pub(crate) fn mails(mark: &str) -> Vec<Value> {
    let said = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/mails.py"))
        .args([peer("TEST_SMTP_DIR").as_str(), mark])
        .output()
        .expect("Python");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let lines = String::from_utf8(said.stdout).expect("text");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
