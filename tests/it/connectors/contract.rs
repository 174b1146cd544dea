//! What every destination type promises, asked of each in the same words.

use std::time::Instant;

use mediaport::connectors::{
    Configuration, DeliveryError, Ground, Item, ItemProblem, Outcome, Receipt, StepState, VerifiedBy,
};

use super::source::{breaking_item, item};
use super::{connector, tested};

const MIB: u64 = 1024 * 1024;

/// A real, empty place of one type, and a way to look into it that is not ours.
pub(super) trait Place {
    const KEY: &'static str;
    async fn fresh() -> Self;
    fn ground(&self) -> &Ground;
    fn configuration(&self) -> &Configuration;
    /// Names everything there: finished, unfinished, temporary.
    async fn names(&self) -> Vec<String>;
    /// Gives length and SHA-256 of what is there under the path of an item.
    async fn look(&self, path: &str) -> Option<(u64, String)>;
    /// Puts somebody else's file there.
    async fn plant(&self, path: &str, bytes: &'static [u8]);
    /// What must never be printed.
    fn secret(&self) -> Option<String>;
}

/// Turns the promises into tests of one place.
macro_rules! contract {
    ($place:ty: $($promise:ident)+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            $crate::connectors::contract::$promise::<$place>().await;
        })+
    };
    ($place:ty) => {
        $crate::connectors::contract::contract! { $place:
            files_of_all_sizes_arrive_whole
            a_hundred_megabytes_are_streamed
            names_are_kept_and_equal_ones_stay_apart
            the_same_item_twice_is_one_file
            a_foreign_file_is_a_conflict_and_stays
            a_cut_source_leaves_nothing
            a_damaged_source_is_never_delivered
            printing_shows_no_secret
            the_test_passes_and_leaves_nothing
        }
    };
}
pub(super) use contract;

/// Delivers an item as the worker does.
pub(super) async fn deliver(
    place: &impl Looking,
    item: &Item,
) -> Result<(Receipt, VerifiedBy), DeliveryError> {
    let (connector, configuration, ground) = (connector(place.key()), place.configuration(), place.ground());
    let mut item = item.clone();
    item.reservation = connector.reserve(configuration, ground, &item).await?;
    let item = &item;
    let receipt = connector.put(configuration, ground, item).await?;
    // the receipt goes through the database between the two
    let stored = serde_json::to_string(&receipt).expect("a receipt is storable");
    let receipt = serde_json::from_str(&stored).expect("a stored receipt is readable");
    let verified = connector.verify(configuration, ground, item, &receipt).await?;
    Ok((receipt, verified))
}

/// The part of [`Place`] that can be used without its constructor.
pub(super) trait Looking {
    fn key(&self) -> &'static str;
    fn configuration(&self) -> &Configuration;
    fn ground(&self) -> &Ground;
}

impl<P: Place> Looking for P {
    fn key(&self) -> &'static str {
        P::KEY
    }

    fn configuration(&self) -> &Configuration {
        Place::configuration(self)
    }

    fn ground(&self) -> &Ground {
        Place::ground(self)
    }
}

async fn assert_arrived<P: Place>(place: &P, item: &Item) {
    let found = place.look(&item.path).await;
    assert_eq!(found, Some((item.size, item.sha256.clone())), "{}", item.path);
}

pub(super) async fn files_of_all_sizes_arrive_whole<P: Place>() {
    let place = P::fresh().await;
    for size in [0, 1, 5 * MIB, 16 * MIB, 16 * MIB + 1] {
        let item = item(&format!("2026/11/20/{size}.jpg"), size);
        let (_, verified) = deliver(&place, &item).await.expect("delivered");

        assert_ne!(verified, VerifiedBy::Acknowledged);
        assert_arrived(&place, &item).await;
    }
    assert_eq!(place.names().await.len(), 5);
}

pub(super) async fn a_hundred_megabytes_are_streamed<P: Place>() {
    let place = P::fresh().await;
    let item = item("recordings/call.mp4", 100 * MIB);

    let started = Instant::now();
    let receipt = connector(P::KEY).put(place.configuration(), place.ground(), &item).await.expect("stored");
    let stored = started.elapsed();
    let again = Instant::now();
    let verified = connector(P::KEY).verify(place.configuration(), place.ground(), &item, &receipt).await;

    let verified = verified.expect("verified");
    println!(
        "{}: put 100 MiB at {:.0} MB/s, verified by {verified} in {:?}",
        P::KEY,
        100.0 / stored.as_secs_f64(),
        again.elapsed()
    );
    assert_arrived(&place, &item).await;
}

