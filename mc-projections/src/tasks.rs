//! Which tasks are there, where do they stand, and who has them?

mod index;
mod query;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    budget,
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, RunId, TaskId},
    money::Usd,
    reach::Reach,
    recorded::{AnyEvent, Recorded},
    task::{Details, Event, LoopKind, Priority, Status, TaskType, WorkPlan},
    values::{Reason, Title},
};
use serde::{Deserialize, Serialize};

pub(crate) use query::Wanted;
pub use query::{TaskQuery, TaskSort};
pub use view::{AcceptanceView, LoopView, TaskView};

use crate::{
    catalogue,
    merge::merged,
    messages::artifacts_in,
    page::Order,
    projection::Projection,
    table::{self, Table},
};
use index::{Index, Keys};

/// All tasks, by identity and in every order that is asked for.
///
/// ```
/// use mc_domain::task::{Details, Event, Status, TaskType};
/// use mc_projections::{script::Script, tasks::TaskQuery};
///
/// let mut script = Script::new();
/// let project = uuid::Uuid::from_u128(1).into();
/// let details = Details::titled("Research competitor pricing", TaskType::CustomerResearch)?;
/// let creator = mc_domain::actor::Actor::Human(mc_domain::values::Name::new("Sofie")?);
/// script.task(1, |at| Event::Created { project, details, parent: None, creator, at });
///
/// let views = script.views();
/// let query = TaskQuery { search: Some("PRICING".into()), ..TaskQuery::default() };
/// let page = views.tasks.list(&query, script.now(), &views.agents)?;
/// assert_eq!(page.items[0].status, Status::Inbox);
/// assert_eq!(page.next, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tasks {
    rows: Table<Index>,
}

/// Orders the tasks of a status by the time at which they came to it, in microseconds since 1970.
type Arrival = (i64, TaskId);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: TaskId,
    pub(crate) project: ProjectId,
    pub(crate) details: Details,
    parent: Option<TaskId>,
    creator: Actor,
    pub(crate) status: Status,
    pub(crate) status_since: DateTime<Utc>,
    /// Why the task is in its status, when someone said so.
    status_reason: Option<Reason>,
    held_from: Option<Status>,
    pub(crate) assignees: BTreeSet<AgentId>,
    work_plan: Option<WorkPlan>,
    hold: Option<Hold>,
    approval: Option<Acceptance>,
    pub(crate) awaited_approvals: BTreeSet<ApprovalId>,
    found_loop: Option<FoundLoop>,
    open_runs: BTreeSet<RunId>,
    /// Its runs that others than their agent ended, and whose cost the agent may still tell.
    unbilled: BTreeSet<RunId>,
    /// What its own runs were charged.
    own_cost: Usd,
    /// What the runs of sub-agents were charged that work for it on other tasks or on none.
    sub_agents_cost: Usd,
    review_cycles: u32,
    message_count: u32,
    artifact_count: u32,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    archived_at: Option<DateTime<Utc>>,
    /// The actors that asked to be notified of the task.
    subscribers: BTreeSet<Actor>,
    /// The actors that wrote in its thread.
    commenters: BTreeSet<Actor>,
    pub(crate) version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Hold {
    holder: AgentId,
    lease: LeaseId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Acceptance {
    by: Actor,
    note: Option<Reason>,
    at: DateTime<Utc>,
}

/// The loop that blocked a task, until the task is unblocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct FoundLoop {
    kind: LoopKind,
    count: u32,
    limit: u32,
    within_secs: Option<u32>,
    at: DateTime<Utc>,
}

impl Tasks {
    /// The current title of a task; nothing for an unknown task.
    pub fn title(&self, id: TaskId) -> Option<&Title> {
        self.rows.get(id).map(|row| &row.details.title)
    }

    /// The current type of a task; nothing for an unknown task.
    pub fn kind(&self, id: TaskId) -> Option<TaskType> {
        self.rows.get(id).map(|row| row.details.kind)
    }

    /// The project that a task belongs to; nothing for an unknown task.
    pub fn project_of(&self, id: TaskId) -> Option<ProjectId> {
        self.rows.get(id).map(|row| row.project)
    }

