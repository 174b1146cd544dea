//! The log of deliveries: which of them a page shows, and how far a search has looked.

use uuid::Uuid;

use super::model::{DeliveryId, DeliveryState};
use super::store::listing::{self, Filter, Listed};
use crate::features::endpoints::EndpointId;
use crate::features::media::MediaId;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::ids;
use crate::platform::web::pagination::Page;

/// Deliveries that a search looks at before it asks whether to go on: some hours of a busy day, in ten short reads.
pub(super) const MOST_LOOKED_AT: usize = 5_000;
/// Read at once; few enough that every planner walks the index.
const STRIDE: i64 = 500;

/// The states in which a delivery goes on by itself.
const WAITING: &[DeliveryState] =
    &[DeliveryState::Queued, DeliveryState::Sending, DeliveryState::Verifying, DeliveryState::Retrying];

/// Which states a log shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Shown {
    /// All of them.
    #[default]
    All,
    /// Everything that still goes on by itself.
    Waiting,
    /// One.
    Only(DeliveryState),
}

impl Shown {
    /// Reads the word in an address: a state, `waiting`, or nothing for all.
    pub(super) fn read(word: &str) -> Option<Self> {
        match word {
            "" => Some(Self::All),
            "waiting" => Some(Self::Waiting),
            word => word.parse().ok().map(Self::Only),
        }
    }

    /// Gives the word for an address.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Waiting => "waiting",
            Self::Only(state) => state.as_str(),
        }
    }

    fn admits(self, state: DeliveryState) -> bool {
        match self {
            Self::All => true,
            Self::Waiting => WAITING.contains(&state),
            Self::Only(only) => only == state,
        }
    }
}

/// What a log is narrowed down to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogFilter {
    pub(super) shown: Shown,
    pub(super) endpoint: Option<EndpointId>,
    /// Words to look for, without blanks around them.
    pub(super) words: String,
}

impl LogFilter {
    /// Tells whether a delivery belongs to the log.
    pub(super) fn admits(&self, listed: &Listed) -> bool {
        let delivery = &listed.delivery;
        let named = [delivery.id.uuid(), delivery.media_id.uuid()];
        self.shown.admits(delivery.state)
            && self.endpoint.is_none_or(|endpoint| endpoint == delivery.endpoint_id)
            && (self.words.is_empty()
                || ids::parse(&self.words).is_ok_and(|id| named.contains(&id))
                || Needle::new(&self.words).is_in([
                    Some(listed.file_name.as_str()),
                    listed.external_id.as_deref(),
                    delivery.last_error.as_deref(),
                ]))
    }

    /// Gives the walks over one index each that make up the log.
    fn walks(&self) -> Vec<Filter> {
        let of = |state| Filter { state, endpoint: self.endpoint, media: None };
        match self.shown {
            Shown::All => vec![of(None)],
            Shown::Only(state) => vec![of(Some(state))],
            Shown::Waiting => WAITING.iter().map(|state| of(Some(*state))).collect(),
        }
    }
}

/// Words as a search compares them: letters of both cases are the same, in every script.
struct Needle(String);

impl Needle {
    fn new(words: &str) -> Self {
        Self(words.to_lowercase())
    }

    fn is_in<'t>(&self, texts: impl IntoIterator<Item = Option<&'t str>>) -> bool {
        texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&self.0))
    }
}

/// How a search came to its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// The words are the identifier of a delivery or a media, or the name of a conversation.
    Straight,
    /// So many deliveries were looked at, and there are no more.
    AtAll(usize),
    /// So many were looked at, the last one accepted at this instant, and there are more behind it.
    BackTo(usize, Timestamp),
}

/// One page of the log.
#[derive(Debug)]
pub(super) struct LogPage {
    /// Its rows, the newest first, and where to go on.
    pub(super) page: Page<Listed>,
    /// How it was searched; nothing when it was not.
    pub(super) looked: Option<Looked>,
}

/// Reads one page of the log behind an identifier.
pub(super) async fn read(tx: &mut Tx, filter: &LogFilter, behind: &str, size: i64) -> DbResult<LogPage> {
    if filter.words.is_empty() {
        let rows = walk(tx, filter, behind, size + 1).await?;
        return Ok(LogPage { page: Page::cut(rows, size, place), looked: None });
    }
    let straight = Page::cut(named(tx, filter, behind, size + 1).await?, size, place);
    let rows: Vec<_> = straight.rows.into_iter().filter(|row| filter.admits(row)).collect();
    if !rows.is_empty() {
        let page = Page { rows, next: straight.next };
        return Ok(LogPage { page, looked: Some(Looked::Straight) });
    }
    search(tx, filter, behind, size).await
}

fn place(listed: &Listed) -> String {
    listed.delivery.id.to_string()
}

async fn walk(tx: &mut Tx, filter: &LogFilter, behind: &str, limit: i64) -> DbResult<Vec<Listed>> {
    let (walks, mut rows) = (filter.walks(), Vec::new());
    for walk in &walks {
        rows.extend(listing::list(tx, walk, behind, limit).await?);
    }
    merge(&mut rows, limit, |row| row.delivery.id);
    Ok(rows)
}

