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
    let Stretch { good, broken_at, .. } = verify_stretch(db, 1, i64::MAX).await?;
    Ok(Verdict { good, broken_at, unchained: count_unchained(db).await? })
}

/// Counts the rows that have no place yet.
pub(super) async fn count_unchained(db: &Db) -> DbResult<i64> {
    db.read(|tx| async move { store::count_unchained(tx).await }.boxed()).await
}

/// A piece of the chain, recomputed.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    /// Rows that are right, one after the other.
    pub(super) good: i64,
    /// The first place that is wrong.
    pub(super) broken_at: Option<i64>,
    /// The hash of the last row that is right.
    pub(super) hash: Option<String>,
    /// Whether the chain ends here.
    pub(super) is_end: bool,
}

/// Recomputes the chain from a place on, for so many rows. The hash of the row before is taken as it stands there.
pub(super) async fn verify_stretch(db: &Db, from: i64, most: i64) -> DbResult<Stretch> {
    let before = from - 1;
    let found = db.read(move |tx| async move { store::hash_at(tx, before).await }.boxed()).await;
    let mut previous: String = found.map(Option::unwrap_or_default)?;
    let mut stretch = Stretch::default();
    while stretch.good < most {
        let (after, limit) = (before + stretch.good, BATCH.min(most - stretch.good));
        let read = db.read(move |tx| async move { store::chained_after(tx, after, limit).await }.boxed());
        let rows = read.await?;
        if rows.is_empty() {
            stretch.is_end = true;
            break;
        }
        for row in rows {
            let expected = from + stretch.good;
            let fits = row.number == Some(expected)
                && row.previous_hash.as_deref() == Some(&previous)
                && row.hash.as_deref() == Some(&row.hash_at(expected, &previous));
            if !fits {
                stretch.broken_at = Some(expected);
                return Ok(stretch);
            }
            previous = row.hash.unwrap_or_default();
            stretch.hash = Some(previous.clone());
            stretch.good += 1;
        }
    }
    Ok(stretch)
}
