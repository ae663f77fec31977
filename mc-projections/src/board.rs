//! What is on the Kanban board of a project, column by column?
//!
//! The board is a question to the tasks and the agents, not a fold of its own.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::ActorKind,
    ids::{AgentId, ApprovalId, ProjectId, TaskId},
    reach::Reach,
    task::{Priority, Status, TaskType, allowed_transitions},
    values::{Label, Reason, Title},
};
use serde::Serialize;

use crate::{
    agents::Agents,
    dollars::Dollars,
    instant::Millis,
    page::Order,
    tasks::{Row, TaskQuery, Tasks, Wanted},
    views::Views,
};

/// How many cards a column shows unless the query says otherwise; the column's count covers the others.
pub const DEFAULT_CARDS_PER_COLUMN: usize = 200;

/// The columns from left to right; the last [`ON_DEMAND`] are shown on demand.
const COLUMNS: [(Status, &str); 9] = [
    (Status::Inbox, "Inbox"),
    (Status::Assigned, "Assigned"),
    (Status::InProgress, "In progress"),
    (Status::Review, "Review"),
    (Status::NeedsApproval, "Needs approval"),
    (Status::Blocked, "Blocked"),
    (Status::Done, "Done"),
    (Status::Failed, "Failed"),
    (Status::Canceled, "Canceled"),
];
const ON_DEMAND: usize = 2;

/// Which board is asked for, and how much of it. An empty or absent filter lets every task through; all filters must
/// hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardQuery {
    /// Only tasks of the projects within this reach.
    pub reach: Reach,
    /// Only tasks of one of these types.
    pub kind: Vec<TaskType>,
    /// Only tasks that are assigned to one of these agents.
    pub assignee: Vec<AgentId>,
    /// Only tasks of one of these priorities.
    pub priority: Vec<Priority>,
    /// Only tasks with one of these labels.
    pub label: Vec<Label>,
    /// Only blocked tasks when true, only the others when false.
    pub blocked: Option<bool>,
    /// Only tasks with this text in title or description, as [`TaskQuery::search`] finds it.
    pub search: Option<String>,
    /// Whether the columns of failed and canceled tasks are shown too.
    pub all_columns: bool,
    /// The most cards that a column shows.
    pub cards_per_column: usize,
}

impl Default for BoardQuery {
    fn default() -> Self {
        Self {
            reach: Reach::All,
            kind: Vec::new(),
            assignee: Vec::new(),
            priority: Vec::new(),
            label: Vec::new(),
            blocked: None,
            search: None,
            all_columns: false,
            cards_per_column: DEFAULT_CARDS_PER_COLUMN,
        }
    }
}

impl BoardQuery {
    /// Whether some filter may keep tasks off the board.
    fn filters(&self) -> bool {
        let Self { kind, assignee, priority, label, search, .. } = self;
        !kind.is_empty()
            || !assignee.is_empty()
            || !priority.is_empty()
            || !label.is_empty()
            || search.is_some()
    }

    /// Whether tasks of this status are on the board.
    fn wants(&self, status: Status) -> bool {
        self.blocked.is_none_or(|blocked| blocked == (status == Status::Blocked))
    }

    /// The same filters as a list of tasks has them.
    fn tasks(&self) -> TaskQuery {
        let Self { reach, kind, assignee, priority, label, search, .. } = self.clone();
        TaskQuery { reach, kind, assignee, priority, label, search, ..TaskQuery::default() }
    }
}

/// A board, as REST answers it. Archived tasks are not on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoardView<'a> {
    /// The project that the board is of; absent for the board of several or all.
    pub project_id: Option<ProjectId>,
    /// The columns from left to right.
    pub columns: Vec<ColumnView<'a>>,
    /// How many tasks that the filters let through are in each status, the columns that are not shown included. With
    /// filters, at most [`crate::page::MAX_LOOKED_AT`] tasks of a status are looked at, and at most 2,000 with a search.
    pub counts: BTreeMap<Status, usize>,
}

/// A column of a board: the tasks of one status.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnView<'a> {
    /// The status of all tasks in the column.
    pub status: Status,
    /// The heading of the column, in English.
    pub title: &'static str,
    /// How many tasks that the filters let through are in the column, those without a card included.
    pub count: usize,
    /// The first tasks of the column: the most urgent and then the longest waiting; in columns where nothing waits,
    /// the last arrived.
    pub cards: Vec<CardView<'a>>,
}