/// Makes one list of several walks. A delivery that moved from one state to the next meanwhile may be in two.
fn merge<T>(rows: &mut Vec<T>, limit: i64, id: impl Fn(&T) -> DeliveryId) {
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(id(row)));
    rows.dedup_by_key(|row| id(row));
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
}

/// Finds what the words name: a delivery, the deliveries of a media, or those of a conversation.
async fn named(tx: &mut Tx, filter: &LogFilter, behind: &str, limit: i64) -> DbResult<Vec<Listed>> {
    let id: Option<Uuid> = ids::parse(&filter.words).ok();
    if let Some(id) = id {
        if let Some(found) = listing::show(tx, DeliveryId::from_uuid(id)).await? {
            return Ok(vec![found]);
        }
        let of_media = Filter { media: Some(MediaId::from_uuid(id)), ..Filter::default() };
        let found = listing::list(tx, &of_media, behind, limit).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    listing::list_of_contact(tx, &filter.words, behind, limit).await
}

async fn search(tx: &mut Tx, filter: &LogFilter, behind: &str, size: i64) -> DbResult<LogPage> {
    let (walks, needle) = (filter.walks(), Needle::new(&filter.words));
    let wanted = usize::try_from(size).unwrap_or(usize::MAX);
    let (mut found, mut read, mut looked, mut last) = (Vec::new(), 0, 0, None);
    while read < MOST_LOOKED_AT {
        let (mut rows, behind) =
            (Vec::new(), last.map_or_else(|| behind.to_owned(), |id: DeliveryId| id.to_string()));
        for walk in &walks {
            rows.extend(listing::texts(tx, walk, &behind, STRIDE).await?);
        }
        read += rows.len();
        merge(&mut rows, STRIDE, |row| row.id);
        let is_end = i64::try_from(rows.len()).is_ok_and(|count| count < STRIDE);
        for row in rows {
            (looked, last) = (looked + 1, Some(row.id));
            let texts = [Some(row.file_name.as_str()), row.external_id.as_deref(), row.last_error.as_deref()];
            if needle.is_in(texts) {
                found.push(row.id);
            }
            if found.len() == wanted {
                return finish(tx, &found, Looked::AtAll(looked), last).await;
            }
        }
        if is_end {
            return finish(tx, &found, Looked::AtAll(looked), None).await;
        }
    }
    let at = last.map_or(Timestamp::from_millis(0), accepted);
    finish(tx, &found, Looked::BackTo(looked, at), last).await
}

async fn finish(
    tx: &mut Tx,
    found: &[DeliveryId],
    looked: Looked,
    next: Option<DeliveryId>,
) -> DbResult<LogPage> {
    let rows = if found.is_empty() { Vec::new() } else { listing::these(tx, found).await? };
    Ok(LogPage { page: Page { rows, next: next.map(|id| id.to_string()) }, looked: Some(looked) })
}

/// Gives the instant in an identifier: a `UUIDv7` begins with it.
fn accepted(id: DeliveryId) -> Timestamp {
    Timestamp::from_millis(i64::try_from(id.uuid().as_u128() >> 80).unwrap_or_default())
}

/// Gives a number that orders deliveries as their identifiers do, for programs that compare numbers better than those:
/// the instant, and the twelve bits that `UUIDv7` counts with inside of it.
pub(super) fn order(id: DeliveryId) -> u64 {
    let whole = id.uuid().as_u128();
    let (at, count) = (whole >> 80, (whole >> 64) & 0xfff);
    u64::try_from((at << 12) | count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_addresses_come_back_and_others_mean_nothing() {
        for word in ["", "waiting", "held", "delivered", "cancelled", "retrying"] {
            assert_eq!(Shown::read(word).map(Shown::word), Some(word));
        }
        assert_eq!(Shown::read("lost"), None);
        assert!(
            Shown::Waiting.admits(DeliveryState::Retrying) && !Shown::Waiting.admits(DeliveryState::Held)
        );
    }

    #[test]
    fn letters_of_both_cases_are_the_same_in_every_script() {
        let needle = Needle::new("RÖNTGEN");
        assert!(needle.is_in([None, Some("Dach.jpg"), Some("3 röntgenbilder.zip")]));
        assert!(!needle.is_in([None, Some("rontgen.zip")]));
    }

    #[test]
    fn numbers_order_as_identifiers_do() {
        let ids: Vec<DeliveryId> = (0..50).map(|_| DeliveryId::fresh()).collect();
        assert!(ids.iter().map(|id| order(*id)).is_sorted());
        let id: DeliveryId = "01920000-0000-7abc-8000-000000000001".parse().expect("an id");
        assert_eq!(order(id), 0x019_2000_0000_0abc);
        assert_eq!(accepted(id).millis(), 0x0192_0000_0000);
    }

    #[test]
    fn walks_are_merged_without_repeating_anything() {
        let ids: Vec<DeliveryId> = (0..4).map(|_| DeliveryId::fresh()).collect();
        let mut rows = vec![ids[1], ids[3], ids[1], ids[0], ids[2]];
        merge(&mut rows, 3, |id| *id);
        assert_eq!(rows, [ids[3], ids[2], ids[1]]);
    }
}
