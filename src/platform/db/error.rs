//! What can go wrong with the database, in the terms in which callers decide.

use super::dialect;

/// The result of database work.
pub type DbResult<T> = Result<T, DbError>;

/// Why database work failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A row that had to exist does not.
    #[error("no such row")]
    NotFound,
    /// A unique rule refused a row; the text names it as `table.column[, table.column…]`.
    #[error("duplicate {0}")]
    Duplicate(String),
    /// The database cannot take the work now; the same call may succeed shortly.
    #[error("the database is busy or away")]
    Busy,
    /// The connection broke while committing: the work may or may not be durable.
    #[error("the outcome of the commit is unknown")]
    Unknown(#[source] sqlx::Error),
    /// Anything else: a fault of ours or of the installation.
    #[error("database failure")]
    Broken(#[source] anyhow::Error),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                tracing::warn!(%error, "the database is away");
                Self::Busy
            }
            sqlx::Error::Database(refusal) if refusal.is_unique_violation() => {
                Self::Duplicate(dialect::unique_rule(refusal.as_ref()))
            }
            sqlx::Error::Database(refusal) if dialect::is_passing(refusal.as_ref()) => {
                tracing::warn!(%error, "the database refused for now");
                Self::Busy
            }
            _ => Self::Broken(error.into()),
        }
    }
}

impl DbError {
    /// Judges an error of `COMMIT`: unless the server refused it, nobody knows whether it happened.
    pub(super) fn of_commit(error: sqlx::Error) -> Self {
        match &error {
            // A server that is going down may have written the commit before it said so.
            sqlx::Error::Database(refusal) if dialect::is_farewell(refusal.as_ref()) => Self::Unknown(error),
            sqlx::Error::Database(_) => error.into(),
            _ => Self::Unknown(error),
        }
    }

    /// Tells whether a unique rule with this name refused the row.
    #[must_use]
    pub fn duplicates(&self, rule: &str) -> bool {
        matches!(self, Self::Duplicate(known) if known == rule)
    }
}

/// Turns a count of changed rows into an error unless it is one.
pub fn expect_one(changed: u64) -> DbResult<()> {
    if changed == 1 { Ok(()) } else { Err(DbError::NotFound) }
}