    /// The actors that follow a task: its assignees, its creator, those who wrote in its thread, and those who asked
    /// to.
    pub fn followers(&self, id: TaskId) -> BTreeSet<Actor> {
        let Some(row) = self.rows.get(id) else { return BTreeSet::new() };
        let assignees = row.assignees.iter().copied().map(Actor::Agent);
        let others = row.commenters.iter().chain(&row.subscribers).chain([&row.creator]).cloned();
        assignees.chain(others).collect()
    }

    /// The agents that were named to review a task.
    pub fn reviewers(&self, id: TaskId) -> BTreeSet<AgentId> {
        self.rows.get(id).map(|row| row.details.reviewers.iter().copied().collect()).unwrap_or_default()
    }

    /// The tasks that were done or canceled before `then` and are not archived. It costs as much as it names.
    pub fn closed_before(&self, then: DateTime<Utc>) -> Vec<TaskId> {
        let closed = |status: &Status| matches!(status, Status::Done | Status::Canceled);
        let groups = self.rows.index().arrivals.all().filter(|((_, status, _), _)| closed(status));
        let old = groups.flat_map(|(_, arrivals)| {
            arrivals.iter().take_while(|(arrived, _)| *arrived < then.timestamp_micros())
        });
        old.map(|(_, id)| *id).collect()
    }

    /// How many tasks of the projects within a reach are in a status; archived tasks do not count.
    pub fn count(&self, reach: &Reach, status: Status) -> usize {
        self.arrivals(reach, status).map(|(_, arrivals)| arrivals.len()).sum()
    }

    /// The tasks of the projects within a reach that are in a status and not archived, in the order in which they
    /// came to it.
    pub(crate) fn in_status(
        &self,
        reach: &Reach,
        status: Status,
        order: Order,
    ) -> impl Iterator<Item = &Row> {
        let groups = self.arrivals(reach, status).map(|(_, arrivals)| arrivals);
        self.rows_of(merged(groups, order, None))
    }

    /// The same tasks, the most urgent first, and of those the longest waiting first.
    pub(crate) fn by_urgency(&self, reach: &Reach, status: Status) -> impl Iterator<Item = &Row> {
        let mut ranks: BTreeMap<Priority, Vec<&BTreeSet<Arrival>>> = BTreeMap::new();
        for (priority, arrivals) in self.arrivals(reach, status) {
            ranks.entry(priority).or_default().push(arrivals);
        }
        let arrivals = ranks.into_values().flat_map(|groups| merged(groups.into_iter(), Order::Asc, None));
        self.rows_of(arrivals)
    }

    /// The tasks that came to a status after `since` and not after `until`, the latest first.
    pub(crate) fn arrived(
        &self,
        reach: &Reach,
        status: Status,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = &Row> {
        let first_too_late = (until.timestamp_micros().saturating_add(1), TaskId::new(uuid::Uuid::nil()));
        let groups = self.arrivals(reach, status).map(|(_, arrivals)| arrivals);
        let arrivals = merged(groups, Order::Desc, Some(&first_too_late));
        self.rows_of(arrivals.take_while(move |(arrived, _)| *arrived > since.timestamp_micros()))
    }

    fn arrivals(
        &self,
        reach: &Reach,
        status: Status,
    ) -> impl Iterator<Item = (Priority, &BTreeSet<Arrival>)> {
        let first = |of| (of, Status::ALL[0], Priority::MOST_URGENT);
        let groups = self.rows.index().arrivals.within(reach, |(of, _, _)| *of, first);
        groups
            .filter(move |((_, of, _), _)| *of == status)
            .map(|((_, _, priority), arrivals)| (*priority, arrivals))
    }

    fn rows_of<'a>(
        &'a self,
        places: impl Iterator<Item = &'a (i64, TaskId)>,
    ) -> impl Iterator<Item = &'a Row> {
        places.filter_map(|(_, id)| self.rows.get(*id))
    }

    /// How many tasks that an agent created are not closed.
    pub fn open_of(&self, creator: AgentId) -> usize {
        self.rows.index().open.of(&creator).map_or(0, BTreeSet::len)
    }

    /// Changes a task, and moves it to where it stands then. `is_reworded` says that the change may touch what only
    /// edits and the archive touch.
    fn change(&mut self, id: TaskId, is_reworded: bool, change: impl FnOnce(&mut Row)) {
        let keys_of = |row: &Row| match is_reworded || row.archived_at.is_some() {
            true => <Index as table::Index>::keys,
            false => Keys::without_wording,
        };
        self.rows.change_with_keys(id, keys_of, change);
    }

    /// Adds to a task's cost what its budget is charged for a run that is not its own: such a run is a sub-agent's.
    fn charge(&mut self, budget: &str, fact: &budget::Event) {
        let Ok(budget::Key::Task(id)) = budget.parse() else { return };
        if let budget::Event::Settled { run, cost, .. } | budget::Event::Charged { run, cost, .. } = fact {
            self.change(id, false, |row| {
                if !row.open_runs.contains(run) && !row.unbilled.contains(run) {
                    row.sub_agents_cost = row.sub_agents_cost.plus(*cost);
                }
            });
        }
    }
}

