//! What an admin enters for a folder of Google Drive.

use serde::{Deserialize, Serialize};
use url::Url;

use super::Secrets;
use super::key::{self, ServiceAccount};
use crate::platform::form::{Check, FieldErrors, FormFields};
use crate::platform::secret::Secret;

/// Longer than any identifier that Google hands out.
const MOST_ID: usize = 128;
const WRONG_ID: &str =
    "Enter the identifier alone: the letters, digits, - and _ at the end of the address in a browser";

/// Where the files of an endpoint go, and in whose name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub(super) folder_id: String,
    pub(super) shared_drive_id: Option<String>,
    pub(super) impersonate: Option<String>,
    /// The service account, of its key; people have to know with whom to share the folder.
    pub(super) client_email: String,
}

impl Settings {
    /// Names the account that stores files, as Google sees it.
    pub(super) fn account(&self) -> &str {
        self.impersonate.as_deref().unwrap_or(&self.client_email)
    }
}

/// Tells whether a text has the shape of an identifier of Google's.
pub(super) fn is_id(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=MOST_ID).contains(&text.len()) && text.chars().all(is_plain)
}

/// Checks what was typed; see [`super::Connector::parse`].
pub(super) fn parse(
    form: &FormFields,
    stored: Option<(&Settings, &Secrets)>,
) -> Result<(Settings, Secrets), FieldErrors> {
    let mut check = form.check();
    let folder = check.required("folder_id", "the identifier of the folder", 500);
    let folder_id = id(&mut check, "folder_id", &folder).unwrap_or_default();
    let drive = check.text("shared_drive_id", 500);
    let shared_drive_id = id(&mut check, "shared_drive_id", &drive);
    let impersonate = Some(check.text("impersonate", 254)).filter(|person| !person.is_empty());
    if impersonate.as_deref().is_some_and(|person| !key::is_email(person)) {
        check.refuse("impersonate", "Enter the person's e-mail address, such as archive@example.com");
    }
    let account = account(&mut check, stored, impersonate.as_deref());
    let (client_email, secrets) = account.map_or_else(nobody, |account| (account.email, account.secrets));
    check.finish((Settings { folder_id, shared_drive_id, impersonate, client_email }, secrets))
}

/// Gives the account of the key that was typed, or else of the stored one. Who holds the key may act for others, so it is
/// asked for again when these change.
fn account(
    check: &mut Check<'_>,
    stored: Option<(&Settings, &Secrets)>,
    impersonate: Option<&str>,
) -> Option<ServiceAccount> {
    let name = "service_account_key";
    let none = Secret::default();
    let typed = check.secret(name, "the key", Some(&none));
    if !typed.expose().trim().is_empty() {
        return key::read(typed.expose()).map_err(|problem| check.refuse(name, problem.to_string())).ok();
    }
    match stored {
        Some((settings, secrets)) if settings.impersonate.as_deref() == impersonate => {
            Some(ServiceAccount { email: settings.client_email.clone(), secrets: secrets.clone() })
        }
        Some(_) => {
            check.refuse(
                name,
                "Enter the key again: the stored one was meant for another person to impersonate",
            );
            None
        }
        None => {
            check.refuse(name, "Enter the service account's key");
            None
        }
    }
}

fn nobody() -> (String, Secrets) {
    (String::new(), Secrets { private_key: Secret::default(), private_key_id: Secret::default() })
}

/// Takes an identifier, or the address in a browser that ends with it.
fn id(check: &mut Check<'_>, name: &str, text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let address = Url::parse(text).ok().filter(|url| url.host_str() == Some("drive.google.com"));
    let last = address.as_ref().and_then(|url| url.path_segments()?.next_back());
    let id = last.unwrap_or(text);
    if !is_id(id) {
        check.refuse(name, WRONG_ID);
    }
    Some(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::key::tests::{PEM, file};
    use super::*;

    const EMAIL: &str = "hub@claims.iam.gserviceaccount.com";

    fn form(changes: &[(&str, &str)]) -> FormFields {
        let key = file("service_account", EMAIL, PEM);
        let good = FormFields::default().set("service_account_key", key).set("folder_id", "1aB-c_9");
        changes.iter().fold(good, |form, (name, value)| form.set(name, *value))
    }

    fn problem(changes: &[(&str, &str)], field: &str) -> String {
        let errors = parse(&form(changes), None).expect_err("a problem");
        assert!(errors.iter().all(|(_, message)| !message.contains("PRIVATE")), "{errors:?}");
        errors.first(field).unwrap_or_default().to_owned()
    }

    #[test]
    fn what_may_be_shown_names_the_account_and_not_its_key() {
        let (settings, secrets) = parse(&form(&[]), None).unwrap();

        assert_eq!((settings.client_email.as_str(), settings.folder_id.as_str()), (EMAIL, "1aB-c_9"));
        assert_eq!((settings.shared_drive_id.as_ref(), settings.impersonate.as_ref()), (None, None));
        assert_eq!(settings.account(), EMAIL);
        let shown = format!("{settings:?} {secrets:?} {}", serde_json::to_string(&settings).unwrap());
        assert!(!shown.contains("PRIVATE") && !shown.contains("evil"), "{shown}");
        assert!(!serde_json::to_string(&secrets).unwrap().contains("evil"), "no address of the file is kept");
    }

    #[test]
    fn folders_may_be_given_as_addresses() {
        for (typed, id) in [
            ("https://drive.google.com/drive/folders/1aB-c_9?usp=sharing", "1aB-c_9"),
            ("https://drive.google.com/drive/u/0/folders/1aB", "1aB"),
            (" 1aB ", "1aB"),
        ] {
            assert_eq!(parse(&form(&[("folder_id", typed)]), None).unwrap().0.folder_id, id);
        }
        for typed in ["a/b", "../x", "a?b", "https://evil.example/folders/1aB", "ü", "a'b"] {
            assert_eq!(problem(&[("folder_id", typed)], "folder_id"), WRONG_ID, "{typed}");
        }
        assert!(problem(&[("folder_id", "")], "folder_id").starts_with("Enter"));
        assert_eq!(problem(&[("shared_drive_id", "a b")], "shared_drive_id"), WRONG_ID);
        for person in ["ada", "ada@", "@example.com", "a b@example.com", "<ada@example.com>"] {
            assert!(problem(&[("impersonate", person)], "impersonate").contains("e-mail"), "{person}");
        }
    }

    #[test]
    fn a_stored_key_serves_the_same_account_alone() {
        let (settings, secrets) = parse(&form(&[("impersonate", "ada@example.com")]), None).unwrap();
        let stored = Some((&settings, &secrets));
        let moved = [("service_account_key", ""), ("folder_id", "other"), ("impersonate", "ada@example.com")];
        let (again, kept) = parse(&form(&moved), stored).unwrap();
        assert_eq!((again.client_email.as_str(), kept), (EMAIL, secrets.clone()));

        for other in ["", "eve@example.com"] {
            let errors = parse(&form(&[("service_account_key", ""), ("impersonate", other)]), stored);
            let errors = errors.expect_err("void");
            assert!(errors.first("service_account_key").is_some_and(|text| text.contains("again")));
        }
        assert!(problem(&[("service_account_key", " ")], "service_account_key").starts_with("Enter"));
        assert!(problem(&[("service_account_key", "hunter2")], "service_account_key").contains("no JSON"));
    }
}
