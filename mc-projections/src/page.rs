//! Cuts lists into pages, by a total order, a limit, and a cursor that goes on where a page ended.
//!
//! A cursor names the last row of a page by its sort key and identity, and not by a count: rows that come or go
//! meanwhile neither repeat nor hide others. It also carries a fingerprint of the question.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use mc_domain::string_enum;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How many rows a page has unless the query says otherwise.
pub const DEFAULT_LIMIT: usize = 100;
/// The most rows that a page may have.
pub const MAX_LIMIT: usize = 1_000;
/// The most rows that are looked at for one page, about a millisecond's worth, where no index leads to the wanted
/// rows alone. A page may be short because of it, even empty, and still have a next one.
pub const MAX_LOOKED_AT: usize = 10_000;
/// The most rows that are put in order for one page. Tests have few rows, and the small limit there makes them take
/// both routes.
pub(crate) const MAX_SORTED: usize = if cfg!(test) { 3 } else { 2_000 };
/// The most bytes that a cursor may have; a title of 200 characters fits with room to spare.
const MAX_CURSOR_BYTES: usize = 4_096;

/// One page of a list, with the way to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in the order asked for.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last page.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The page with each row rendered by `render`.
    pub(crate) fn map<U>(self, render: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(render).collect(), next: self.next }
    }
}

/// The cursor is not good for this question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCursor {
    /// No list has handed it out.
    #[error("the cursor is not one that was handed out")]
    Malformed,
    /// It was handed out for another filter or order.
    #[error("the cursor belongs to another filter or order")]
    OtherQuestion,
}

string_enum! {
    /// Which end of a list comes first.
    Order {
        /// The smallest or oldest row comes first.
        Asc = "asc",
        /// The largest or newest row comes first.
        Desc = "desc",
    }
}

/// What a list is sorted by, for one row. Times are in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SortKey {
    #[serde(rename = "n")]
    Number(i64),
    /// A rank that many rows share, and the time at which the row was created.
    #[serde(rename = "p")]
    Pair(i64, i64),
    #[serde(rename = "t")]
    Text(String),
    /// For a row without what the list is sorted by: the time at which it was created. Such rows come last in either
    /// order.
    #[serde(rename = "m")]
    Missing(i64),
}

/// Where a row stands in a list; the identity makes the order total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place(pub(crate) SortKey, pub(crate) Uuid);

impl Place {
    /// By a number that every row has.
    pub(crate) const fn by_number(number: i64, id: Uuid) -> Self {
        Self(SortKey::Number(number), id)
    }

    /// By a text that every row has.
    pub(crate) const fn by_text(text: String, id: Uuid) -> Self {
        Self(SortKey::Text(text), id)
    }

    /// By a rank that many rows share, and within it by creation, in microseconds.
    pub(crate) const fn ranked(rank: i64, created: i64, id: Uuid) -> Self {
        Self(SortKey::Pair(rank, created), id)
    }

    /// By the time at which something happened to a row.
    pub(crate) fn at_time(at: DateTime<Utc>, id: Uuid) -> Self {
        Self(SortKey::Number(at.timestamp_micros()), id)
    }

    /// Of an event, in a list that is ordered by positions of the log.
    pub(crate) fn at_position(position: u64) -> Self {
        Self(SortKey::Number(i64::try_from(position).unwrap_or(i64::MAX)), Uuid::nil())
    }

    /// The position of the log that the place names; nothing in a list of another order.
    pub(crate) fn position(&self) -> Option<u64> {
        match self.0 {
            SortKey::Number(position) => Some(u64::try_from(position).unwrap_or(0)),
            SortKey::Pair(..) | SortKey::Text(_) | SortKey::Missing(_) => None,
        }
    }

    /// By a number that a row may not have; `created` is when the row was created, in microseconds since 1970.
    pub(crate) fn optional(number: Option<i64>, created: i64, id: Uuid) -> Self {
        Self(number.map_or(SortKey::Missing(created), SortKey::Number), id)
    }
}

/// What a place names, for the list whose order it belongs to; nothing in a list of another order.
impl Place {
    /// The number, and the row that has it.
    pub(crate) fn number<I: From<Uuid>>(&self) -> Option<(i64, I)> {
        match self.0 {
            SortKey::Number(number) => Some((number, self.1.into())),
            SortKey::Pair(..) | SortKey::Text(_) | SortKey::Missing(_) => None,
        }
    }

