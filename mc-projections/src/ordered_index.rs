//! Rows of a view in order, grouped by what they have in common.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{
        Bound::{Excluded, Included},
        RangeBounds,
    },
};

use mc_domain::{ids::ProjectId, reach::Reach};
use uuid::Uuid;

use crate::{merge::in_turn, page::Order};

/// Orders rows by their creation: the time in microseconds since 1970, and the identity for those of the same time.
pub(crate) type CreationKey<I> = (i64, I);

/// The rows of each group, in the order of their keys. A group is removed with its last row, so that the same rows
/// make an equal index, whatever happened before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrderedIndex<G, K>(BTreeMap<G, BTreeSet<K>>);

impl<G, K> Default for OrderedIndex<G, K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<G: Ord, K: Ord> OrderedIndex<G, K> {
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

    /// Moves a row from where it stood to where it stands; nothing stands for a row that is not in the index.
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

    /// The rows of one group; nothing for a group without rows.
    pub(crate) fn of(&self, group: &G) -> Option<&BTreeSet<K>> {
        self.0.get(group)
    }

    /// The groups in a range, in order.
    pub(crate) fn groups(&self, range: impl RangeBounds<G>) -> impl Iterator<Item = (&G, &BTreeSet<K>)> {
        self.0.range(range)
    }

    /// The groups of the projects within a reach, in order. `project` tells which one a group belongs to, and `first`
    /// the group that orders before all others of a project: no group beyond the reach is looked at.
    pub(crate) fn within<'a, 'r>(
        &'a self,
        reach: &'r Reach,
        project: fn(&G) -> ProjectId,
        first: fn(ProjectId) -> G,
    ) -> impl Iterator<Item = (&'a G, &'a BTreeSet<K>)> + use<'a, 'r, G, K> {
        let everything = reach.projects().is_none().then(|| self.all());
        let named = reach.projects().into_iter().flatten().flat_map(move |of| {
            self.groups(first(*of)..).take_while(move |(group, _)| project(group) == *of)
        });
        everything.into_iter().flatten().chain(named)
    }

    /// The rows of each group that is wanted.
    pub(crate) fn sets(&self, wanted: impl Fn(&G) -> bool) -> Vec<&BTreeSet<K>> {
        self.0.iter().filter(|(group, _)| wanted(group)).map(|(_, keys)| keys).collect()
    }

    /// All groups that have rows, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&G, &BTreeSet<K>)> {
        self.0.iter()
    }
}

/// The rows of many small groups, such as those of each task, in order of creation. One set holds all of them: a set
/// for each group would take too much memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreationIndex<G, I>(BTreeSet<(G, i64, I)>);

impl<G, I> Default for CreationIndex<G, I> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<G: Ord + Copy, I: Ord + Copy> CreationIndex<G, I> {
    pub(crate) fn insert(&mut self, group: G, (created, id): CreationKey<I>) {
        self.0.insert((group, created, id));
    }

    pub(crate) fn remove(&mut self, group: G, (created, id): CreationKey<I>) {
        self.0.remove(&(group, created, id));
    }

    /// Moves a row from where it stood to where it stands; nothing stands for a row that is not in the index.
    pub(crate) fn shift(&mut self, before: Option<(G, CreationKey<I>)>, after: Option<(G, CreationKey<I>)>) {
        if before == after {
            return;
        }
        if let Some((group, key)) = before {
            self.remove(group, key);
        }
        if let Some((group, key)) = after {
            self.insert(group, key);
        }
    }
}

impl<G: Ord + Copy + From<Uuid>, I: Ord + Copy + From<Uuid>> CreationIndex<G, I> {
    /// The rows of one group beyond `after`, in `order`.
    pub(crate) fn of(&self, group: G, order: Order, after: Option<CreationKey<I>>) -> CreationWalk<'_, I> {
        let whole = |created, id: Uuid| (group, created, I::from(id));
        let (first, last) = (Included(whole(i64::MIN, Uuid::nil())), Included(whole(i64::MAX, Uuid::max())));
        let after = after.map(|(created, id)| Excluded((group, created, id)));
        match order {
            Order::Asc => {
                Box::new(self.0.range((after.unwrap_or(first), last)).map(|(_, created, id)| (*created, *id)))
            }
            Order::Desc => {
                let range = self.0.range((first, after.unwrap_or(last)));
                Box::new(range.rev().map(|(_, created, id)| (*created, *id)))
            }
        }
    }

    /// The rows of several groups beyond `after`, in `order` and each once.
    pub(crate) fn of_any<'a>(
        &'a self,
        groups: &[G],
        order: Order,
        after: Option<CreationKey<I>>,
    ) -> impl Iterator<Item = CreationKey<I>> + use<'a, G, I> {
        let groups: BTreeSet<_> = groups.iter().copied().collect();
        in_turn(groups.into_iter().map(|group| self.of(group, order, after)).collect(), order)
    }
}

/// The rows of one group of a [`CreationIndex`], in either order.
pub(crate) type CreationWalk<'a, I> = Box<dyn Iterator<Item = CreationKey<I>> + 'a>;
