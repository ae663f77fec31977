//! Several ordered sets read as one.

use std::{
    collections::BTreeSet,
    iter::Peekable,
    ops::Bound::{Excluded, Unbounded},
};

use crate::page::Order;

type Walk<'a, K> = Peekable<Box<dyn Iterator<Item = K> + 'a>>;

/// The members of all `sets` in `order`, those beyond `after` only. Lazy: a page costs what it shows.
pub(crate) fn merged<'a, K: Ord + Copy + 'a>(
    sets: impl Iterator<Item = &'a BTreeSet<K>>,
    order: Order,
    after: Option<K>,
) -> impl Iterator<Item = K> + 'a {
    let mut walks: Vec<Walk<'a, K>> =
        sets.filter(|set| !set.is_empty()).map(|set| walk(set, order, after)).collect();
    std::iter::from_fn(move || {
        let heads = walks.iter_mut().enumerate().filter_map(|(which, walk)| Some((*walk.peek()?, which)));
        let (_, which) = match order {
            Order::Asc => heads.min(),
            Order::Desc => heads.max(),
        }?;
        walks[which].next()
    })
}

fn walk<'a, K: Ord + Copy + 'a>(set: &'a BTreeSet<K>, order: Order, after: Option<K>) -> Walk<'a, K> {
    let from = after.map_or(Unbounded, Excluded);
    let walk: Box<dyn Iterator<Item = K> + 'a> = match order {
        Order::Asc => Box::new(set.range((from, Unbounded)).copied()),
        Order::Desc => Box::new(set.range((Unbounded, from)).rev().copied()),
    };
    walk.peekable()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_read_as_one_in_either_order_from_any_place() {
        let sets = [BTreeSet::from([1, 4, 7]), BTreeSet::new(), BTreeSet::from([2, 5, 6])];
        let read = |order, after| merged(sets.iter(), order, after).collect::<Vec<_>>();
        assert_eq!(read(Order::Asc, None), [1, 2, 4, 5, 6, 7]);
        assert_eq!(read(Order::Desc, Some(5)), [4, 2, 1]);
        assert_eq!(read(Order::Asc, Some(3)), [4, 5, 6, 7]);
    }
}