    /// The rank, and the creation key of the row that has it.
    pub(crate) fn rank<I: From<Uuid>>(&self) -> Option<(i64, (i64, I))> {
        match self.0 {
            SortKey::Pair(rank, created) => Some((rank, (created, self.1.into()))),
            SortKey::Number(_) | SortKey::Text(_) | SortKey::Missing(_) => None,
        }
    }

    /// The text, and the row that has it.
    pub(crate) fn text<I: From<Uuid>>(&self) -> Option<(Box<str>, I)> {
        match &self.0 {
            SortKey::Text(text) => Some((text.as_str().into(), self.1.into())),
            SortKey::Number(_) | SortKey::Pair(..) | SortKey::Missing(_) => None,
        }
    }

    /// The creation key of a row without what the list is sorted by.
    pub(crate) fn missing<I: From<Uuid>>(&self) -> Option<(i64, I)> {
        match self.0 {
            SortKey::Missing(created) => Some((created, self.1.into())),
            SortKey::Number(_) | SortKey::Pair(..) | SortKey::Text(_) => None,
        }
    }
}

/// Which page of an answer is asked for.
#[derive(Debug)]
pub(crate) struct PageRequest {
    order: Order,
    limit: usize,
    fingerprint: u64,
    after: Option<Place>,
    looks: usize,
}

impl PageRequest {
    /// The page after `cursor` of the answer to `question`; a limit out of range is moved into it.
    pub(crate) fn new(
        question: impl Hash,
        order: Order,
        limit: Option<usize>,
        cursor: Option<&str>,
    ) -> Result<Self, InvalidCursor> {
        let fingerprint = fingerprint(&(question, order));
        let after = cursor.map(|cursor| read(cursor, fingerprint)).transpose()?;
        let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        Ok(Self { order, limit, fingerprint, after, looks: MAX_LOOKED_AT })
    }

    /// The same request, looking at `looks` rows at most.
    pub(crate) fn looking_at(self, looks: usize) -> Self {
        Self { looks, ..self }
    }

    pub(crate) fn after(&self) -> Option<&Place> {
        self.after.as_ref()
    }

    pub(crate) fn order(&self) -> Order {
        self.order
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The page out of `rows` in any order. It costs as much as there are rows, so they must be few.
    pub(crate) fn of_unsorted<R: Copy>(
        &self,
        rows: impl Iterator<Item = R>,
        place: impl Fn(R) -> Place,
    ) -> Page<R> {
        let rows = rows.map(|row| (place(row), row));
        let mut rows: Vec<_> = rows.filter(|(place, _)| self.is_beyond(place)).collect();
        rows.sort_unstable_by(|(a, _), (b, _)| self.compare(a, b));
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| more).map(|(place, _)| self.cursor(place));
        Page { items: rows.into_iter().map(|(_, row)| row).collect(), next }
    }

    /// The page out of the `wanted` ones of `rows`, which come in order and beyond the cursor. It looks for one row
    /// more than it shows, and at [`MAX_LOOKED_AT`] rows at most: the next page goes on from there.
    pub(crate) fn of_sorted<R: Copy>(
        &self,
        rows: impl Iterator<Item = R>,
        wanted: impl Fn(R) -> bool,
        place: impl Fn(R) -> Place,
    ) -> Page<R> {
        let mut items: Vec<R> = Vec::with_capacity(self.limit.min(DEFAULT_LIMIT));
        let mut next = None;
        for (looked_at, row) in (1..).zip(rows) {
            let is_wanted = wanted(row);
            if is_wanted && items.len() == self.limit {
                next = items.last().copied();
                break;
            }
            if is_wanted {
                items.push(row);
            }
            if looked_at == self.looks {
                next = Some(row);
                break;
            }
        }
        Page { items, next: next.map(|row| self.cursor(&place(row))) }
    }

    /// The cursor of the page that begins after `place`.
    pub(crate) fn cursor(&self, place: &Place) -> String {
        let json = serde_json::to_vec(&(self.fingerprint, place)).expect("numbers and texts are always JSON");
        URL_SAFE_NO_PAD.encode(json)
    }

    fn is_beyond(&self, place: &Place) -> bool {
        self.after.as_ref().is_none_or(|after| self.compare(after, place).is_lt())
    }