pub(super) async fn names_are_kept_and_equal_ones_stay_apart<P: Place>() {
    let place = P::fresh().await;
    let long = format!("2026/{}.jpg", "x".repeat(196));
    let paths =
        ["Übersicht/Dach 屋根 🏠 (1).jpg", &long, "one/roof.jpg", "two/roof.jpg", "a b/c+d&e=f%20#g;h'i.jpg"];
    for (path, size) in paths.into_iter().zip(1000..) {
        let item = item(path, size);
        deliver(&place, &item).await.expect("delivered");
        assert_arrived(&place, &item).await;
    }
    assert_eq!(place.names().await.len(), paths.len());
}

pub(super) async fn the_same_item_twice_is_one_file<P: Place>() {
    let place = P::fresh().await;
    for size in [3000, 17 * MIB] {
        let item = item(&format!("again/{size}.jpg"), size);
        let first = deliver(&place, &item).await.expect("delivered");
        let second = deliver(&place, &item).await.expect("delivered again");

        assert_eq!(first.0.location, second.0.location);
        assert_arrived(&place, &item).await;
    }
    assert_eq!(place.names().await.len(), 2);
}

pub(super) async fn a_foreign_file_is_a_conflict_and_stays<P: Place>() {
    let place = P::fresh().await;
    for size in [7, 4000, 17 * MIB] {
        let item = item(&format!("taken/{size}.jpg"), size);
        place.plant(&item.path, b"foreign").await;
        let before = place.look(&item.path).await;

        let refused = deliver(&place, &item).await.expect_err("a conflict");

        assert!(matches!(refused, DeliveryError::Item { reason: ItemProblem::Conflict, .. }), "{refused:?}");
        assert_eq!(place.look(&item.path).await, before);
    }
    assert_eq!(place.names().await.len(), 3);
}

pub(super) async fn a_cut_source_leaves_nothing<P: Place>() {
    let place = P::fresh().await;
    for size in [600_000, 40 * MIB] {
        for good_readings in [0, 1] {
            let item = breaking_item(&format!("cut/{size}.jpg"), size, good_readings);
            let put = connector(P::KEY).put(place.configuration(), place.ground(), &item).await;

            // a type that reads only once succeeds where the second reading would have broken
            let Err(refused) = put else { continue };
            assert!(matches!(refused, DeliveryError::Transient { .. }), "{refused:?}");
            assert!(refused.message().contains("could not be read here"), "{refused}");
            assert_eq!(place.names().await, [""; 0]);
        }
        let healed = item(&format!("cut/{size}.jpg"), size);
        deliver(&place, &healed).await.expect("delivered once it can be read");
        place_is_cleared(&place, &healed).await;
    }
}

/// Checks that one item is all there is, and forgets it.
async fn place_is_cleared<P: Place>(place: &P, item: &Item) {
    assert_arrived(place, item).await;
    assert_eq!(place.names().await.len(), 1);
    place.plant(&item.path, b"").await;
}

pub(super) async fn a_damaged_source_is_never_delivered<P: Place>() {
    let place = P::fresh().await;
    for size in [5000, 17 * MIB] {
        let mut item = item("damaged.jpg", size);
        item.sha256 = "0".repeat(64);

        let refused = deliver(&place, &item).await.expect_err("refused");

        assert!(matches!(refused, DeliveryError::Item { reason: ItemProblem::Rejected, .. }), "{refused:?}");
        assert_eq!(place.names().await, [""; 0]);
    }
}

pub(super) async fn printing_shows_no_secret<P: Place>() {
    let place = P::fresh().await;
    let Some(secret) = place.secret() else { return };
    let (configuration, ground) = (place.configuration(), place.ground());
    let (_, steps) = tested(P::KEY, ground, configuration).await;
    let (receipt, _) = deliver(&place, &item("a.jpg", 10)).await.expect("delivered");
    let filled = connector(P::KEY).filled(&configuration.settings);
    let form = connector(P::KEY).fields(&filled, true).expect("a form");

    let shown =
        format!("{configuration:?} {steps:?} {receipt:?} {filled:?} {form} {}", configuration.settings);

    assert!(configuration.secrets.expose().contains(&secret), "the secret is where it belongs");
    assert!(!shown.contains(&secret));
}

pub(super) async fn the_test_passes_and_leaves_nothing<P: Place>() {
    let place = P::fresh().await;

    let (outcome, steps) = tested(P::KEY, place.ground(), place.configuration()).await;

    assert_eq!(outcome, Outcome::Passed, "{steps:?}");
    assert!(steps.iter().all(|step| step.state != StepState::Warning));
    assert_eq!(steps.len(), 7);
    assert_eq!(place.names().await, [""; 0]);
}
