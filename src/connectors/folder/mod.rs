//! Files in a folder of this server, or of whatever the operator has mounted there.
//!
//! Every endpoint's `directory` lies below one root that only the operator sets. Paths are walked one name at a time
//! from open directories and links are never followed, so neither a setting nor a file name leads out of the root.

mod tree;
mod write;

use askama::Template;
use serde::{Deserialize, Serialize};

use super::item::is_relative;
use super::probe::{self, Removal};
use super::report::{Found, Report, StepName};
use super::{Connector, DeliveryError, Field, Ground, Item, Receipt, Takes, VerifiedBy};
use crate::platform::form::{FieldErrors, FormFields};
use tree::{Directory, problem};

/// The destination type "Folder".
pub struct Folder;

/// Where the files of an endpoint go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    directory: String,
}

#[derive(Template)]
#[template(path = "endpoints/types/folder.html")]
struct Fields<'a> {
    form: &'a FormFields,
}

impl Connector for Folder {
    const KEY: &'static str = "folder";
    const LABEL: &'static str = "Folder";
    const TAKES: Takes = Takes::Everything;
    const FIELDS: &'static [Field] = &[Field::required(
        "directory",
        "Path below the operator's root, without a leading `/` and without `..`",
    )];
    type Settings = Settings;
    type Secrets = ();

    fn fields(form: &FormFields, _stored: bool) -> impl Template {
        Fields { form }
    }

    fn parse(form: &FormFields, _stored: Option<(&Settings, &())>) -> Result<(Settings, ()), FieldErrors> {
        let mut check = form.check();
        let typed = check.required("directory", "a folder", 500);
        let directory = typed.trim_end_matches('/');
        if !typed.is_empty() && !is_relative(directory) {
            check.refuse(
                "directory",
                "Enter a path below the operator's root, without a leading / and without ..",
            );
        }
        let settings = Settings { directory: directory.to_owned() };
        check.finish((settings, ()))
    }

    fn address(settings: &Settings) -> String {
        format!("folder://{}", settings.directory)
    }

    async fn check(settings: &Settings, secrets: &(), ground: &Ground, report: &mut Report) {
        report.step(StepName::Resolve, root_exists(ground)).await;
        report
            .step(StepName::Connect, async { Ok(Found::skipped((), "A folder needs no connection")) })
            .await;
        report
            .step(StepName::Identity, async { Ok(Found::skipped((), "A folder has no certificate")) })
            .await;
        report.step(StepName::SignIn, may_write(settings, ground)).await;
        probe::run::<Self, _, _>(settings, secrets, ground, report, |receipt| remove(ground, receipt)).await;
    }

    async fn put(
        settings: &Settings,
        (): &(),
        ground: &Ground,
        item: &Item,
    ) -> Result<Receipt, DeliveryError> {
        write::put(ground.folder_root.clone(), &settings.directory, item).await
    }

    async fn verify(
        _settings: &Settings,
        (): &(),
        ground: &Ground,
        item: &Item,
        receipt: &Receipt,
    ) -> Result<VerifiedBy, DeliveryError> {
        write::verify(ground.folder_root.clone(), item, receipt).await
    }
}

async fn root_exists(ground: &Ground) -> Result<Found<()>, String> {
    let root = ground.folder_root.clone();
    blocking(move || Directory::root(&root)).await.map_err(|error| error.message().to_owned())?;
    Ok(Found::passed((), ""))
}

async fn may_write(settings: &Settings, ground: &Ground) -> Result<Found<()>, String> {
    let (root, directory) = (ground.folder_root.clone(), settings.directory.clone());
    let writable = blocking(move || Directory::root(&root)?.make_path(&directory)?.check_writable()).await;
    writable.map(|()| Found::passed((), "")).map_err(|error| error.message().to_owned())
}

async fn remove(ground: &Ground, receipt: Receipt) -> Result<Removal, DeliveryError> {
    let root = ground.folder_root.clone();
    blocking(move || {
        let path = write::path_of(&receipt)?;
        let (parent, name) = tree::split(&path);
        let removed = Directory::root(&root)?.open_path(parent)?.remove(name);
        match removed {
            Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => Ok(Removal::Forbidden(path)),
            Err(errno) => Err(problem(errno)),
            Ok(()) => Ok(Removal::Removed),
        }
    })
    .await
}

/// Runs file work on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DeliveryError> + Send + 'static,
) -> Result<T, DeliveryError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|cause| {
        tracing::debug!(%cause, "file work did not end");
        Err(DeliveryError::transient("Writing was interrupted; it is tried again"))
    })
}
