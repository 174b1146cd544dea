//! Apps and what their keys may do.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::features::use_cases::UseCaseId;
use crate::platform::clock::Timestamp;
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::keys::{KeyId, KeyPlace};
use crate::{text_enum, typed_id};

typed_id! {
    /// Names an app.
    AppId
}

text_enum! {
    /// What an app's key may do.
    Scope {
        /// Open and end conversations.
        ConversationsWrite = "conversations.write",
        /// Hand in files.
        MediaWrite = "media.write",
        /// Read files and what is known about them.
        MediaRead = "media.read",
    }
}

/// A machine client.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct App {
    /// The identifier.
    pub id: AppId,
    /// The name, unique in the installation.
    pub name: String,
    /// Where media of its messages go when their device says nothing.
    pub default_use_case_id: Option<UseCaseId>,
    /// When it was added.
    pub created_at: Timestamp,
}

impl App {
    /// Gives the account identifier of the task face: `AC` and the app's UUID in hexadecimal.
    #[must_use]
    pub fn account_sid(&self) -> String {
        format!("AC{}", self.id.uuid().simple())
    }

    /// Gives the workspace identifier of the task face.
    #[must_use]
    pub fn workspace_sid(&self) -> String {
        format!("WS{}", self.id.uuid().simple())
    }
}

/// What somebody enters to add or change an app.
#[derive(Debug)]
pub struct AppForm {
    /// The name.
    pub name: String,
    /// Id or name of the default use case; empty for none.
    pub default_use_case: String,
}

impl AppForm {
    /// Reads a submitted form.
    pub fn parse(form: &FormFields) -> Result<Self, FieldErrors> {
        let mut check = form.check();
        let name = check.required("name", "a name", 100);
        let default_use_case = check.text("default_use_case", 255);
        check.finish(Self { name, default_use_case })
    }
}

/// What a key may do and how long.
#[derive(Debug)]
pub struct KeyTerms {
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// How long it is good.
    pub life: Duration,
}

impl KeyTerms {
    /// Reads a submitted object. No scopes at all means every one; an empty list is more likely a mistake of the client
    /// than a wish for that.
    pub fn parse(object: &Map<String, Value>) -> Result<Self, FieldErrors> {
        let form = FormFields::from_json(object)?;
        let mut check = form.check();
        let asked = check.each::<Scope>("scopes", "Use conversations.write, media.write or media.read");
        if object.get("scopes").and_then(Value::as_array).is_some_and(Vec::is_empty) {
            check.refuse("scopes", "Name at least one scope, or leave the field out for all of them");
        }
        let life = check.days("expires_in_days").unwrap_or(LIFE);
        let is_asked = |scope: &Scope| asked.is_empty() || asked.contains(scope);
        let scopes = Scope::ALL.iter().copied().filter(is_asked).collect();
        check.finish(Self { scopes, life })
    }
}

/// How long a key is good when nobody says: long enough to be exchanged once a year.
const LIFE: Duration = Duration::from_hours(365 * 24);

/// A key as it is listed; its secret is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct AppKey {
    pub(super) id: KeyId,
    pub(super) scopes: String,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) used_at: Option<Timestamp>,
    pub(super) revoked_at: Option<Timestamp>,
}

impl AppKey {
    pub(super) fn place(&self) -> KeyPlace {
        KeyPlace { at: self.created_at, id: self.id.clone() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(document: &Value) -> Result<KeyTerms, FieldErrors> {
        KeyTerms::parse(document.as_object().expect("an object"))
    }

    #[test]
    fn a_key_gets_what_was_asked_for_and_never_more() {
        for (asked, scopes, days) in [
            (json!({}), Scope::ALL.to_vec(), 365),
            (json!({"scopes": null, "expires_in_days": null}), Scope::ALL.to_vec(), 365),
            (
                json!({"scopes": ["media.read", "media.read"], "expires_in_days": 1}),
                vec![Scope::MediaRead],
                1,
            ),
            (json!({"scopes": "media.write", "expires_in_days": "730"}), vec![Scope::MediaWrite], 730),
        ] {
            let terms = parse(&asked).expect("good terms");
            assert_eq!((terms.scopes, terms.life), (scopes, Duration::from_hours(24 * days)), "{asked}");
        }
        for (asked, field) in [
            (json!({"scopes": []}), "scopes"),
            (json!({"scopes": ["media.read", ""]}), "scopes"),
            (json!({"scopes": ["Media.read"]}), "scopes"),
            (json!({"scopes": ["*"]}), "scopes"),
            (json!({"scopes": {"media.read": true}}), "scopes"),
            (json!({"expires_in_days": 0}), "expires_in_days"),
            (json!({"expires_in_days": 731}), "expires_in_days"),
            (json!({"expires_in_days": -1}), "expires_in_days"),
            (json!({"expires_in_days": 1.5}), "expires_in_days"),
            (json!({"expires_in_days": "never"}), "expires_in_days"),
        ] {
            assert!(parse(&asked).expect_err("bad terms").first(field).is_some(), "{asked}");
        }
    }
}
