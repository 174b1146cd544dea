//! Folders below the operator's root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use mediaport::connectors::{Configuration, DeliveryError, Ground, ItemProblem, Outcome, StepName};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::contract::{Place, contract, deliver};
use super::source::item;
use super::{configured, connector, failed, form, ground, step, tested};

struct Folder {
    root: TempDir,
    ground: Ground,
    configuration: Configuration,
}

impl Folder {
    fn directory(&self) -> PathBuf {
        self.root.path().join("exports/crm")
    }
}

impl Place for Folder {
    const KEY: &'static str = "folder";

    async fn fresh() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let ground = ground(root.path());
        Self { root, ground, configuration: configured("folder", &[("directory", "exports/crm")]) }
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }

    fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    async fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect(self.root.path(), &mut names);
        names
    }

    async fn look(&self, path: &str) -> Option<(u64, String)> {
        let bytes = fs::read(self.directory().join(path)).ok()?;
        Some((bytes.len() as u64, hex::encode(Sha256::digest(&bytes))))
    }

    async fn plant(&self, path: &str, bytes: &'static [u8]) {
        let path = self.directory().join(path);
        if bytes.is_empty() {
            return fs::remove_file(path).expect("removed");
        }
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    fn secret(&self) -> Option<String> {
        None
    }
}

fn collect(directory: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { collect(&path, names) } else { names.push(path.display().to_string()) }
    }
}

contract!(Folder);

#[test]
fn only_paths_below_the_root_are_taken() {
    for bad in ["/etc", "../x", "a/../../x", "a//b", ".", "", "a/./b", "a\\b", "/"] {
        let parsed = connector("folder").parse(&form(&[("directory", bad)]), None);
        assert!(parsed.expect_err("refused").first("directory").is_some(), "{bad}");
    }
}

#[tokio::test]
async fn links_do_not_lead_out_of_the_root() {
    let place = Folder::fresh().await;
    let outside = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(place.directory()).expect("a folder");
    symlink(outside.path(), place.directory().join("out")).expect("a link");
    symlink(outside.path().join("new"), place.directory().join("file.jpg")).expect("a link");

    let through = deliver(&place, &item("out/a.jpg", 10)).await.expect_err("refused");
    let onto = deliver(&place, &item("file.jpg", 10)).await.expect_err("refused");

    assert!(matches!(through, DeliveryError::Endpoint { .. }), "{through:?}");
    assert!(matches!(onto, DeliveryError::Item { reason: ItemProblem::Conflict, .. }), "{onto:?}");
    assert_eq!(fs::read_dir(outside.path()).expect("readable").count(), 0);
}

#[tokio::test]
async fn an_item_cannot_climb_either() {
    let place = Folder::fresh().await;
    for path in ["../a.jpg", "/a.jpg", "a/../../../b.jpg", "a//b.jpg", ".."] {
        let refused = deliver(&place, &item(path, 10)).await.expect_err("refused");
        assert!(
            matches!(refused, DeliveryError::Item { reason: ItemProblem::Rejected, .. }),
            "{path}: {refused:?}"
        );
    }
    assert_eq!(place.names().await, [""; 0]);
}

#[tokio::test]
async fn a_missing_root_is_waited_for_and_not_created() {
    let place = Folder::fresh().await;
    let gone = ground(&place.root.path().join("not-mounted"));

    let (outcome, steps) = tested("folder", &gone, place.configuration()).await;
    let put = connector("folder").put(place.configuration(), &gone, &item("a.jpg", 10)).await;

    assert_eq!((outcome, failed(&steps).name), (Outcome::Failed, StepName::Resolve));
    assert!(matches!(put, Err(DeliveryError::Transient { .. })), "{put:?}");
    assert!(!place.root.path().join("not-mounted").exists());
}

#[tokio::test]
async fn a_part_left_by_a_crash_is_written_again() {
    let place = Folder::fresh().await;
    let item = item("2026/a.jpg", 5000);
    let part = place.directory().join(format!("2026/.a.jpg.{}.part", item.delivery));
    fs::create_dir_all(part.parent().expect("a parent")).expect("a folder");
    fs::write(&part, vec![1; 9000]).expect("a part");

    deliver(&place, &item).await.expect("delivered");

    assert_eq!(place.look("2026/a.jpg").await, Some((5000, item.sha256)));
    assert!(!part.exists());
}

#[tokio::test]
async fn a_file_that_rots_is_not_verified_and_makes_room() {
    let place = Folder::fresh().await;
    let item = item("a.jpg", 5000);
    let receipt =
        connector("folder").put(place.configuration(), place.ground(), &item).await.expect("stored");
    let path = place.directory().join("a.jpg");
    let mut bytes = fs::read(&path).expect("readable");
    bytes[2500] ^= 1;
    fs::write(&path, bytes).expect("rotten");

    let verified = connector("folder").verify(place.configuration(), place.ground(), &item, &receipt).await;

    assert!(verified.expect_err("differs").message().contains("differs"));
    deliver(&place, &item).await.expect("a retry succeeds");
}

#[tokio::test]
async fn files_are_not_for_everybody() {
    let place = Folder::fresh().await;
    deliver(&place, &item("2026/a.jpg", 10)).await.expect("delivered");

    for path in ["exports", "exports/crm/2026", "exports/crm/2026/a.jpg"] {
        let mode = fs::metadata(place.root.path().join(path)).expect("there").permissions().mode();
        assert_eq!(mode & 0o007, 0, "{path} {mode:o}");
    }
}

#[tokio::test]
async fn a_folder_skips_the_steps_of_a_network() {
    let place = Folder::fresh().await;
    let (_, steps) = tested("folder", place.ground(), place.configuration()).await;

    for name in [StepName::Connect, StepName::Identity] {
        assert_eq!(step(&steps, name).state.as_str(), "skipped");
        assert!(!step(&steps, name).message.is_empty());
    }
}

#[tokio::test]
async fn two_attempts_at_once_leave_one_whole_file() {
    let place = Folder::fresh().await;
    let item = item("2026/a.mp4", 30 << 20);

    let (first, second) = tokio::join!(deliver(&place, &item), deliver(&place, &item));

    for result in [&first, &second] {
        assert!(matches!(result, Ok(_) | Err(DeliveryError::Transient { .. })), "{result:?}");
    }
    assert!(first.is_ok() || second.is_ok());
    assert_eq!(place.look("2026/a.mp4").await, Some((item.size, item.sha256)));
    assert_eq!(place.names().await.len(), 1);
}
