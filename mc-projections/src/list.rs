//! The engine of all lists: finds the rows that a question wants, in the order it asks for, and cuts them into pages.
//!
//! A list implements [`Question`]: its filters, what it can be sorted by, and which of its indexes leads to the rows
//! of a question. A page then costs as much as it shows and passes over, not as much as there is: rows are either
//! read one after the other from an index that has the order asked for, or they are few enough to be put in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
};

use mc_domain::{ids::TaskId, reach::Reach};
use uuid::Uuid;

use crate::{
    merge::merged,
    ordered_index::{CreationIndex, CreationKey},
    page::{InvalidCursor, MAX_LOOKED_AT, MAX_SORTED, Order, Page, PageRequest, Place, SortKey},
};

/// The part of a query that all lists share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paging<'q> {
    /// Which end of the list comes first.
    pub(crate) order: Order,
    /// How many rows a page may have; brought into range by [`PageRequest::new`].
    pub(crate) limit: Option<usize>,
    /// The cursor that the page before ended with.
    pub(crate) cursor: Option<&'q str>,
}

/// A question to the rows of one view, which live for `'a`.
pub(crate) trait Question<'a> {
    /// The identity by which indexes name a row.
    type Id: Ord + Copy + From<Uuid>;
    /// What the view keeps of one entity.
    type Row: 'a;
    /// What the rows can be sorted by; `()` where there is no choice.
    type Sort: Copy + Hash;

    /// What the rows are sorted by: what the query says, or the list's default.
    fn sort(&self) -> Self::Sort;

    /// What the query says about order, limit and cursor, with the list's default order filled in.
    fn paging(&self) -> Paging<'_>;

    /// The projects whose rows are asked for.
    fn reach(&self) -> &Reach;

    /// The name of the list and all filters, the reach among them: a cursor is only good for a question with the same ones.
    fn filters(&self) -> impl Hash;

    /// Whether a row passes all filters.
    fn wants(&self, row: &'a Self::Row) -> bool;

    /// Where a row stands in the order of `sort`.
    fn place(&self, sort: Self::Sort, row: &'a Self::Row) -> Place;

    /// The row of an identity that an index has named.
    fn row(&self, id: Self::Id) -> Option<&'a Self::Row>;

    /// How to get at all rows that the question may want, in the order of `sort`. Rows that it does not want may be
    /// among them.
    fn route(&self, sort: Self::Sort) -> Route<'_, Self::Id>;

    /// The most rows that are looked at for one page.
    fn max_looked_at(&self) -> usize {
        MAX_LOOKED_AT
    }
}

/// How to get at the rows that a question may want.
pub(crate) enum Route<'q, I> {
    /// An index has the order asked for.
    Walk(Walk<'q, I>),
    /// No narrow index has the order asked for: the candidates are put in order where they are at most
    /// [`MAX_SORTED`]. Else the wider index that the function names is walked.
    SortIfFew(Candidates<'q, I>, Box<dyn FnOnce() -> Walk<'q, I> + 'q>),
    /// No index has the order asked for: all these rows are put in order.
    Sort(Vec<I>),
}

/// An index that has some order, and the rows of it that a question may want.
pub(crate) enum Walk<'q, I> {
    /// In the order in which the rows were created.
    Created(Candidates<'q, I>),
    /// Groups by the rank that their rows share, and within a rank in order of creation.
    Ranked(Vec<(i64, &'q BTreeSet<CreationKey<I>>)>),
    /// In the order of a number. The candidates without that number come last in either order, in order of creation.
    Numbered(Vec<&'q BTreeSet<(i64, I)>>, Option<Candidates<'q, I>>),
    /// In the order of a text.
    Texts(Vec<&'q BTreeSet<(Box<str>, I)>>),
}

/// Rows in order of creation, as few as an index can tell apart.
pub(crate) enum Candidates<'q, I> {
    /// The rows of some groups. One that is in several groups is answered once.
    Groups(Vec<&'q BTreeSet<CreationKey<I>>>),
    /// The rows of the tasks that a query names.
    OfTasks(&'q CreationIndex<TaskId, I>, &'q [TaskId]),
}

/// The page that a question asks for.
///
/// # Errors
/// [`InvalidCursor`] when the cursor belongs to another question.
pub(crate) fn page<'a, Q: Question<'a>>(question: &Q) -> Result<Page<&'a Q::Row>, InvalidCursor> {
    let (sort, Paging { order, limit, cursor }) = (question.sort(), question.paging());
    let request = PageRequest::new((question.filters(), sort), order, limit, cursor)?;
    if question.reach().projects().is_some_and(BTreeSet::is_empty) {
        return Ok(Page { items: vec![], next: None });
    }
    let request = request.looking_at(question.max_looked_at());
    let place = |row: &'a Q::Row| question.place(sort, row);
    let sorted = |ids: Vec<Q::Id>| {
        let rows = ids.into_iter().filter_map(|id| question.row(id));
        request.of_unsorted(rows.filter(|row| question.wants(row)), place)
    };
    let walk = match question.route(sort) {
        Route::Sort(ids) => return Ok(sorted(ids)),
        Route::SortIfFew(candidates, wider) => match candidates.few() {
            Some(ids) => return Ok(sorted(ids)),
            None => wider(),
        },
        Route::Walk(walk) => walk,
    };
    let has_no_number =
        |id: &Q::Id| question.row(*id).is_some_and(|row| matches!(place(row), Place(SortKey::Missing(_), _)));
    let rows = walk.ids(order, request.after(), has_no_number).filter_map(|id| question.row(id));
    Ok(request.of_sorted(rows, |row| question.wants(row), place))
}

/// The first page of the rows that a question wants, found by looking at all of them.
#[cfg(test)]
pub(crate) fn page_by_looking<'a, Q: Question<'a>>(
    question: &Q,
    rows: impl Iterator<Item = &'a Q::Row>,
) -> Vec<&'a Q::Row> {
    let (sort, Paging { order, limit, .. }) = (question.sort(), question.paging());
    let request = PageRequest::new("everything", order, limit, None).unwrap();
    request.of_unsorted(rows.filter(|row| question.wants(row)), |row| question.place(sort, row)).items
}

impl<'q, I: Ord + Copy + From<Uuid>> Walk<'q, I> {
    /// The rows beyond `after`. `has_no_number` tells which candidates come at the end of a walk by number.
    fn ids<'w>(
        self,
        order: Order,
        after: Option<&Place>,
        has_no_number: impl Fn(&I) -> bool + 'w,
    ) -> Box<dyn Iterator<Item = I> + 'w>
    where
        'q: 'w,
        I: 'w,
    {
        let number = after.and_then(Place::number);
        match self {
            Self::Created(candidates) => candidates.ids(order, number),
            Self::Ranked(groups) => ids(ranked(groups, order, after)),
            Self::Texts(sets) => {
                let text = after.and_then(Place::text);
                Box::new(merged(sets.into_iter(), order, text.as_ref()).map(|(_, id)| *id))
            }
            Self::Numbered(sets, None) => ids(merged(sets.into_iter(), order, number.as_ref())),
            Self::Numbered(sets, Some(candidates)) => match after.and_then(Place::missing) {
                Some(created) => Box::new(candidates.ids(order, Some(created)).filter(has_no_number)),
                None => {
                    let numbered = ids(merged(sets.into_iter(), order, number.as_ref()));
                    Box::new(numbered.chain(candidates.ids(order, None).filter(has_no_number)))
                }
            },
        }
    }
}

impl<'q, I: Ord + Copy + From<Uuid>> Candidates<'q, I> {
    /// The rows beyond `after`, in order of creation.
    fn ids<'w>(self, order: Order, after: Option<CreationKey<I>>) -> Box<dyn Iterator<Item = I> + 'w>
    where
        'q: 'w,
        I: 'w,
    {
        match self {
            Self::Groups(sets) => ids(merged(sets.into_iter(), order, after.as_ref())),
            Self::OfTasks(index, tasks) => Box::new(index.of_any(tasks, order, after).map(|(_, id)| id)),
        }
    }

    /// All rows, where they are at most [`MAX_SORTED`].
    fn few(&self) -> Option<Vec<I>> {
        let ids: Vec<I> = match self {
            Self::Groups(sets) if sets.iter().map(|set| set.len()).sum::<usize>() > MAX_SORTED => {
                return None;
            }
            Self::Groups(sets) => ids(merged(sets.iter().copied(), Order::Asc, None)).collect(),
            Self::OfTasks(index, tasks) => {
                index.of_any(tasks, Order::Asc, None).take(MAX_SORTED + 1).map(|(_, id)| id).collect()
            }
        };
        Some(ids).filter(|ids| ids.len() <= MAX_SORTED)
    }
}

fn ids<'q, I: Copy + 'q>(keys: impl Iterator<Item = &'q (i64, I)> + 'q) -> Box<dyn Iterator<Item = I> + 'q> {
    Box::new(keys.map(|(_, id)| *id))
}

/// The rows beyond `after`: one rank after the other, each in order of creation.
pub(crate) fn ranked<'q, I: Ord + Copy + From<Uuid> + 'q>(
    groups: Vec<(i64, &'q BTreeSet<CreationKey<I>>)>,
    order: Order,
    after: Option<&Place>,
) -> impl Iterator<Item = &'q CreationKey<I>> + use<'q, I> {
    let mut ranks: BTreeMap<i64, Vec<_>> = BTreeMap::new();
    for (rank, set) in groups {
        ranks.entry(rank).or_default().push(set);
    }
    let mut ranks: Vec<_> = ranks.into_iter().collect();
    if order == Order::Desc {
        ranks.reverse();
    }
    let after: Option<(i64, CreationKey<I>)> = after.and_then(Place::rank);
    let from = ranks.into_iter().filter(move |(rank, _)| match (after, order) {
        (None, _) => true,
        (Some((last, _)), Order::Asc) => *rank >= last,
        (Some((last, _)), Order::Desc) => *rank <= last,
    });
    from.flat_map(move |(rank, sets)| {
        let after = after.filter(|(last, _)| *last == rank).map(|(_, created)| created);
        merged(sets.into_iter(), order, after.as_ref())
    })
}
