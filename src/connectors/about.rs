//! What people call a file, and what a connector remembers of it between attempts.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::platform::clock::Timestamp;

/// What a file is to people. Destinations that keep files need none of it; those that write to people do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its name, harmless everywhere.
    pub file_name: String,
    /// What it is, such as `picture`.
    pub kind: String,
    /// What the contact is about; empty when it has no use case.
    pub use_case: String,
    /// The app's own name for the contact; empty when it has none.
    pub conversation: String,
    /// Who handles the contact; empty when nobody is named.
    pub agent: String,
    /// When it was taken, or accepted where that is not known.
    pub taken_at: Option<Timestamp>,
    /// Where people who may see it find it in the portal; they have to sign in.
    pub link: String,
}

impl About {
    /// Makes what probes and previews show.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            file_name: "roof.jpg".to_owned(),
            kind: "picture".to_owned(),
            use_case: "Claims".to_owned(),
            conversation: "call-4711".to_owned(),
            agent: String::new(),
            // 20 November 2026, 12:30
            taken_at: Some(Timestamp::from_millis(1_795_177_800_000)),
            link: "https://media.example.com/library/01a1f8eb-1170-7f3a-8d2c-6b1f0c9a4e55".to_owned(),
        }
    }
}

/// What a connector remembers of one delivery: kept when an attempt fails, given to the next one, gone when it succeeds.
///
/// For destinations that take a file in several acts of which some may be done. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    value: Value,
    is_new: bool,
}

impl Notes {
    /// Gives back what was kept.
    #[must_use]
    pub fn kept(value: Value) -> Self {
        Self(Arc::new(Mutex::new(State { value, is_new: false })))
    }

    /// Gives what is remembered; null when nothing is.
    #[must_use]
    pub fn read(&self) -> Value {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).value.clone()
    }

    /// Remembers this instead of what was remembered before.
    pub fn write(&self, value: Value) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State { value, is_new: true };
    }

    /// Gives what is to be kept, when something was written.
    #[must_use]
    pub fn written(&self) -> Option<Value> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_new.then(|| state.value.clone())
    }
}
