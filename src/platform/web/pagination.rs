//! Keyset pages: a list is read from behind the last row seen, never by counting rows.
//!
//! Every list of the HTTP API is asked for through [`List`], which reads `limit`, `after` and the filters of that list
//! before anything else happens, and answers with [`Items`]. A cursor says where its row stands in the order of the
//! list, so that it holds when the row is gone and while others are added.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::extract::pairs;
use super::failure::Failure;
use crate::platform::clock::Timestamp;
use crate::platform::form::{Check, FormFields};
use crate::platform::ids;

/// Rows on a page of the portal, and of a list when the caller does not say.
pub const PAGE: i64 = 50;

/// The most rows that one answer has, however many are asked for.
pub const MOST: i64 = 200;

/// Sorts behind every identifier, so a list that starts behind it starts with the newest row.
pub const LATEST: &str = "g";

/// Sorts before every identifier, so a list that starts behind it starts with the oldest row.
pub const EARLIEST: &str = "";

/// As much of an unknown parameter's name as its refusal repeats.
const MOST_REPEATED: usize = 40;

/// A place in the order of a list, as text that callers hand back unread.
pub trait Cursor: Sized {
    /// Reads one that [`Cursor::text`] has given; nothing when it is none of ours.
    fn read(text: &str) -> Option<Self>;

    /// Gives the text for `next`.
    fn text(&self) -> String;
}

/// A place in a list by identifier.
impl Cursor for Uuid {
    fn read(text: &str) -> Option<Self> {
        ids::parse(text).ok()
    }

    fn text(&self) -> String {
        self.hyphenated().to_string()
    }
}

/// A place in a list by time, with the identifier as tie-break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The row's instant.
    pub at: Timestamp,
    /// The row's identifier.
    pub id: Uuid,
}

impl Cursor for Moment {
    fn read(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('~')?;
        let place = Self { at: Timestamp::from_millis(at.parse().ok()?), id: ids::parse(id).ok()? };
        (place.text() == text).then_some(place)
    }

    fn text(&self) -> String {
        format!("{}~{}", self.at.millis(), self.id.hyphenated())
    }
}

/// A place in a list by a name that no two rows share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named(pub String);

impl Cursor for Named {
    fn read(text: &str) -> Option<Self> {
        let name = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        // No name has any, and one engine takes no NUL in a text.
        (!name.chars().any(char::is_control)).then_some(Self(name))
    }

    fn text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.0)
    }
}

/// What may stand in a query, such as what a list can be narrowed by.
pub trait Filter: Sized {
    /// The names of its parameters; whatever else stands in the query is refused.
    const NAMES: &'static [&'static str];

    /// Reads the values. An empty one is as good as none; what is wrong is added to `check`.
    fn read(check: &mut Check<'_>) -> Self;
}

/// The query of a call that is no list, read as strictly as that of one.
#[derive(Debug)]
pub struct Query<F>(pub F);

impl<F: Filter> FromRequest for Query<F> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.query_string()).map(Self))
    }
}

fn read<F: Filter>(query: &str) -> Result<F, Failure> {
    let fields = FormFields::new(pairs(query)?);
    if let Some(name) = fields.names().find(|name| !F::NAMES.contains(name)) {
        let name: String = name.chars().take(MOST_REPEATED).collect();
        return Err(Failure::malformed(format!(
            "There is no parameter {name:?} here; use {}",
            F::NAMES.join(", ")
        )));
    }
    let mut check = fields.check();
    let values = F::read(&mut check);
    check.finish(values).map_err(Failure::Invalid)
}

/// A list that cannot be narrowed.
impl Filter for () {
    const NAMES: &'static [&'static str] = &[];

    fn read(_: &mut Check<'_>) -> Self {}
}

