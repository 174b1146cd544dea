//! Writing so that the final name appears on whole files only, and on nobody else's.
//!
//! The bytes go to a temporary name beside the final one and are counted there before the file is renamed. The plain
//! rename of the protocol is the way of choice: it has to fail when the new name is taken, and OpenSSH makes it from a
//! hard link and a removal, so that nothing can come between. Two other ways stand in for servers that do not know it.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::super::item::is_relative;
use super::super::{DeliveryError, Item, ItemProblem, Receipt};
use super::fault::{self, Doing};
use super::files::{Files, Rename};
use super::session::Session;
use super::upload::Upload;
use super::{Settings, sweep};

/// The longest name that leaves room for what is put around it in a temporary name.
const NAME_ROOM: usize = 200;
/// How long tidying up may take after a failure: it is a courtesy, and the server may have stopped answering.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// Stores an item unless exactly it is there already.
pub(super) async fn run(
    session: &Session,
    settings: &Settings,
    item: &Item,
) -> Result<Receipt, DeliveryError> {
    if !is_relative(&item.path) {
        return Err(DeliveryError::unsafe_path());
    }
    let files = &session.files;
    let path = settings.path(&item.path);
    let receipt = |modified: Option<u32>| Receipt {
        location: json!({ "host": settings.host, "port": settings.port, "path": path }),
        proof: json!({ "modified": modified }),
    };
    if is_there(files, &path, item).await? {
        return Ok(receipt(None));
    }
    let part = part_name(&path, item.delivery);
    let stored = store(files, &path, &part, item).boxed().await;
    if stored.is_err() {
        discard(files, &part).await;
    }
    let Some(modified) = stored? else { return Ok(receipt(None)) };
    sweep::run(session, parent(&path), modified).await;
    Ok(receipt(Some(modified)))
}

/// Writes the temporary file and gives it its name. Gives the time of its last change by the server's clock, or nothing
/// when an equal file was quicker.
async fn store(files: &Files, path: &str, part: &str, item: &Item) -> Result<Option<u32>, DeliveryError> {
    let handle = create(files, part).await?;
    let written = Upload::new(files, &handle).send(item).await;
    let flushed = match written {
        Ok(()) => files.flush(&handle).await,
        Err(error) => Err(error),
    };
    if flushed.is_err() {
        // closed as well: servers allow only so many open files
        clean_up(files.close(&handle)).await;
    }
    flushed?;
    files.close(&handle).await?;
    let found = files.look(part).await?;
    if found.and_then(|found| found.size) != Some(item.size) {
        return Err(DeliveryError::transient(
            "The server has kept another number of bytes than it was sent, so the file was not delivered. It is tried again; \
             check the server's disk",
        ));
    }
    if publish(files, part, path).await? {
        return Ok(Some(found.and_then(|found| found.modified).unwrap_or_default()));
    }
    discard(files, part).await;
    if is_there(files, path, item).await? {
        return Ok(None);
    }
    Err(DeliveryError::transient(
        "The file's name is taken at one moment and free at the next; it is tried again",
    ))
}

async fn create(files: &Files, part: &str) -> Result<String, DeliveryError> {
    if let Some(handle) = files.create(part).await? {
        return Ok(handle);
    }
    files.make_folders(parent(part)).await?;
    files.create(part).await?.ok_or_else(|| {
        DeliveryError::transient(
            "The folder has gone from the server as soon as it was made; it is tried again",
        )
    })
}

/// Gives a file its final name; false when the name is taken.
async fn publish(files: &Files, part: &str, path: &str) -> Result<bool, DeliveryError> {
    let mut problem = None;
    for way in [Rename::Plain, Rename::Link, Rename::Posix] {
        if !files.knows(way) {
            continue;
        }
        // not every server keeps to the protocol, and one of the ways replaces by design
        if files.look(path).await?.is_some() {
            return Ok(false);
        }
        let Err(error) = files.rename(way, part, path).await else { return Ok(true) };
        let is_refusal = matches!(error, russh_sftp::client::error::Error::Status(_));
        let told = fault::delivery(&error, Doing::Renaming);
        if !is_refusal {
            return Err(told);
        }
        problem.get_or_insert(told);
    }
    if files.look(path).await?.is_some() {
        return Ok(false);
    }
    Err(problem.unwrap_or_else(fault::broke_off))
}

/// Tells whether the final name is taken by an equal file; another file there is a conflict. Whatever its size, it is read:
/// this happens only after an answer was lost, and nobody else knows whose file it is.
async fn is_there(files: &Files, path: &str, item: &Item) -> Result<bool, DeliveryError> {
    let Some(found) = files.look(path).await? else { return Ok(false) };
    if !found.is_file {
        return Err(DeliveryError::item(
            ItemProblem::Conflict,
            "Something that is not a file already has this name on the server; move it away and retry",
        ));
    }
    if found.size == Some(item.size) && files.sha256(path, item.size).await? == item.sha256 {
        return Ok(true);
    }
    Err(DeliveryError::item(
        ItemProblem::Conflict,
        "Another file already has this name on the server. It was left as it is; move it away and retry",
    ))
}

async fn discard(files: &Files, part: &str) {
    clean_up(files.remove(part)).await;
}

/// Leaves things tidy after a failure, as far as the server still answers; the next attempt copes with the rest.
async fn clean_up<T, E: std::fmt::Display>(work: impl Future<Output = Result<T, E>>) {
    match timeout(CLEAN_UP, work).await {
        Ok(Ok(_)) => (),
        Ok(Err(error)) => tracing::debug!(%error, "a temporary file stays until the next attempt"),
        Err(_) => {
            tracing::debug!("the server does not answer, so a temporary file stays until the next attempt");
        }
    }
}

/// Gives the folder of a path; empty where the account begins.
pub(super) fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => "",
    }
}

fn part_name(path: &str, delivery: Uuid) -> String {
    let (folder, name) = path.rsplit_once('/').map_or((None, path), |(folder, name)| (Some(folder), name));
    let room = (0..=name.len().min(NAME_ROOM)).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    let part = format!(".{}.{delivery}.part", &name[..room]);
    folder.map_or(part.clone(), |folder| format!("{folder}/{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_stand_beside_the_final_ones_and_fit() {
        let id = Uuid::nil();
        for (path, part) in [
            ("a.jpg", format!(".a.jpg.{id}.part")),
            ("/a.jpg", format!("/.a.jpg.{id}.part")),
            ("in/2026/a.jpg", format!("in/2026/.a.jpg.{id}.part")),
        ] {
            assert_eq!(part_name(path, id), part);
        }
        let long = part_name(&format!("in/{}", "屋".repeat(85)), id);
        assert!(long.len() - "in/".len() <= 255, "{}", long.len());
    }

    #[test]
    fn parents_are_folders_or_where_the_account_begins() {
        for (path, folder) in [("a", ""), ("/a", "/"), ("in/a", "in"), ("/srv/in/a", "/srv/in")] {
            assert_eq!(parent(path), folder);
        }
    }
}
