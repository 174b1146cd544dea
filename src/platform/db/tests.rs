//! The promises of the write door on the embedded engine; both engines are exercised by everything in `tests/it`.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tempfile::TempDir;

use super::{Db, DbError, DbResult, Location, Tx};
use crate::on;
use crate::platform::tasks::Tasks;

const INSERT: &str = "INSERT INTO schedules (name, next_at) VALUES ($1, $2)";
const COUNT: &str = "SELECT COUNT(*) FROM schedules";

async fn open() -> (TempDir, Db) {
    let folder = tempfile::tempdir().expect("folder");
    let location = Location::File(folder.path().join("test.db"));
    let db = Db::open(&location, &Tasks::default()).await.expect("opened");
    (folder, db)
}

async fn insert(tx: &mut Tx, name: String) -> DbResult<()> {
    on!(tx, conn => sqlx::query(INSERT).bind(name).bind(0_i64).execute(conn).await.map(|_| ()))?;
    Ok(())
}

async fn count(db: &Db) -> i64 {
    let counted: DbResult<i64> = db
        .read(|tx| async move { Ok(on!(tx, conn => sqlx::query_scalar(COUNT).fetch_one(conn).await)?) }.boxed())
        .await;
    counted.expect("counted")
}

#[tokio::test]
async fn closures_that_share_a_commit_do_not_disturb_each_other() {
    let (_folder, db) = open().await;

    let calls = (0..200).map(|number| {
        db.write(move |tx| {
            async move {
                insert(tx, format!("row {number}")).await?;
                match number % 10 {
                    3 => Err(DbError::NotFound),
                    7 => panic!("a mistake in one closure"),
                    _ => Ok(number),
                }
            }
            .boxed()
        })
    });
    let answers = join_all(calls).await;

    for (number, answer) in answers.iter().enumerate() {
        match number % 10 {
            3 => assert!(matches!(answer, Err(DbError::NotFound))),
            7 => assert!(matches!(answer, Err(DbError::Broken(_)))),
            _ => assert!(answer.is_ok()),
        }
    }
    assert_eq!(count(&db).await, 160);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_its_work_whole() {
    let (_folder, db) = open().await;

    let call = db.write(|tx| {
        async move {
            insert(tx, "first half".into()).await?;
            tokio::task::yield_now().await;
            insert(tx, "second half".into()).await
        }
        .boxed()
    });
    drop(tokio::time::timeout(Duration::ZERO, call).await);
    let after: DbResult<()> = db.write(|tx| async move { insert(tx, "after".into()).await }.boxed()).await;

    after.expect("the writer goes on");
    assert_eq!(count(&db).await, 3);
}

#[tokio::test]
async fn a_unique_rule_is_named_by_table_and_column() {
    let (_folder, db) = open().await;

    let twice: DbResult<()> = db
        .write(|tx| {
            async move {
                insert(tx, "same".into()).await?;
                insert(tx, "same".into()).await
            }
            .boxed()
        })
        .await;

    assert!(twice.expect_err("refused").duplicates("schedules.name"));
    assert_eq!(count(&db).await, 0);
}

#[tokio::test]
async fn work_in_the_queue_wakes_only_after_the_commit() {
    let (_folder, db) = open().await;
    let wake = db.wake();

    let refused: DbResult<()> = db
        .write(|tx| {
            async move {
                tx.wake_workers();
                Err(DbError::NotFound)
            }
            .boxed()
        })
        .await;
    assert!(refused.is_err());
    assert!(wake.wait().now_or_never().is_none(), "nothing was committed");

    let done: DbResult<()> = db
        .write(|tx| {
            async move {
                tx.wake_workers();
                Ok(())
            }
            .boxed()
        })
        .await;
    assert!(done.is_ok());
    assert!(wake.wait().now_or_never().is_some());
}
