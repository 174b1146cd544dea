//! The hash chain over the audit log.

use futures_util::FutureExt;

use super::store;
use crate::platform::db::{Db, DbResult, Tx};

/// Rows that get their place in one transaction, so that it stays short.
const BATCH: i64 = 500;

/// Chains waiting rows, oldest first; true when more are waiting.
pub(super) async fn extend(tx: &mut Tx) -> DbResult<bool> {
    let (mut number, mut previous) = store::head(tx).await?.unwrap_or((0, String::new()));
    let rows = store::unchained(tx, BATCH).await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count == BATCH);
    for row in rows {
        number += 1;
        let hash = row.hash_at(number, &previous);
        store::place(tx, row.id, number, &previous, &hash).await?;
        previous = hash;
    }
    Ok(more)
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Rows whose place and hash are right, from the first one on.
    pub good: i64,
    /// The first place that is wrong, if there is one: a row was changed, removed or slipped in there.
    pub broken_at: Option<i64>,
    /// Rows that have no place yet.
    pub unchained: i64,
}

/// Recomputes the whole chain.
pub async fn verify(db: &Db) -> DbResult<Verdict> {
    let mut verdict = Verdict { good: 0, broken_at: None, unchained: 0 };
    let mut previous = String::new();
    loop {
        let after = verdict.good;
        let rows =
            db.read(move |tx| async move { store::chained_after(tx, after, BATCH).await }.boxed()).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let expected = verdict.good + 1;
            let fits = row.number == Some(expected)
                && row.previous_hash.as_deref() == Some(&previous)
                && row.hash.as_deref() == Some(&row.hash_at(expected, &previous));
            if !fits {
                verdict.broken_at = Some(expected);
                return Ok(verdict);
            }
            previous = row.hash.unwrap_or_default();
            verdict.good = expected;
        }
    }
    verdict.unchained = db.read(|tx| async move { store::count_unchained(tx).await }.boxed()).await?;
    Ok(verdict)
}
