//! What happened lately, and who did it?
//!
//! The projection keeps the positions of the latest news in the log and what they can be filtered by.
//! [`crate::entries`] renders one of them, and [`crate::history`] reads older ones from the log.

use std::{borrow::Cow, collections::VecDeque};

use mc_domain::{
    actor::Actor,
    ids::ProjectId,
    reach::Reach,
    recorded::{AnyEvent, Recorded},
};
use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{NEWS_TYPES, listing},
    page::{InvalidCursor, Order, PageRequest},
    projection::Projection,
};

/// How many of the latest news the projection keeps; [`crate::history`] reads older ones from the log.
pub const MAX_RECENT: usize = 5_000;

/// Every type that news can be filtered by: aggregates, such as `task`, and stored names of events, such as
/// `task.claimed`.
pub const TYPES: &[&str] = NEWS_TYPES;

/// Where the latest news are in the log, and what they can be filtered by.
///
/// ```
/// use mc_domain::{task::{Event, Status}, values::Reason};
/// use mc_projections::{activity::{Activity, ActivityQuery}, script::Script};
///
/// let mut script = Script::new();
/// let reason = Reason::new("the brief is missing")?;
/// script.task(1, |at| Event::Blocked { from: Status::Inbox, reason, at });
///
/// let activity: Activity = script.fold();
/// let query = ActivityQuery { kind: vec!["task.blocked".into()], ..ActivityQuery::default() };
/// assert_eq!(activity.positions(&query, u64::MAX).collect::<Vec<_>>(), [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    recent: VecDeque<News>,
    /// The position of the latest news that the projection no longer keeps, 0 for none: all news after it are in
    /// `recent`.
    dropped: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct News {
    position: u64,
    kind: Cow<'static, str>,
    actor: Actor,
    project: Option<ProjectId>,
}

/// Which news are asked for. An empty or absent filter lets all news through; all filters must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivityQuery {
    /// Only news that belong to the projects within this reach; those that belong to none are within [`Reach::All`]
    /// alone.
    pub reach: Reach,
    /// Only news of one of these [`TYPES`]: names of events such as `task.claimed`, or of aggregates such as `task`.
    pub kind: Vec<String>,
    /// Only news that one of these actors caused.
    pub actor: Vec<Actor>,
    /// The most news of a page, from 1 to [`crate::page::MAX_LIMIT`].
    pub limit: Option<usize>,
    /// The cursor that the page before ended with; the first page when absent.
    pub cursor: Option<String>,
}

impl Activity {
    /// The positions of the news asked for that come before the position `before`, newest first.
    pub fn positions(&self, query: &ActivityQuery, before: u64) -> impl Iterator<Item = u64> {
        let older = self.recent.iter().rev().skip_while(move |news| news.position >= before);
        older.filter(|news| query.wants(&news.kind, &news.actor, news.project)).map(|news| news.position)
    }

    /// The position up to which news may be missing from [`Activity::positions`], 0 when none is.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Projection for Activity {
    const NAME: &'static str = "activity";
    const VERSION: u32 = 1;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        if !listing(&event.event).is_news {
            return;
        }
        if self.recent.len() == MAX_RECENT {
            self.dropped = self.recent.pop_front().map_or(0, |news| news.position);
        }
        self.recent.push_back(News {
            position: event.position,
            kind: event.event.name().into(),
            actor: event.metadata.actor.clone(),
            project: event.metadata.project,
        });
    }
}

impl ActivityQuery {
    /// Whether an event is one of the news asked for; limit and cursor play no part.
    pub fn wants_event(&self, event: &Recorded<AnyEvent>) -> bool {
        let metadata = &event.metadata;
        listing(&event.event).is_news && self.wants(event.event.name(), &metadata.actor, metadata.project)
    }

    fn wants(&self, kind: &str, actor: &Actor, project: Option<ProjectId>) -> bool {
        let aggregate = kind.split('.').next().unwrap_or(kind);
        (self.kind.is_empty() || self.kind.iter().any(|wanted| wanted == kind || wanted == aggregate))
            && (self.actor.is_empty() || self.actor.contains(actor))
            && self.reach.covers(project)
    }

    pub(crate) fn page_request(&self) -> Result<PageRequest, InvalidCursor> {
        let question = ("activity", &self.reach, &self.kind, &self.actor);
        PageRequest::new(question, Order::Desc, self.limit, self.cursor.as_deref())
    }
}