/// The part of a task that a board shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardView<'a> {
    /// The identity by which the task itself can be asked for.
    pub id: TaskId,
    /// The title of the task, as it was last edited.
    pub title: &'a Title,
    /// The type of the task, which decides which agents may take it.
    #[serde(rename = "type")]
    pub kind: TaskType,
    /// The urgency of the task, from 1 critical to 4 low.
    pub priority: Priority,
    /// The agents that the task is assigned to.
    pub assignees: Vec<AssigneeView<'a>>,
    /// What the task has cost so far, sub-agents included.
    pub cost: Dollars,
    /// What the task may cost, sub-agents included.
    pub budget: Dollars,
    /// When the task came to this column.
    pub in_column_since: Millis,
    /// For how many whole seconds it has been in this column, at least 0.
    pub age_secs: i64,
    /// Why work on it cannot go on; absent unless it is blocked.
    pub blocked_reason: Option<&'a Reason>,
    /// The approvals that the task waits for.
    pub awaited_approval_ids: &'a BTreeSet<ApprovalId>,
    /// The statuses that an operator may move it to, in the order of the board.
    pub allowed_transitions: Vec<Status>,
    /// When the task is due; absent when it never is.
    pub due_at: Option<Millis>,
    /// The version of its stream, which moves must name.
    pub version: u64,
}

/// An agent that a card's task is assigned to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AssigneeView<'a> {
    /// The identity of the agent, which stays when it is renamed.
    pub id: AgentId,
    /// The agent's current name, or its identity when it is unknown.
    pub name: Cow<'a, str>,
    /// An emoji that stands for it.
    pub emoji: Option<&'a Label>,
}

/// The board asked for, at `now`.
///
/// ```
/// use mc_domain::{reach::Reach, task::{Details, Event, TaskType}};
/// use mc_projections::{board::{BoardQuery, board}, script::Script};
///
/// let mut script = Script::new();
/// let project = uuid::Uuid::from_u128(1).into();
/// let details = Details::titled("Research competitor pricing", TaskType::CustomerResearch)?;
/// let creator = mc_domain::actor::Actor::Human(mc_domain::values::Name::new("Sofie")?);
/// script.task(1, |at| Event::Created { project, details, parent: None, creator, at });
///
/// let views = script.views();
/// let board = board(&views, &BoardQuery { reach: Reach::of(project), ..BoardQuery::default() }, script.now());
/// assert_eq!(board.columns.len(), 7);
/// assert_eq!(board.columns[0].cards[0].age_secs, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn board<'a>(views: &'a Views, query: &BoardQuery, now: DateTime<Utc>) -> BoardView<'a> {
    let agents = &views.agents;
    let task_query = query.tasks();
    let wanted = query.filters().then(|| views.tasks.wanted(&task_query, now));
    let shown = if query.all_columns { COLUMNS.len() } else { COLUMNS.len() - ON_DEMAND };
    let mut counts = BTreeMap::new();
    let mut columns = Vec::with_capacity(shown);
    for (index, (status, title)) in COLUMNS.into_iter().enumerate() {
        let (rows, count) = column(&views.tasks, query, wanted.as_ref(), status);
        counts.insert(status, count);
        if index < shown {
            let cards = rows.into_iter().map(|row| row.card(agents, now)).collect();
            columns.push(ColumnView { status, title, count, cards });
        }
    }
    BoardView { project_id: query.reach.only(), columns, counts }
}

/// The first tasks of a column, and how many it has.
fn column<'a>(
    tasks: &'a Tasks,
    query: &BoardQuery,
    wanted: Option<&Wanted<'a, '_>>,
    status: Status,
) -> (Vec<&'a Row>, usize) {
    let most = query.cards_per_column;
    if !query.wants(status) {
        return (Vec::new(), 0);
    }
    let Some(wanted) = wanted else {
        let rows = in_order(tasks, &query.reach, status).take(most).collect();
        return (rows, tasks.count(&query.reach, status));
    };
    let (mut rows, mut count) = (Vec::new(), 0);
    for row in in_order(tasks, &query.reach, status).take(wanted.max_looked_at()) {
        if wanted.includes(row) {
            count += 1;
            if rows.len() < most {
                rows.push(row);
            }
        }
    }
    (rows, count)
}

/// The tasks of a column in the order of its cards.
fn in_order<'r, 'a: 'r>(
    tasks: &'a Tasks,
    reach: &'r Reach,
    status: Status,
) -> Box<dyn Iterator<Item = &'a Row> + 'r> {
    match status {
        Status::Done | Status::Failed | Status::Canceled => {
            Box::new(tasks.in_status(reach, status, Order::Desc))
        }
        Status::Inbox
        | Status::Assigned
        | Status::InProgress
        | Status::Review
        | Status::NeedsApproval
        | Status::Blocked => Box::new(tasks.by_urgency(reach, status)),
    }
}

