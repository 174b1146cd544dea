//! Downloads by machine clients: counted in memory, written to the audit log each second.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;

use super::model::MediaId;
use crate::features::audit;
use crate::platform::clock::Timestamp;
use crate::platform::db::{Db, DbError, DbResult};
use crate::platform::web::{Actor, Machine};

/// Rows written in one transaction, so that it stays short.
const BATCH: usize = 200;

/// Counts downloads by key and media. One for the process, shared by all requests.
#[derive(Debug, Default)]
pub struct Downloads {
    waiting: Mutex<HashMap<(String, MediaId), Download>>,
}

/// Downloads of one media with one key since the last flush.
#[derive(Debug, Clone)]
struct Download {
    /// The first one, which stands for all in the log.
    actor: Actor,
    count: u64,
}

impl Downloads {
    /// Counts one download.
    pub fn count(&self, machine: &Machine, actor: &Actor, media: MediaId) {
        let first = || Download { actor: actor.clone(), count: 0 };
        self.waiting().entry((machine.key.clone(), media)).or_insert_with(first).count += 1;
    }

    /// Writes down what was counted: call each second, and once more when the last request has ended.
    ///
    /// What cannot be written is kept for the next call.
    pub async fn flush(&self, db: &Db, now: Timestamp) -> DbResult<()> {
        loop {
            let batch = self.take(BATCH);
            if batch.is_empty() {
                return Ok(());
            }
            let rows = batch.clone();
            let written = db.write(move |tx| {
                async move {
                    for ((key, media), download) in rows {
                        let act = audit::Act::on("media.downloaded", "media", media);
                        let act = act.with("key", key).with("count", download.count);
                        audit::record(tx, &download.actor, now, act).await?;
                    }
                    Ok::<_, DbError>(())
                }
                .boxed()
            });
            if let Err(error) = written.await {
                self.put_back(batch);
                return Err(error);
            }
        }
    }

    fn take(&self, most: usize) -> Vec<((String, MediaId), Download)> {
        let mut waiting = self.waiting();
        let keys: Vec<_> = waiting.keys().take(most).cloned().collect();
        keys.into_iter().filter_map(|key| waiting.remove_entry(&key)).collect()
    }

    fn put_back(&self, batch: Vec<((String, MediaId), Download)>) {
        let mut waiting = self.waiting();
        for (key, download) in batch {
            let newer = waiting.entry(key).or_insert_with(|| Download { count: 0, ..download.clone() });
            newer.count += download.count;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<(String, MediaId), Download>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::web::Who;

    #[test]
    fn what_could_not_be_written_is_added_to_what_came_since() {
        let machine = Machine {
            app: uuid::Uuid::nil(),
            name: "crm".to_owned(),
            key: "k1".to_owned(),
            scopes: Vec::new(),
        };
        let actor = Actor { who: Who::Machine(machine.clone()), address: None, request_id: None };
        let (downloads, media) = (Downloads::default(), MediaId::fresh());

        downloads.count(&machine, &actor, media);
        downloads.count(&machine, &actor, media);
        let batch = downloads.take(BATCH);
        downloads.count(&machine, &actor, media);
        downloads.put_back(batch);

        let counts: Vec<_> = downloads.take(BATCH).into_iter().map(|(_, download)| download.count).collect();
        assert_eq!(counts, [3]);
        assert!(downloads.take(BATCH).is_empty());
    }
}