/// What a caller asks of a list: which rows, how many, and from where on.
///
/// A query that cannot be meant is refused as `malformed`: unknown and repeated parameters, a `limit` that is no number
/// from 1 on, an `after` that no list has given. Wrong filters are refused together, by field.
#[derive(Debug)]
pub struct List<F, C> {
    /// Which rows.
    pub filter: F,
    /// The place behind which the page begins; nothing for the first page.
    pub after: Option<C>,
    limit: i64,
}

impl<F: Filter, C: Cursor> List<F, C> {
    fn parse(query: &str) -> Result<Self, Failure> {
        let fields = FormFields::new(pairs(query)?);
        if let Some(name) = fields.names().find(|name| !is_known(name, F::NAMES)) {
            return Err(unknown(name, F::NAMES));
        }
        let (limit, after) = (limit(fields.value("limit"))?, after(fields.value("after"))?);
        let mut check = fields.check();
        let filter = F::read(&mut check);
        let filter = check.finish(filter).map_err(Failure::Invalid)?;
        Ok(Self { filter, after, limit })
    }
}

impl<F, C> List<F, C> {
    /// Gives how many rows to read: one more than the page holds, which tells whether there is another page.
    #[must_use]
    pub fn wanted(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts the page out of the rows that were read. `place` says where a row stands in the order of the list.
    pub fn cut<T>(&self, rows: Vec<T>, place: impl Fn(&T) -> C) -> Page<T>
    where
        C: Cursor,
    {
        Page::cut(rows, self.limit, |row| place(row).text())
    }
}

impl<F> List<F, Uuid> {
    /// Gives the identifier to continue behind, or the end of all identifiers for the first page.
    #[must_use]
    pub fn behind(&self) -> String {
        self.after.map_or_else(|| LATEST.to_owned(), |id| id.text())
    }
}

impl<F> List<F, Named> {
    /// Gives the name to continue behind; the empty one, which stands before all others, for the first page.
    #[must_use]
    pub fn behind(&self) -> String {
        self.after.as_ref().map(|place| place.0.clone()).unwrap_or_default()
    }
}

impl<F: Filter, C: Cursor> FromRequest for List<F, C> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

fn is_known(name: &str, filters: &[&str]) -> bool {
    matches!(name, "limit" | "after") || filters.contains(&name)
}

fn unknown(name: &str, filters: &[&str]) -> Failure {
    let name: String = name.chars().take(MOST_REPEATED).collect();
    let known = ["limit", "after"].iter().chain(filters).copied().collect::<Vec<_>>().join(", ");
    Failure::malformed(format!("There is no parameter {name:?} here; this list takes {known}"))
}

fn limit(text: &str) -> Result<i64, Failure> {
    if text.is_empty() {
        return Ok(PAGE);
    }
    match text.parse::<i64>() {
        Ok(limit) if limit >= 1 => Ok(limit.min(MOST)),
        _ => Err(Failure::malformed("limit is a whole number from 1 on; one answer has 200 items at most")),
    }
}

fn after<C: Cursor>(text: &str) -> Result<Option<C>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let place =
        C::read(text).ok_or_else(|| Failure::malformed("after is not what this list gave as next"))?;
    Ok(Some(place))
}

/// One page of a list, as the HTTP API answers it.
#[derive(Debug, Serialize)]
pub struct Items<V> {
    /// The items, in the order of the list.
    pub items: Vec<V>,
    /// What to send as `after` for the next page, when there is one.
    pub next: Option<String>,
}

/// Where a page of the portal goes on: behind the row with this identifier.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct After {
    /// The last identifier of the page before.
    pub after: Option<String>,
}

impl After {
    /// Gives the identifier to continue behind, or the end of all identifiers for the first page.
    pub fn behind(&self) -> Result<String, Failure> {
        let place: Option<Uuid> = after(self.after.as_deref().unwrap_or_default())?;
        Ok(place.map_or_else(|| LATEST.to_owned(), |id| id.text()))
    }
}

