//! Apps and what their keys may do.

use crate::features::use_cases::UseCaseId;
use crate::platform::clock::Timestamp;
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
