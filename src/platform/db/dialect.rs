//! The few places where the two engines differ in more than their data types.

use sqlx::error::DatabaseError;

/// Names the unique rule that refused a row as `table.column[, …]` on both engines.
///
/// SQLite says so in its message; PostgreSQL names the constraint, and ours are named `<table>_<column>_key`, with `__`
/// between the columns of a rule over several.
pub(super) fn unique_rule(refusal: &dyn DatabaseError) -> String {
    if let Some(columns) = refusal.message().strip_prefix("UNIQUE constraint failed: ") {
        return columns.to_owned();
    }
    let (Some(table), Some(rule)) = (refusal.table(), refusal.constraint()) else {
        return refusal.message().to_owned();
    };
    let columns = rule.strip_prefix(table).and_then(|rest| rest.strip_prefix('_')).unwrap_or(rule);
    let columns = columns.strip_suffix("_key").unwrap_or(columns);
    columns.split("__").map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
}

/// Tells whether an error means that the server is going away or the connection broke (PostgreSQL's classes 08 and 57P).
pub(super) fn is_farewell(refusal: &dyn DatabaseError) -> bool {
    refusal.code().is_some_and(|code| code.len() == 5 && (code.starts_with("08") || code.starts_with("57P")))
}

/// Tells whether an error goes away by itself: locks, shutdown, too many connections.
pub(super) fn is_passing(refusal: &dyn DatabaseError) -> bool {
    let Some(code) = refusal.code() else { return false };
    // SQLite: BUSY and LOCKED with their extended forms. PostgreSQL: classes 08, 53, 57P and lock problems.
    let sqlite = code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6) && code < 2048);
    let postgres = code.len() == 5
        && (is_farewell(refusal)
            || code.starts_with("53")
            || ["40001", "40P01", "55P03", "57014"].contains(&&*code));
    sqlite || postgres
}