impl Projection for Tasks {
    const NAME: &'static str = "tasks";
    const VERSION: u32 = 4;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let fact = match &event.event {
            AnyEvent::Task(fact) => fact,
            AnyEvent::Budget(fact) => return self.charge(&event.stream.aggregate_id, fact),
            AnyEvent::Project(_)
            | AnyEvent::Agent(_)
            | AnyEvent::Approval(_)
            | AnyEvent::Reservation(_)
            | AnyEvent::Alert(_)
            | AnyEvent::Run(_)
            | AnyEvent::Policy(_)
            | AnyEvent::Notification(_)
            | AnyEvent::Standup(_)
            | AnyEvent::Credential(_) => return,
        };
        let Ok(id) = event.stream.aggregate_id.parse::<TaskId>() else { return };
        if let Some(row) = Row::created(id, fact) {
            self.rows.insert(id, row);
        }
        let is_reworded =
            matches!(fact, Event::Edited { .. } | Event::Archived { .. } | Event::Restored { .. });
        self.change(id, is_reworded, |row| {
            row.apply(fact, event.metadata.recorded_at);
            row.version = event.version;
        });
    }
}

impl Row {
    /// The row of one task after one more event of its stream; for folds of a single stream.
    pub(crate) fn of_stream(row: Option<Box<Self>>, event: &Recorded<AnyEvent>) -> Option<Box<Self>> {
        let AnyEvent::Task(fact) = &event.event else { return row };
        let created = || Self::created(event.stream.aggregate_id.parse().ok()?, fact).map(Box::new);
        let mut row = created().or(row)?;
        row.apply(fact, event.metadata.recorded_at);
        row.version = event.version;
        Some(row)
    }

    fn created(id: TaskId, fact: &Event) -> Option<Self> {
        let Event::Created { project, details, parent, creator, at } = fact else { return None };
        Some(Self {
            id,
            project: *project,
            details: details.clone(),
            parent: *parent,
            creator: creator.clone(),
            status: Status::Inbox,
            status_since: *at,
            status_reason: None,
            held_from: None,
            assignees: BTreeSet::new(),
            work_plan: None,
            hold: None,
            approval: None,
            awaited_approvals: BTreeSet::new(),
            found_loop: None,
            open_runs: BTreeSet::new(),
            unbilled: BTreeSet::new(),
            own_cost: Usd::ZERO,
            sub_agents_cost: Usd::ZERO,
            review_cycles: 0,
            message_count: 0,
            artifact_count: 0,
            created_at: *at,
            started_at: None,
            updated_at: *at,
            archived_at: None,
            subscribers: BTreeSet::new(),
            commenters: BTreeSet::new(),
            version: 0,
        })
    }

    pub(crate) fn blocked_reason(&self) -> Option<&Reason> {
        self.status_reason.as_ref().filter(|_| self.status == Status::Blocked)
    }