    fn compare(&self, a: &Place, b: &Place) -> Ordering {
        let keys = match (&a.0, &b.0) {
            (SortKey::Number(a), SortKey::Number(b)) => a.cmp(b),
            (SortKey::Pair(a, of_a), SortKey::Pair(b, of_b)) => (a, of_a).cmp(&(b, of_b)),
            (SortKey::Text(a), SortKey::Text(b)) => a.cmp(b),
            (SortKey::Missing(a), SortKey::Missing(b)) => a.cmp(b),
            (SortKey::Missing(_), _) => return Ordering::Greater,
            (_, SortKey::Missing(_)) => return Ordering::Less,
            // One list has one kind of key, but a cursor may come with another kind: the order must still be total.
            (SortKey::Number(_), _) | (SortKey::Pair(..), SortKey::Text(_)) => Ordering::Less,
            (SortKey::Text(_), _) | (SortKey::Pair(..), SortKey::Number(_)) => Ordering::Greater,
        };
        let ascending = keys.then(a.1.cmp(&b.1));
        match self.order {
            Order::Asc => ascending,
            Order::Desc => ascending.reverse(),
        }
    }
}

fn read(cursor: &str, expected: u64) -> Result<Place, InvalidCursor> {
    if cursor.len() > MAX_CURSOR_BYTES {
        return Err(InvalidCursor::Malformed);
    }
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor::Malformed)?;
    let (fingerprint, place): (u64, Place) =
        serde_json::from_slice(&json).map_err(|_| InvalidCursor::Malformed)?;
    if fingerprint == expected { Ok(place) } else { Err(InvalidCursor::OtherQuestion) }
}

/// FNV-1a. A cursor must mean the same on every node and after a restart, which the standard hashers do not promise.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn fingerprint(question: &impl Hash) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    question.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(order: Order, keys: &[Option<i64>]) -> Vec<usize> {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let request = PageRequest::new("all", order, Some(2), cursor.as_deref()).unwrap();
            let place = |index: usize| Place::optional(keys[index], 0, Uuid::from_u128(index as u128));
            let page = request.of_unsorted(0..keys.len(), place);
            seen.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return seen,
            }
        }
    }

    #[test]
    fn pages_show_every_row_once_and_rows_without_a_key_last() {
        let keys = [Some(3), None, Some(1), Some(3), None, Some(2)];
        assert_eq!(walk(Order::Asc, &keys), [2, 5, 0, 3, 1, 4]);
        assert_eq!(walk(Order::Desc, &keys), [3, 0, 5, 2, 4, 1]);
    }

    #[test]
    fn a_page_ends_where_it_looked_at_enough_and_the_next_goes_on_there() {
        let place = |number: usize| Place(SortKey::Number(number as i64), Uuid::nil());
        let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, None::<String>);
        loop {
            let request = PageRequest::new("rare", Order::Asc, Some(2), cursor.as_deref()).unwrap();
            let from = match request.after() {
                Some(Place(SortKey::Number(number), _)) => *number as usize + 1,
                _ => 0,
            };
            let page =
                request.of_sorted(from..MAX_LOOKED_AT * 3, |number| number % MAX_LOOKED_AT == 1, place);
            seen.extend(page.items);
            pages += 1;
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, [1, MAX_LOOKED_AT + 1, MAX_LOOKED_AT * 2 + 1]);
        assert!(pages <= 4, "{pages}");
    }

    #[test]
    fn a_cursor_of_another_question_is_refused() {
        let request = PageRequest::new("blocked", Order::Desc, None, None).unwrap();
        let cursor = request.cursor(&Place(SortKey::Text("a".into()), Uuid::nil()));
        let use_with =
            |question: &str, order| PageRequest::new(question, order, None, Some(&cursor)).map(drop);
        assert_eq!(use_with("blocked", Order::Desc), Ok(()));
        assert_eq!(use_with("done", Order::Desc), Err(InvalidCursor::OtherQuestion));
        assert_eq!(use_with("blocked", Order::Asc), Err(InvalidCursor::OtherQuestion));
        for cursor in ["", "x", "bm90IGpzb24", "W10"] {
            assert_eq!(
                PageRequest::new("blocked", Order::Desc, None, Some(cursor)).map(drop),
                Err(InvalidCursor::Malformed)
            );
        }
    }
}
