//! Folders of Google Drive, against a stand-in: nobody publishes a server to test with. What it checks and how it fails on
//! demand is written in `tests/peers/gdrive.py`.

mod faults;
mod kept;
mod refusals;

use std::process::{Command, Stdio};

use mediaport::connectors::gdrive::Google;
use mediaport::connectors::{
    Configuration, DeliveryError, Ground, Item, Outcome, Receipt, StepName, StepState, VerifiedBy,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

use super::contract::{Place, contract, deliver};
use super::source::item;
use super::{configured, connector, failed, ground, peer, step, tested};
use crate::support;

/// An account of its own at the stand-in, with a world of its own.
pub(super) struct Account {
    email: String,
    ground: Ground,
    configuration: Configuration,
    _root: TempDir,
}

impl Account {
    /// Opens a folder in the shared drive.
    fn open() -> Self {
        Self::with(&[("folder_id", "sd_rw")])
    }

    fn with(fields: &[(&str, &str)]) -> Self {
        Self::at("TEST_GDRIVE_HTTP", fields)
    }

    fn at(address: &str, fields: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let base = peer(address);
        let at = |path: &str| format!("{base}{path}").parse::<Url>().expect("an address");
        let google = Google { api: at(""), token: at("/token") };
        let email = fresh_email();
        let key = key_of(&email);
        let mut all = vec![("service_account_key", key.as_str())];
        all.extend(fields);
        let configuration = configured("gdrive", &all);
        Self { email, ground: Ground { google, ..ground(root.path()) }, configuration, _root: root }
    }

    /// Changes the account's world; see the stand-in.
    fn set(&self, change: &Value) {
        change_world(&self.email, change);
    }

    fn fault(&self, faults: &Value) {
        self.set(&json!({"faults": faults}));
    }

    /// Gives its files and what was asked.
    fn world(&self) -> Value {
        world(&self.email)
    }

    /// Gives every file that does not lie in the trash.
    fn files(&self) -> Vec<Value> {
        let world = self.world();
        let files = world["files"].as_array().expect("files").iter();
        files.filter(|file| file["trashed"] == false).cloned().collect()
    }

    /// Gives what was asked with this beginning: `POST /token`.
    fn calls(&self, beginning: &str) -> Vec<Value> {
        let world = self.world();
        let calls = world["calls"].as_array().expect("calls").iter();
        calls
            .filter(|call| call["call"].as_str().is_some_and(|call| call.starts_with(beginning)))
            .cloned()
            .collect()
    }

    /// Reserves what an item needs, as the worker does before every attempt.
    async fn reserve(&self, item: &mut Item) -> Result<(), DeliveryError> {
        if let Some(new) = connector("gdrive").reserve(&self.configuration, &self.ground, item).await? {
            item.reservation = Some(new);
        }
        Ok(())
    }

    async fn put(&self, item: &Item) -> Result<Receipt, DeliveryError> {
        connector("gdrive").put(&self.configuration, &self.ground, item).await
    }

    async fn verify(&self, item: &Item, receipt: &Receipt) -> Result<VerifiedBy, DeliveryError> {
        connector("gdrive").verify(&self.configuration, &self.ground, item, receipt).await
    }

    /// Makes one attempt, as the worker does.
    async fn attempt(&self, item: &mut Item) -> Result<VerifiedBy, DeliveryError> {
        self.reserve(item).await?;
        let receipt = self.put(item).await?;
        self.verify(item, &receipt).await
    }

    async fn refusal(&self) -> DeliveryError {
        deliver(self, &item("a.jpg", 2000)).await.expect_err("refused")
    }
}

fn fresh_email() -> String {
    format!("{}@stand-in.iam.gserviceaccount.com", Uuid::new_v4().simple())
}

pub(super) fn key_of(email: &str) -> String {
    let file = std::fs::read_to_string(peer("TEST_GDRIVE_KEY")).expect("the key");
    let mut key: Value = serde_json::from_str(&file).expect("JSON");
    key["client_email"] = json!(email);
    key.to_string()
}

fn world(email: &str) -> Value {
    serde_json::from_slice(&curl(email, &[])).expect("JSON")
}

fn change_world(email: &str, change: &Value) {
    curl(email, &["-X", "PUT", "-d", &change.to_string()]);
}

fn curl(email: &str, arguments: &[&str]) -> Vec<u8> {
    let url = format!("{}/_world/{email}", peer("TEST_GDRIVE_HTTP"));
    let done = Command::new("curl").args(["-sSf", &url]).args(arguments).stderr(Stdio::inherit()).output();
    let done = done.expect("curl, which tests/peers/setup installs");
    assert!(done.status.success(), "{email} {arguments:?}");
    done.stdout
}

fn path_of(file: &Value) -> String {
    let names = file["path"].as_array().expect("a path").iter();
    names.map(|name| name.as_str().expect("a name")).collect::<Vec<_>>().join("/")
}

impl Place for Account {
    const KEY: &'static str = "gdrive";

    async fn fresh() -> Self {
        Self::open()
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }

    fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    async fn names(&self) -> Vec<String> {
        assert_eq!(self.world()["sessions"], json!([]), "no upload is left open");
        self.files().iter().map(path_of).collect()
    }

    async fn look(&self, path: &str) -> Option<(u64, String)> {
        let file = self.files().into_iter().find(|file| path_of(file) == path)?;
        let text = |name: &str| file[name].as_str().expect("text").to_owned();
        Some((text("size").parse().expect("a number"), text("sha256Checksum")))
    }

    async fn plant(&self, path: &str, bytes: &'static [u8]) {
        let text = std::str::from_utf8(bytes).expect("text");
        self.set(&json!({"plant": {"path": path, "text": text}}));
    }

    fn secret(&self) -> Option<String> {
        let key: Value = serde_json::from_str(&key_of(&self.email)).expect("JSON");
        key["private_key"].as_str().expect("a key").lines().nth(1).map(str::to_owned)
    }
}

contract!(Account);

#[tokio::test]
async fn files_lie_in_folders_that_are_made_once() {
    let account = Account::open();
    let paths =
        ["2026/11/21/a.jpg", "2026/11/21/b.jpg", "2026/11/22/it's here.jpg", "2026/12/a.jpg", "c.jpg"];
    let items: Vec<_> = paths.into_iter().map(|path| item(path, 1000)).collect();

    let all = items.iter().map(|item| deliver(&account, item));
    let receipts = futures_util::future::try_join_all(all).await.expect("delivered");

    let mut found: Vec<_> = account.files().iter().map(path_of).collect();
    found.sort();
    assert_eq!(found, paths);
    let mut folders: Vec<_> = account.world()["folders"].as_array().expect("folders")[7..].to_vec();
    folders.sort_by_key(ToString::to_string);
    assert_eq!(folders, ["11", "12", "2026", "21", "22"]);
    let (receipt, verified) = &receipts[0];
    let id = receipt.location["file_id"].as_str().expect("an identifier");
    let url = format!("https://drive.google.com/file/d/{id}/view");
    assert_eq!(receipt.location, json!({"file_id": id, "drive_id": "SD1", "url": url}));
    assert_eq!(*verified, VerifiedBy::Sha256);
    assert_eq!(account.calls("POST /token").len(), 1, "one sign-in serves all");
    let opened = account.calls("POST /upload/drive/v3/files");
    assert!(opened.iter().all(|call| call["query"]["supportsAllDrives"] == "true"), "{opened:?}");
}

#[tokio::test]
async fn of_two_folders_of_one_name_the_oldest_counts() {
    let account = Account::open();
    // another process makes the folder between our look and our making it
    account.set(&json!({"plant": {"path": "2026/other.jpg", "text": "theirs"}}));
    account.fault(&json!([{"match": "GET /drive/v3/files$", "answer": {"files": []}}]));

    deliver(&account, &item("2026/ours.jpg", 1000)).await.expect("delivered");
    deliver(&account, &item("2026/more.jpg", 1000)).await.expect("delivered");

    let parents: Vec<_> = account.files().iter().map(|file| file["parents"].clone()).collect();
    assert_eq!(parents.len(), 3);
    assert!(parents.iter().all(|parent| *parent == parents[0]), "{parents:?}");
}

#[tokio::test]
async fn the_strongest_sum_that_is_told_proves_a_file() {
    for (sums, proof) in [("all", VerifiedBy::Sha256), ("md5", VerifiedBy::Md5), ("none", VerifiedBy::Length)]
    {
        let account = Account::open();
        account.set(&json!({"sums": sums}));
        let (_, verified) = deliver(&account, &item("a.jpg", 3000)).await.expect("delivered");
        assert_eq!(verified, proof);

        account.fault(&json!([{"match": "PUT /upload", "flip": true}]));
        let spoiled = deliver(&account, &item("b.jpg", 3000)).await;
        assert_eq!(spoiled.is_ok(), sums == "none", "{sums}: {spoiled:?}");
    }
}

#[tokio::test]
async fn a_person_may_lend_storage() {
    let fields = [("folder_id", "my_rw"), ("impersonate", "ada@example.com")];
    let account = Account::with(&fields);
    account.set(&json!({"delegates": ["ada@example.com"]}));

    let (outcome, steps) = tested("gdrive", &account.ground, &account.configuration).await;
    let (receipt, _) = deliver(&account, &item("a.jpg", 10)).await.expect("delivered");

    assert_eq!(outcome, Outcome::Passed, "{steps:?}");
    assert!(step(&steps, StepName::SignIn).message.contains("ada@example.com"), "{steps:?}");
    assert_eq!(receipt.location.get("drive_id"), None);
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_before_it_ends() {
    let account = Account::open();
    let all = (0..8).map(|number| item(&format!("{number}.jpg"), 100)).collect::<Vec<_>>();
    futures_util::future::try_join_all(all.iter().map(|item| deliver(&account, item)))
        .await
        .expect("delivered");
    assert_eq!(account.calls("POST /token").len(), 1);

    // two minutes before its end a token is not used any more
    let short = Account::open();
    short.set(&json!({"ttl": 120}));
    deliver(&short, &item("a.jpg", 100)).await.expect("delivered");
    assert!(short.calls("POST /token").len() > 1);

    // one that Google takes back is replaced
    account.fault(&json!([{"match": "GET /drive", "status": 401, "reason": "authError"}]));
    let refused = account.refusal().await;
    assert!(matches!(refused, DeliveryError::Transient { .. }), "{refused:?}");
    deliver(&account, &item("a.jpg", 100)).await.expect("delivered");
    assert_eq!(account.calls("POST /token").len(), 2);
}

#[tokio::test]
async fn the_probe_goes_as_far_as_the_account_may() {
    for (rights, outcome, left) in [
        (json!(["delete", "trash"]), Outcome::Passed, 0),
        (json!(["trash"]), Outcome::Passed, 0),
        (json!([]), Outcome::Warnings, 1),
    ] {
        let account = Account::open();
        account.set(&json!({"rights": rights}));

        let (found, steps) = tested("gdrive", &account.ground, &account.configuration).await;

        assert_eq!((found, account.files().len()), (outcome, left), "{rights}: {steps:?}");
        let delete = step(&steps, StepName::Delete);
        assert_eq!(delete.state == StepState::Warning, left == 1);
        assert_eq!(delete.message.contains("https://drive.google.com/file/d/"), left == 1, "{delete:?}");
    }
}

#[tokio::test]
async fn https_proves_google_and_carries_deliveries() {
    support::in_its_own_process("connectors::gdrive::delivers_over_https", |child| {
        child.env("SSL_CERT_FILE", peer("TEST_CA_FILE"));
    });
}

#[tokio::test]
#[ignore = "run by https_proves_google_and_carries_deliveries, in a process of its own"]
async fn delivers_over_https() {
    let account = Account::at("TEST_GDRIVE_HTTPS", &[("folder_id", "sd_rw"), ("shared_drive_id", "SD1")]);

    let (outcome, steps) = tested("gdrive", &account.ground, &account.configuration).await;

    assert_eq!(outcome, Outcome::Passed, "{steps:?}");
    assert_eq!(step(&steps, StepName::Identity).state, StepState::Passed);
    for size in [0, 5000, 40 << 20] {
        let item = item(&format!("{size}.jpg"), size);
        deliver(&account, &item).await.expect("delivered");
        assert_eq!(account.look(&item.path).await, Some((item.size, item.sha256)));
    }
}
