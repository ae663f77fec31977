//! Reads from the log what the views keep only the positions of: threads, timelines, tool calls and the activity.

use std::{collections::BTreeSet, hash::Hash};

use chrono::{DateTime, Utc};
use mc_domain::{
    ids::{RunId, TaskId},
    recorded::{AnyEvent, Recorded},
};
use mc_store::{
    codec,
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS},
};

use crate::{
    activity::ActivityQuery,
    entries::{ActivityEntry, TimelineEntry, activity_entry, timeline_entry},
    messages::{self, MessageView},
    page::{InvalidCursor, Order, Page, PageRequest, Place},
    report,
    runner::Projected,
    runs::{self, ToolCallView},
    views::Views,
};

/// The largest gap between two wanted events that one read covers; a larger one starts another read.
const MAX_READ_OVER: u64 = 32;
/// The most events that one question about older activity looks through; its cursor goes on from there.
const MAX_LOOKED_THROUGH: u64 = 20 * MAX_PAGE_EVENTS as u64;

/// A question about history that cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The cursor was not handed out for this question.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The log does not answer, or an event cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which part of a history is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Which end comes first; the oldest event when absent.
    pub order: Option<Order>,
    /// The most entries of a page, from 1 to [`crate::page::MAX_LIMIT`].
    pub limit: Option<usize>,
    /// The cursor that the page before ended with; the first page when absent.
    pub cursor: Option<String>,
}

impl Projected {
    /// A page of the messages in a task's thread.
    ///
    /// # Errors
    /// - [`HistoryError::Cursor`] when the cursor belongs to another question.
    /// - [`HistoryError::Store`] when the log does not answer or an event cannot be read.
    pub async fn thread(
        &self,
        task: TaskId,
        query: &HistoryQuery,
    ) -> Result<Page<MessageView>, HistoryError> {
        let request = query.page_request("thread", task)?;
        let page = self.read(|views| pick(&request, views.threads.positions(task)));
        self.render(page, |event, views| messages::message(event, &views.agents)).await
    }

    /// A page of the tool calls of a run.
    ///
    /// # Errors
    /// - [`HistoryError::Cursor`] when the cursor belongs to another question.
    /// - [`HistoryError::Store`] when the log does not answer or an event cannot be read.
    pub async fn tool_calls(
        &self,
        run: RunId,
        query: &HistoryQuery,
    ) -> Result<Page<ToolCallView>, HistoryError> {
        let request = query.page_request("tool calls", run)?;
        let page = self.read(|views| pick(&request, views.runs.tool_calls(run)));
        self.render(page, |event, _| runs::tool_call(event)).await
    }

    /// The incident report on a task, at `now`; nothing when the task is unknown.
    ///
    /// # Errors
    /// [`StoreError`] when the log does not answer or an event cannot be read.
    pub async fn report(&self, task: TaskId, now: DateTime<Utc>) -> Result<Option<String>, StoreError> {
        let (positions, left_out) = self.read(|views| {
            let all = views.timelines.positions(task);
            let left_out = all.len().saturating_sub(report::MAX_EVENTS);
            (all[left_out..].to_vec(), left_out)
        });
        let events = recall(self.log(), &positions).await?;
        Ok(self.read(|views| report::report(views, task, &events, left_out, now)))
    }

    /// A page of everything that happened to a task.
    ///
    /// # Errors
    /// - [`HistoryError::Cursor`] when the cursor belongs to another question.
    /// - [`HistoryError::Store`] when the log does not answer or an event cannot be read.
    pub async fn timeline(
        &self,
        task: TaskId,
        query: &HistoryQuery,
    ) -> Result<Page<TimelineEntry>, HistoryError> {
        let request = query.page_request("timeline", task)?;
        let page = self.read(|views| pick(&request, views.timelines.positions(task)));
        self.render(page, |event, views| Some(timeline_entry(event, views))).await
    }

    /// A page of the news, newest first, as far back as the log goes. A page may be short, even empty, and still have
    /// a next one: rare news are looked for in one part of the log at a time.
    ///
    /// # Errors
    /// - [`HistoryError::Cursor`] when the cursor belongs to another question.
    /// - [`HistoryError::Store`] when the log does not answer or an event cannot be read.
    pub async fn activity(&self, query: &ActivityQuery) -> Result<Page<ActivityEntry>, HistoryError> {
        let request = query.page_request()?;
        if query.reach.projects().is_some_and(BTreeSet::is_empty) {
            return Ok(Page { items: vec![], next: None });
        }
        let before = match request.after() {
            Some(place) => place.position().unwrap_or(u64::MAX),
            None => u64::MAX,
        };
        // One more than the page shows: that tells whether there is a next page.
        let wanted = request.limit() + 1;
        let (positions, dropped) = self.read(|views| {
            let recent = views.activity.positions(query, before).take(wanted);
            (recent.collect::<Vec<_>>(), views.activity.dropped())
        });
        let mut events = recall(self.log(), &positions).await?;
        let mut unseen = 0;
        if events.len() < wanted {
            let rest = wanted - events.len();
            let (older, looked_to) = look_back(self.log(), query, before.min(dropped + 1), rest).await?;
            events.extend(older);
            unseen = looked_to;
        }
        let next = match events.len() {
            full if full == wanted => events.get(request.limit() - 1).map(|event| event.position),
            _ => Some(unseen).filter(|unseen| *unseen > 1),
        };
        events.truncate(request.limit());
        let items = self.read(|views| events.iter().map(|event| activity_entry(event, views)).collect());
        Ok(Page { items, next: next.map(|position| request.cursor(&Place::at_position(position))) })
    }

