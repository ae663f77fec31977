//! Reads several ordered sets as one, without copying them.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeSet, BinaryHeap, binary_heap::PeekMut, btree_set},
    iter::Rev,
    ops::Bound::{Excluded, Unbounded},
};

use crate::page::Order;

/// The members of all `sets` beyond `after`, in `order` and each once. The iterator is lazy: a page costs as much as
/// it shows, and one look into each set.
pub(crate) fn merged<'a, K: Ord + 'a, S: Iterator<Item = &'a BTreeSet<K>>>(
    sets: S,
    order: Order,
    after: Option<&K>,
) -> impl Iterator<Item = &'a K> + use<'a, K, S> {
    let walks: Vec<_> = sets.map(|set| Walk::new(set, order, after)).collect();
    in_turn(walks, order)
}

/// The members of all `walks` in `order`, each once. Every walk must go in that order itself.
pub(crate) fn in_turn<K: Ord + Copy, W: Iterator<Item = K>>(
    walks: Vec<W>,
    order: Order,
) -> impl Iterator<Item = K> + use<K, W> {
    let heads = walks.into_iter().filter_map(|mut walk| Some(Head { key: walk.next()?, order, walk }));
    let mut heads: BinaryHeap<Head<K, W>> = heads.collect();
    let mut last: Option<K> = None;
    std::iter::from_fn(move || {
        loop {
            let mut top = heads.peek_mut()?;
            let key = top.key;
            match top.walk.next() {
                Some(next) => top.key = next,
                None => drop(PeekMut::pop(top)),
            }
            if last != Some(key) {
                last = Some(key);
                return last;
            }
        }
    })
}

/// The members of one set, in either order.
enum Walk<'a, K> {
    Up(btree_set::Range<'a, K>),
    Down(Rev<btree_set::Range<'a, K>>),
}

impl<'a, K: Ord> Walk<'a, K> {
    fn new(set: &'a BTreeSet<K>, order: Order, after: Option<&K>) -> Self {
        let from = after.map_or(Unbounded, Excluded);
        match order {
            Order::Asc => Self::Up(set.range((from, Unbounded))),
            Order::Desc => Self::Down(set.range((Unbounded, from)).rev()),
        }
    }
}

impl<'a, K> Iterator for Walk<'a, K> {
    type Item = &'a K;

    fn next(&mut self) -> Option<&'a K> {
        match self {
            Self::Up(walk) => walk.next(),
            Self::Down(walk) => walk.next(),
        }
    }
}

/// The next member of one walk. The head that comes first in the order compares as the greatest.
struct Head<K, W> {
    key: K,
    order: Order,
    walk: W,
}

impl<K: Ord + Copy, W> Ord for Head<K, W> {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.order {
            Order::Asc => Reverse(self.key).cmp(&Reverse(other.key)),
            Order::Desc => self.key.cmp(&other.key),
        }
    }
}

impl<K: Ord + Copy, W> PartialOrd for Head<K, W> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord + Copy, W> PartialEq for Head<K, W> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<K: Ord + Copy, W> Eq for Head<K, W> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_read_as_one_in_either_order_from_any_place() {
        let sets = [BTreeSet::from([1, 4, 7]), BTreeSet::new(), BTreeSet::from([2, 5, 6])];
        let read = |order, after: Option<i32>| {
            merged(sets.iter(), order, after.as_ref()).copied().collect::<Vec<_>>()
        };
        assert_eq!(read(Order::Asc, None), [1, 2, 4, 5, 6, 7]);
        assert_eq!(read(Order::Desc, Some(5)), [4, 2, 1]);
        assert_eq!(read(Order::Asc, Some(3)), [4, 5, 6, 7]);
    }

    #[test]
    fn what_is_in_several_sets_is_read_once() {
        let sets = [BTreeSet::from([1, 2, 3]), BTreeSet::from([2, 3]), BTreeSet::from([3])];
        assert_eq!(merged(sets.iter(), Order::Desc, None).copied().collect::<Vec<_>>(), [3, 2, 1]);
    }
}