/// One page of rows, and where the next page starts.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The place to continue behind, when there are more rows.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a list that was read with one row more than a page holds; `place` gives the text of a row's place.
    pub fn cut(mut rows: Vec<T>, size: i64, place: impl Fn(&T) -> String) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = if more { rows.last().map(place) } else { None };
        Self { rows, next }
    }

    /// Gives the answer, each row as `show` shows it.
    pub fn items<V>(self, show: impl FnMut(T) -> V) -> Items<V> {
        Items { items: self.rows.into_iter().map(show).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01920000-0000-7000-8000-000000000001";

    /// A filter as features have them.
    #[derive(Debug, PartialEq, Eq)]
    struct ByPort(Option<u16>);

    impl Filter for ByPort {
        const NAMES: &'static [&'static str] = &["port"];

        fn read(check: &mut Check<'_>) -> Self {
            Self(check.parsed("port", "Use a port number"))
        }
    }

    fn parse(query: &str) -> Result<List<ByPort, Uuid>, Failure> {
        List::parse(query)
    }

    #[test]
    fn limits_are_numbers_from_one_on_and_large_ones_are_cut() {
        for (limit, taken) in [
            ("", Some(50)),
            ("1", Some(1)),
            ("200", Some(200)),
            ("201", Some(200)),
            ("2147483648", Some(200)),
            ("9223372036854775807", Some(200)),
            ("9223372036854775808", None),
            ("0", None),
            ("-1", None),
            ("1e9", None),
            ("abc", None),
            ("1.0", None),
            ("%201", None),
            ("%00", None),
        ] {
            let wanted = parse(&format!("limit={limit}")).map(|list| list.wanted() - 1).ok();
            assert_eq!(wanted, taken, "{limit}");
        }
        assert_eq!(parse("").unwrap().wanted(), PAGE + 1);
    }

    #[test]
    fn what_cannot_be_meant_is_malformed_and_wrong_filters_are_invalid() {
        let many = "a=&".repeat(40_000);
        let twice = "port=1&port=2";
        for query in ["x=1", "limit=1&limit=1", "after=1", "port%00=1", "access_token=mp_x", twice, &many] {
            let refused = parse(query).unwrap_err();
            assert_eq!(refused.code().name, "malformed", "{refused}");
            assert!(refused.to_string().len() < 200, "{refused}");
        }
        assert_eq!(parse("port=http").unwrap_err().code().name, "invalid");
        assert_eq!(parse("port=&after=&limit=").unwrap().filter, ByPort(None));
        assert_eq!(parse("port=80").unwrap().filter, ByPort(Some(80)));
    }

    #[test]
    fn cursors_survive_the_way_and_nothing_else_is_one() {
        let id: Uuid = ID.parse().unwrap();
        let moment = Moment { at: Timestamp::from_millis(1_700_000_000_000), id };
        assert_eq!(Moment::read(&moment.text()), Some(moment));
        let named = Named("Röntgen & Söhne".to_owned());
        assert_eq!(Named::read(&named.text()), Some(named));
        assert_eq!(Uuid::read(ID), Some(id));

        let other = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        for text in
            ["x", "0", "-1", "g", &ID.replace('-', ""), "~", &format!("+1~{ID}"), &format!("1e9~{ID}")]
        {
            assert!(Uuid::read(text).is_none() && Moment::read(text).is_none(), "{text}");
        }
        assert!(
            Named::read("a").is_none() && Named::read("%").is_none() && Named::read(&other("a\0")).is_none()
        );
    }

    #[test]
    fn a_page_has_a_next_one_only_when_a_row_was_left_over() {
        let list = parse("limit=2").unwrap();
        let ids: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();

        let page = list.cut(ids.clone(), |id| *id);
        assert_eq!((page.rows.len(), page.next), (2, Some(ids[1].to_string())));
        let page = list.cut(ids[..2].to_vec(), |id| *id);
        assert_eq!((page.rows.len(), page.next), (2, None));
    }
}
