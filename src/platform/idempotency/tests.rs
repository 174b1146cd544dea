//! The promises of keys on the embedded engine; `tests/it` asks the same of the API on both.

use tempfile::TempDir;

use super::*;
use crate::platform::db::Location;
use crate::platform::tasks::Tasks;

const TERMS: Terms = Terms { lease: Duration::from_mins(2), keep: Duration::from_hours(24) };

async fn replies() -> (TempDir, Replies) {
    let folder = tempfile::tempdir().expect("folder");
    let location = Location::File(folder.path().join("test.db"));
    let db = Db::open(&location, &Tasks::default()).await.expect("opened");
    let (vault, _) = Vault::open_or_create(&folder.path().join("master.key")).expect("vault");
    let clock = Clock::manual(Clock::system().now());
    (folder, Replies::new(db, clock, vault, TERMS))
}

fn name(key: &str) -> Name {
    Name::new("app:1".to_owned(), key).expect("fits")
}

async fn ours(replies: &Replies, key: &str) -> Ticket {
    match replies.claim_alone(name(key)).await.expect("claimed") {
        Claim::Ours(ticket) => ticket,
        other => panic!("the key is not free: {other:?}"),
    }
}

async fn settle(ticket: Ticket, body: &str) -> DbResult<()> {
    let (db, body) = (ticket.replies.db.clone(), body.to_owned());
    db.write(move |tx| {
        async move {
            let settled = ticket.settle(tx, &print("a"), &Kept { status: 201, body }).await;
            ticket.close();
            settled
        }
        .boxed()
    })
    .await
}

fn print(text: &str) -> Fingerprint {
    Fingerprint::of(&[text.as_bytes()])
}

#[tokio::test]
async fn a_reply_is_given_to_the_same_question_only() {
    let (_folder, replies) = replies().await;
    let ticket = ours(&replies, "k").await;
    assert!(matches!(replies.claim_alone(name("k")).await, Ok(Claim::Running(_))));
    settle(ticket, "{}").await.expect("settled");

    let Ok(Claim::Done(done)) = replies.claim_alone(name("k")).await else { panic!("it was done") };

    assert_eq!(done.reply_to(&print("a")), Some(&Kept { status: 201, body: "{}".to_owned() }));
    assert_eq!(done.reply_to(&print("b")), None);
    let other = Name::new("app:2".to_owned(), "k").expect("fits");
    assert!(matches!(replies.claim_alone(other).await, Ok(Claim::Ours(_))), "keys of others are others");
}

#[tokio::test]
async fn whoever_lost_the_lease_cannot_conclude() {
    let (_folder, replies) = replies().await;
    let slow = ours(&replies, "k").await;
    replies.clock.advance(TERMS.lease + Duration::from_secs(1));
    let quick = ours(&replies, "k").await;

    assert!(matches!(settle(slow, "slow").await, Err(DbError::Busy)));
    settle(quick, "quick").await.expect("settled");

    let Ok(Claim::Done(done)) = replies.claim_alone(name("k")).await else { panic!("it was done") };
    assert_eq!(done.reply_to(&print("a")).map(|kept| kept.body.as_str()), Some("quick"));
}

#[tokio::test]
async fn a_lease_is_held_while_work_goes_on() {
    let (_folder, mut replies) = replies().await;
    replies.terms.lease = Duration::from_millis(200);
    replies.clock = Clock::system();
    let ticket = ours(&replies, "k").await;

    let seen = ticket.while_held(async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        replies.claim_alone(name("k")).await
    });

    assert!(matches!(seen.await, Ok(Claim::Running(_))));
}

#[tokio::test]
async fn what_came_to_nothing_gives_its_key_back() {
    let (_folder, replies) = replies().await;
    ours(&replies, "k").await.release().await;
    settle(ours(&replies, "k").await, "{}").await.expect("settled");

    // A late release does not take the reply away.
    release(replies.clone(), name("k"), 1).await;
    assert!(matches!(replies.claim_alone(name("k")).await, Ok(Claim::Done(_))));

    replies.clock.advance(TERMS.keep);
    replies.sweep().await.expect("swept");
    ours(&replies, "k").await.close();
}

#[test]
fn only_visible_ascii_of_sensible_length_is_a_key() {
    for (key, fits) in [
        ("a", true),
        (&"k".repeat(255), true),
        (&"k".repeat(256), false),
        ("", false),
        ("a b", false),
        ("é", false),
    ] {
        assert_eq!(Name::new(String::new(), key).is_some(), fits, "{key}");
    }
    assert_ne!(Fingerprint::of(&[b"ab", b"c"]), Fingerprint::of(&[b"a", b"bc"]));
}
