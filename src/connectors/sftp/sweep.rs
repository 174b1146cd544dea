//! Clearing away what attempts left behind that nobody repeated.

use std::time::Duration;

use tokio::time::timeout;
use uuid::Uuid;

use super::files::{Files, Found};
use super::session::Session;

/// A delivery that is still tried writes its temporary file anew at least once an hour; whatever is older than a day is
/// nobody's any more. Both times are the server's own, so its clock need not be right.
const STALE_SECONDS: u32 = 24 * 60 * 60;
/// How many answers of a folder are looked at: some hundred names each, enough for the folder of a day.
const ANSWERS: usize = 10;
/// Deliveries do not wait longer than this for a tidy folder.
const LIMIT: Duration = Duration::from_secs(10);

/// Removes stale temporary files of ours from a folder that is met for the first time over this connection. `now` is the
/// server's time in seconds. What goes wrong is no fault of the delivery.
pub(super) async fn run(session: &Session, folder: &str, now: u32) {
    if !session.meets(folder) {
        return;
    }
    match timeout(LIMIT, clear(&session.files, folder, now)).await {
        Ok(Ok(0)) => (),
        Ok(Ok(removed)) => tracing::debug!(removed, "stale temporary files were removed"),
        Ok(Err(error)) => tracing::debug!(%error, "a folder was not swept"),
        Err(_) => tracing::debug!("sweeping a folder took too long"),
    }
}

async fn clear(files: &Files, folder: &str, now: u32) -> Result<usize, russh_sftp::client::error::Error> {
    let mut removed = 0;
    for (name, found) in files.list(folder, ANSWERS).await? {
        if is_stale(&name, found, now) {
            let path = match folder {
                "" => name,
                "/" => format!("/{name}"),
                folder => format!("{folder}/{name}"),
            };
            files.remove(&path).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_stale(name: &str, found: Found, now: u32) -> bool {
    let is_old = found.modified.is_some_and(|modified| now.saturating_sub(modified) > STALE_SECONDS);
    is_old && found.is_file && is_ours(name)
}

/// Tells whether a name is exactly what [`super::put`] makes: a dot, a name, the delivery, `part`.
fn is_ours(name: &str) -> bool {
    let inner = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".part"));
    let Some((file, delivery)) = inner.and_then(|inner| inner.rsplit_once('.')) else { return false };
    let id = Uuid::try_parse(delivery).ok();
    // written as we write it, and of the kind that deliveries have
    !file.is_empty() && id.is_some_and(|id| id.to_string() == delivery && id.get_version_num() == 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0192f3a4-7b6c-7def-8123-456789abcdef";

    #[test]
    fn only_our_own_names_are_ours() {
        assert!(is_ours(&format!(".a.jpg.{ID}.part")));
        let upper = format!(".a.jpg.{}.part", ID.to_uppercase());
        let plain = format!(".a.jpg.{}.part", ID.replace('-', ""));
        let random = format!(".a.jpg.{}.part", Uuid::nil());
        for other in [
            "",
            ".part",
            ".a.jpg.part",
            "a.jpg",
            &upper,
            &plain,
            &random,
            &format!("a.jpg.{ID}.part"),
            &format!(".a.jpg.{ID}.partial"),
            &format!("..{ID}.part"),
            &format!(".a.jpg.{ID}"),
            &format!(".a.jpg-{ID}.part"),
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn only_old_files_are_stale() {
        let name = format!(".a.jpg.{ID}.part");
        let found = |modified, is_file| Found { is_file, size: Some(1), modified };
        let now = 1_000_000;
        assert!(is_stale(&name, found(Some(now - STALE_SECONDS - 1), true), now));
        for fresh in [
            found(Some(now - STALE_SECONDS), true),
            found(Some(now + 5), true),
            found(None, true),
            found(Some(0), false),
        ] {
            assert!(!is_stale(&name, fresh, now), "{fresh:?}");
        }
    }
}