impl Row {
    fn card<'a>(&'a self, agents: &'a Agents, now: DateTime<Utc>) -> CardView<'a> {
        let assignee =
            |id: &AgentId| AssigneeView { id: *id, name: agents.name_or_id(*id), emoji: agents.emoji(*id) };
        CardView {
            id: self.id,
            title: &self.details.title,
            kind: self.details.kind,
            priority: self.details.priority,
            assignees: self.assignees.iter().map(assignee).collect(),
            cost: self.cost(),
            budget: Dollars(self.details.budget),
            in_column_since: Millis(self.status_since),
            age_secs: now.signed_duration_since(self.status_since).num_seconds().max(0),
            blocked_reason: self.blocked_reason(),
            awaited_approval_ids: &self.awaited_approvals,
            allowed_transitions: allowed_transitions(self.status, ActorKind::Human),
            due_at: self.details.due_at.map(Millis),
            version: self.version,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use mc_domain::{
        actor::Actor,
        agent::{self, Role},
        task::{Details, Event},
        values::Name,
    };

    use super::*;
    use crate::script::Script;

    fn project() -> ProjectId {
        ProjectId::new(uuid::Uuid::from_u128(1))
    }

    fn create(script: &mut Script, number: u128, priority: u32) -> TaskId {
        let priority = Priority::try_from(priority).unwrap();
        let details = Details { priority, ..Details::titled("Guide", TaskType::Docs).unwrap() };
        let creator = Actor::Human(Name::new("Sofie").unwrap());
        script.task(number, |at| Event::Created { project: project(), details, parent: None, creator, at })
    }

    fn block(script: &mut Script, number: u128) {
        let reason = Reason::new("no brief").unwrap();
        script.task(number, |at| Event::Blocked { from: Status::Inbox, reason, at });
    }

    fn ids(column: &ColumnView<'_>) -> Vec<TaskId> {
        column.cards.iter().map(|card| card.id).collect()
    }

    #[test]
    fn open_columns_start_with_what_is_urgent_and_closed_ones_with_what_came_last() {
        let mut script = Script::new();
        let tasks: Vec<_> =
            [3, 1, 3, 3].into_iter().zip(1..).map(|(p, n)| create(&mut script, n, p)).collect();
        for number in [3, 4] {
            script.task(number, |at| Event::Canceled { from: Status::Inbox, reason: None, at });
        }
        let views = script.views();
        let query = BoardQuery { reach: Reach::of(project()), all_columns: true, ..BoardQuery::default() };
        let shown = board(&views, &query, script.now());
        assert_eq!(ids(&shown.columns[0]), [tasks[1], tasks[0]]);
        assert_eq!(ids(&shown.columns[8]), [tasks[3], tasks[2]]);
        let one = board(&views, &BoardQuery { cards_per_column: 1, ..query }, script.now());
        assert_eq!((one.columns[0].cards.len(), one.columns[0].count), (1, 2));
    }

    #[test]
    fn a_card_says_who_has_it_how_long_and_why_it_is_stuck() {
        let mut script = Script::new();
        let profile = agent::Profile::new(Name::new("Scout").unwrap(), Role::Intern);
        let scout = script.agent(1, |at| agent::Event::Registered {
            project: project(),
            profile,
            parent: None,
            purpose: None,
            at,
        });
        create(&mut script, 1, 3);
        script.task(1, |at| Event::Claimed { agent: scout, at });
        let blocked_at = script.now();
        block(&mut script, 1);
        let views = script.views();
        let shown = board(&views, &BoardQuery::default(), blocked_at + TimeDelta::minutes(2));
        let card = &shown.columns[5].cards[0];
        assert_eq!((card.assignees[0].name.as_ref(), card.age_secs), ("Scout", 120));
        assert_eq!(card.blocked_reason.map(Reason::as_str), Some("no brief"));
        assert_eq!(card.allowed_transitions, allowed_transitions(Status::Blocked, ActorKind::Human));
        assert_eq!(shown.counts[&Status::Blocked], 1);
    }

    #[test]
    fn filters_leave_cards_and_counts_of_what_they_let_through() {
        let mut script = Script::new();
        let urgent = create(&mut script, 1, 1);
        create(&mut script, 2, 3);
        create(&mut script, 3, 3);
        block(&mut script, 3);
        let views = script.views();
        let asked = |query: BoardQuery| board(&views, &query, script.now());
        let of_one = asked(BoardQuery { priority: vec![Priority::MOST_URGENT], ..BoardQuery::default() });
        assert_eq!((ids(&of_one.columns[0]), of_one.counts[&Status::Inbox]), (vec![urgent], 1));
        assert_eq!(of_one.counts[&Status::Blocked], 0);
        let blocked = asked(BoardQuery { blocked: Some(true), ..BoardQuery::default() });
        assert_eq!((blocked.columns[0].count, blocked.columns[5].count), (0, 1));
        let found = asked(BoardQuery { search: Some("guide".to_owned()), ..BoardQuery::default() });
        assert_eq!((found.columns[0].count, found.columns[5].count), (2, 1));
        let nothing = asked(BoardQuery { search: Some("song".to_owned()), ..BoardQuery::default() });
        assert!(nothing.counts.values().all(|count| *count == 0));
    }

    #[test]
    fn tasks_of_other_projects_are_not_on_the_board() {
        let mut script = Script::new();
        create(&mut script, 1, 3);
        let views = script.views();
        let other = BoardQuery { reach: Reach::of(uuid::Uuid::from_u128(2).into()), ..BoardQuery::default() };
        let shown = board(&views, &other, script.now());
        assert!(shown.columns.iter().all(|column| column.count == 0));
    }
}