    fn apply(&mut self, fact: &Event, at: DateTime<Utc>) {
        self.updated_at = at;
        self.message_count = self.message_count.saturating_add(catalogue::task(fact).is_in_thread.into());
        self.artifact_count = self.artifact_count.saturating_add(artifacts_in(fact));
        if let Some(status) = fact.moves_to() {
            self.leave_status();
            self.status = status;
            self.status_since = at;
        }
        self.take_in(fact);
    }

    /// Drops what belongs to the status that the task leaves: the hold, the reason, the approval. A loop is found
    /// just before it blocks, and an approval is awaited just before the task waits, so these two go with their own
    /// statuses only.
    fn leave_status(&mut self) {
        match self.status {
            Status::Blocked => self.found_loop = None,
            Status::NeedsApproval => self.awaited_approvals.clear(),
            Status::Inbox
            | Status::Assigned
            | Status::InProgress
            | Status::Review
            | Status::Failed
            | Status::Done
            | Status::Canceled => {}
        }
        self.archived_at = None;
        self.status_reason = None;
        self.held_from = None;
        self.hold = None;
        self.approval = None;
    }

    fn take_in(&mut self, fact: &Event) {
        match fact {
            Event::Created { .. } | Event::Submitted { .. } => {}
            Event::MessagePosted { author, .. } => drop(self.commenters.insert(author.clone())),
            Event::Archived { at } => self.archived_at = Some(*at),
            Event::Subscribed { by, .. } => drop(self.subscribers.insert(by.clone())),
            Event::Unsubscribed { by, .. } => drop(self.subscribers.remove(by)),
            Event::Restored { .. } => self.archived_at = None,
            Event::Edited { details } => self.details = details.clone(),
            Event::Claimed { agent, .. } => self.assignees = BTreeSet::from([*agent]),
            Event::Assigned { assignees, reason, .. } => {
                self.assignees = assignees.clone();
                self.status_reason = reason.clone();
            }
            Event::AssigneesChanged { assignees, .. } => self.assignees = assignees.clone(),
            Event::ReturnedToInbox { reason, .. } => {
                self.assignees.clear();
                self.status_reason = reason.clone();
            }
            Event::Started { holder, lease, plan, reason, at, .. } => {
                self.hold = Some(Hold { holder: *holder, lease: *lease });
                self.work_plan = plan.clone().or(self.work_plan.take());
                self.status_reason = reason.clone();
                self.started_at.get_or_insert(*at);
            }
            Event::SentBack { feedback, review_cycle, holder, lease, .. } => {
                self.hold = Some(Hold { holder: *holder, lease: *lease });
                self.review_cycles = *review_cycle;
                self.status_reason = Some(feedback.clone());
            }
            Event::ReturnedToReview { reason, .. }
            | Event::Failed { reason, .. }
            | Event::Canceled { reason, .. } => self.status_reason = reason.clone(),
            Event::HeldForApproval { from, reason, .. } => {
                self.held_from = Some(*from);
                self.status_reason = reason.clone();
            }
            Event::ApprovalAwaited { approval, .. } => {
                self.awaited_approvals.insert(*approval);
            }
            Event::ApprovalSettled { approval, .. } => {
                self.awaited_approvals.remove(approval);
            }
            Event::LoopDetected { kind, count, limit, within_secs, at, .. } => {
                let (kind, count, limit, within_secs, at) = (*kind, *count, *limit, *within_secs, *at);
                self.found_loop = Some(FoundLoop { kind, count, limit, within_secs, at });
            }
            Event::RunBegan { run, .. } => {
                self.open_runs.insert(*run);
            }
            Event::RunEnded { run, outcome, charged, cost_after, .. } => {
                self.open_runs.remove(run);
                self.own_cost = *cost_after;
                if !outcome.is_charged() && *charged == Usd::ZERO {
                    self.unbilled.insert(*run);
                }
            }
            Event::RunBilled { run, cost_after, .. } => {
                self.unbilled.remove(run);
                self.own_cost = *cost_after;
            }
            Event::Blocked { reason, .. } => self.status_reason = Some(reason.clone()),
            Event::Completed { approved_by, note, at, .. } => {
                self.approval = Some(Acceptance { by: approved_by.clone(), note: note.clone(), at: *at });
            }
        }
    }
}
