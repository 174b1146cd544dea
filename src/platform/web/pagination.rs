//! Keyset pages: a list is read from behind the last row seen, never by counting rows.

use serde::Deserialize;

use super::failure::Failure;

/// Rows on a page of the portal.
pub const PAGE: i64 = 50;

/// Sorts behind every identifier, so a list that starts behind it starts with the newest row.
pub const LATEST: &str = "g";

/// Where a list goes on: behind the row with this identifier.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct After {
    /// The last identifier of the page before.
    pub after: Option<String>,
}

/// One page of rows, newest first, and where the next page starts.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The identifier to continue behind, when there are older rows.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a list that was read with one row more than a page holds.
    pub fn cut(mut rows: Vec<T>, size: i64, id: impl Fn(&T) -> String) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = if more { rows.last().map(id) } else { None };
        Self { rows, next }
    }
}

impl After {
    /// Gives the identifier to continue behind, or the end of all identifiers for the first page.
    pub fn behind(&self) -> Result<String, Failure> {
        match self.after.as_deref() {
            None | Some("") => Ok(LATEST.to_owned()),
            Some(text) => match crate::platform::ids::parse(text) {
                Ok(_) => Ok(text.to_owned()),
                Err(_) => Err(Failure::malformed("The place to continue from is not understood")),
            },
        }
    }
}