    async fn render<T>(
        &self,
        page: Page<u64>,
        show: impl Fn(&Recorded<AnyEvent>, &Views) -> Option<T>,
    ) -> Result<Page<T>, HistoryError> {
        let events = recall(self.log(), &page.items).await?;
        let items = self.read(|views| events.iter().filter_map(|event| show(event, views)).collect());
        Ok(Page { items, next: page.next })
    }
}

impl HistoryQuery {
    fn page_request(&self, what: &str, of: impl Hash) -> Result<PageRequest, InvalidCursor> {
        PageRequest::new((what, of), self.order.unwrap_or(Order::Asc), self.limit, self.cursor.as_deref())
    }
}

/// The page out of `positions`, which ascend. It costs as much as it shows.
fn pick(request: &PageRequest, positions: &[u64]) -> Page<u64> {
    let last = request.after().map(|place| place.position().unwrap_or(0));
    let place = |position: &u64| Place::at_position(*position);
    let page = match request.order() {
        Order::Asc => {
            let from = last.map_or(0, |last| positions.partition_point(|position| *position <= last));
            request.of_sorted(positions[from..].iter(), |_| true, place)
        }
        Order::Desc => {
            let to =
                last.map_or(positions.len(), |last| positions.partition_point(|position| *position < last));
            request.of_sorted(positions[..to].iter().rev(), |_| true, place)
        }
    };
    Page { items: page.items.into_iter().copied().collect(), next: page.next }
}

/// The events at `positions`, which must ascend or descend, in the same order. Positions close to each other are read
/// together.
///
/// # Errors
/// - [`StoreError::Unavailable`] when the log does not answer.
/// - [`StoreError::Corrupt`] when an event cannot be read.
pub async fn recall(log: &dyn EventLog, positions: &[u64]) -> Result<Vec<Recorded<AnyEvent>>, StoreError> {
    let mut sorted = positions.to_vec();
    sorted.sort_unstable();
    let mut events = Vec::with_capacity(sorted.len());
    for stretch in stretches(&sorted) {
        let (first, last) = (stretch[0], stretch[stretch.len() - 1]);
        for stored in log.read_all(first - 1, (last - first + 1) as usize).await? {
            if stretch.binary_search(&stored.position).is_ok() {
                events.extend(codec::decode_any(&stored)?);
            }
        }
    }
    if !positions.is_sorted() {
        events.reverse();
    }
    Ok(events)
}

/// Splits ascending positions into groups that one read fetches.
fn stretches(sorted: &[u64]) -> impl Iterator<Item = &[u64]> {
    let mut rest = sorted;
    std::iter::from_fn(move || {
        let first = *rest.first()?;
        let fits =
            |pair: &[u64]| pair[1] - pair[0] <= MAX_READ_OVER && pair[1] - first < MAX_PAGE_EVENTS as u64;
        let length = rest.windows(2).take_while(|pair| fits(pair)).count() + 1;
        let (stretch, after) = rest.split_at(length);
        rest = after;
        Some(stretch)
    })
}

/// The latest news before the position `before` that `query` asks for, at most `wanted`, and the position down to
/// which the log was looked through.
async fn look_back(
    log: &dyn EventLog,
    query: &ActivityQuery,
    before: u64,
    wanted: usize,
) -> Result<(Vec<Recorded<AnyEvent>>, u64), StoreError> {
    let stop = before.saturating_sub(MAX_LOOKED_THROUGH).max(1);
    let (mut found, mut before) = (Vec::new(), before);
    while before > stop && found.len() < wanted {
        let after = before.saturating_sub(MAX_PAGE_EVENTS as u64 + 1);
        let page = log.read_all(after, (before - after - 1) as usize).await?;
        for stored in page.iter().rev() {
            found.extend(codec::decode_any(stored)?.filter(|event| query.wants_event(event)));
        }
        before = after + 1;
    }
    found.truncate(wanted);
    Ok((found, before))
}
