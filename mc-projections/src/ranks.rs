//! Rows of a view in order, by what they have in common.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{
        Bound::{Excluded, Included},
        RangeBounds,
    },
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    merge::{in_turn, merged},
    page::{Key, Order, Place},
};

/// When a row began, in microseconds, and which it is.
pub(crate) type Birth<I> = (i64, I);

/// The rows of each group, in the order of their keys. A group without rows is not there, so that the same rows make the
/// same ranks, whatever happened before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranks<G, K>(BTreeMap<G, BTreeSet<K>>);

impl<G, K> Default for Ranks<G, K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<G: Ord, K: Ord> Ranks<G, K> {
    pub(crate) fn insert(&mut self, (group, key): (G, K)) {
        self.0.entry(group).or_default().insert(key);
    }

    pub(crate) fn remove(&mut self, (group, key): (G, K)) {
        let Some(keys) = self.0.get_mut(&group) else { return };
        keys.remove(&key);
        if keys.is_empty() {
            self.0.remove(&group);
        }
    }

    /// Takes a row from where it stood to where it stands; it may stand nowhere.
    pub(crate) fn shift(&mut self, before: Option<(G, K)>, after: Option<(G, K)>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.remove(before);
        }
        if let Some(after) = after {
            self.insert(after);
        }
    }

    /// The rows of one group.
    pub(crate) fn of(&self, group: &G) -> Option<&BTreeSet<K>> {
        self.0.get(group)
    }

    /// The groups in a range.
    pub(crate) fn groups(&self, range: impl RangeBounds<G>) -> impl Iterator<Item = (&G, &BTreeSet<K>)> {
        self.0.range(range)
    }

    /// All groups.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&G, &BTreeSet<K>)> {
        self.0.iter()
    }
}

/// The rows of many small groups, in the order in which they began: a set of its own would be too large for each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Owned<G, I>(BTreeSet<(G, i64, I)>);

impl<G, I> Default for Owned<G, I> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<G: Ord + Copy, I: Ord + Copy> Owned<G, I> {
    pub(crate) fn insert(&mut self, owner: G, (began, id): Birth<I>) {
        self.0.insert((owner, began, id));
    }

    pub(crate) fn remove(&mut self, owner: G, (began, id): Birth<I>) {
        self.0.remove(&(owner, began, id));
    }

    /// Takes a row from where it stood to where it stands; it may stand nowhere.
    pub(crate) fn shift(&mut self, before: Option<(G, Birth<I>)>, after: Option<(G, Birth<I>)>) {
        if before == after {
            return;
        }
        if let Some((owner, birth)) = before {
            self.remove(owner, birth);
        }
        if let Some((owner, birth)) = after {
            self.insert(owner, birth);
        }
    }
}

impl<G: Ord + Copy + From<Uuid>, I: Ord + Copy + From<Uuid>> Owned<G, I> {
    /// The rows of one group in `order`, those beyond `after` only.
    pub(crate) fn of(&self, owner: G, order: Order, after: Option<Birth<I>>) -> OwnedWalk<'_, I> {
        let whole = |began, id: Uuid| (owner, began, I::from(id));
        let (first, last) = (Included(whole(i64::MIN, Uuid::nil())), Included(whole(i64::MAX, Uuid::max())));
        let after = after.map(|(began, id)| Excluded((owner, began, id)));
        match order {
            Order::Asc => {
                Box::new(self.0.range((after.unwrap_or(first), last)).map(|(_, began, id)| (*began, *id)))
            }
            Order::Desc => {
                let range = self.0.range((first, after.unwrap_or(last)));
                Box::new(range.rev().map(|(_, began, id)| (*began, *id)))
            }
        }
    }

    /// The rows of several groups, as of one.
    pub(crate) fn of_any<'a>(
        &'a self,
        owners: &[G],
        order: Order,
        after: Option<Birth<I>>,
    ) -> impl Iterator<Item = Birth<I>> + use<'a, G, I> {
        let owners: BTreeSet<_> = owners.iter().copied().collect();
        in_turn(owners.into_iter().map(|owner| self.of(owner, order, after)).collect(), order)
    }
}

/// Births in some order.
pub(crate) type OwnedWalk<'a, I> = Box<dyn Iterator<Item = Birth<I>> + 'a>;

/// One rank after the other, each in the order in which its rows began: those beyond `after` only.
pub(crate) fn ranked<
    'a,
    I: Ord + Copy + From<Uuid> + 'a,
    S: Iterator<Item = (i64, &'a BTreeSet<Birth<I>>)>,
>(
    sets: S,
    order: Order,
    after: Option<&Place>,
) -> impl Iterator<Item = &'a Birth<I>> + use<'a, I, S> {
    let mut ranks: BTreeMap<i64, Vec<_>> = BTreeMap::new();
    for (rank, set) in sets {
        ranks.entry(rank).or_default().push(set);
    }
    let after: Option<(i64, Birth<I>)> = after.and_then(|place| match place {
        Place(Key::Pair(rank, began), id) => Some((*rank, (*began, I::from(*id)))),
        Place(Key::Number(_) | Key::Text(_) | Key::Missing(_), _) => None,
    });
    let mut ranks: Vec<_> = ranks.into_iter().collect();
    if order == Order::Desc {
        ranks.reverse();
    }
    let from = ranks.into_iter().filter(move |(rank, _)| match (after, order) {
        (None, _) => true,
        (Some((last, _)), Order::Asc) => *rank >= last,
        (Some((last, _)), Order::Desc) => *rank <= last,
    });
    from.flat_map(move |(rank, sets)| {
        let after = after.filter(|(last, _)| *last == rank).map(|(_, birth)| birth);
        merged(sets.into_iter(), order, after.as_ref())
    })
}

/// Where a row stands that began at `at`.
pub(crate) fn place(at: DateTime<Utc>, id: Uuid) -> Place {
    Place(Key::Number(at.timestamp_micros()), id)
}

/// The birth that a place names, in a list that is ordered by one number.
pub(crate) fn birth<I: From<Uuid>>(place: &Place) -> Option<Birth<I>> {
    match place {
        Place(Key::Number(micros), id) => Some((*micros, (*id).into())),
        Place(Key::Pair(..) | Key::Text(_) | Key::Missing(_), _) => None,
    }
}
