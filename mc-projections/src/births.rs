//! Rows of a view in the order in which they began, by what they belong to.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::page::{Key, Place};

/// When a row began, in microseconds, and which it is.
pub(crate) type Birth<I> = (i64, I);

/// The births of all rows, by owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Ord + Serialize, I: Ord + Serialize",
    deserialize = "K: Ord + Deserialize<'de>, I: Ord + Deserialize<'de>"
))]
pub(crate) struct Births<K, I>(BTreeMap<K, BTreeSet<Birth<I>>>);

impl<K, I> Default for Births<K, I> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, I: Ord> Births<K, I> {
    pub(crate) fn insert(&mut self, owner: K, at: DateTime<Utc>, id: I) {
        self.0.entry(owner).or_default().insert((at.timestamp_micros(), id));
    }

    pub(crate) fn remove(&mut self, owner: K, at: DateTime<Utc>, id: I) {
        self.0.entry(owner).or_default().remove(&(at.timestamp_micros(), id));
    }

    /// Those of one owner, or of all.
    pub(crate) fn of(&self, owner: Option<&K>) -> Vec<&BTreeSet<Birth<I>>> {
        match owner {
            Some(owner) => self.0.get(owner).into_iter().collect(),
            None => self.0.values().collect(),
        }
    }

    /// Those of some owners.
    pub(crate) fn of_any<'a>(&'a self, owners: &[K]) -> Vec<&'a BTreeSet<Birth<I>>> {
        let owners: BTreeSet<&K> = owners.iter().collect();
        owners.into_iter().filter_map(|owner| self.0.get(owner)).collect()
    }
}

/// Where a row stands that began at `at`.
pub(crate) fn place(at: DateTime<Utc>, id: Uuid) -> Place {
    Place(Key::Number(at.timestamp_micros()), id)
}

/// The birth that a place names, in a list that is ordered by birth.
pub(crate) fn birth<I: From<Uuid>>(place: &Place) -> Option<Birth<I>> {
    match place {
        Place(Key::Number(micros), id) => Some((*micros, (*id).into())),
        Place(Key::Text(_) | Key::Missing, _) => None,
    }
}
