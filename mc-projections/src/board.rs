//! What is on the Kanban board of a project, column by column?
//!
//! The board is a question to the tasks and the agents, not a fold of its own.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

use chrono::{DateTime, Utc};
use mc_domain::{
    ids::{AgentId, ProjectId, TaskId},
    task::{Priority, Status, TaskType},
    values::{Label, Reason, Title},
};
use serde::Serialize;

use crate::{
    agents::Agents,
    dollars::Dollars,
    instant::Millis,
    tasks::{Row, Tasks},
    views::Views,
};

/// How many cards a column shows when nobody says otherwise; its count says how many there are.
pub const DEFAULT_CARDS_PER_COLUMN: usize = 200;

/// The columns, in order; the last two on demand.
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

/// Which board is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoardQuery {
    /// Of this project, or of all.
    pub project: Option<ProjectId>,
    /// Whether failed and canceled tasks are shown too.
    pub all_columns: bool,
    /// The most cards of one column.
    pub cards_per_column: usize,
}

impl Default for BoardQuery {
    fn default() -> Self {
        Self { project: None, all_columns: false, cards_per_column: DEFAULT_CARDS_PER_COLUMN }
    }
}

/// A board, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoardView<'a> {
    /// The project it is of.
    pub project_id: Option<ProjectId>,
    /// The columns, in order.
    pub columns: Vec<ColumnView<'a>>,
    /// How many tasks there are in each status.
    pub counts: BTreeMap<Status, usize>,
}

/// A column of a board.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnView<'a> {
    /// The status its tasks are in.
    pub status: Status,
    /// What it is called.
    pub title: &'static str,
    /// How many tasks are in it.
    pub count: usize,
    /// The first of them: most urgent and longest waiting first, or last arrived first where nothing waits.
    pub cards: Vec<CardView<'a>>,
}

/// A task on a board.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardView<'a> {
    /// The task.
    pub id: TaskId,
    /// Its title.
    pub title: &'a Title,
    /// What kind of work it is.
    #[serde(rename = "type")]
    pub kind: TaskType,
    /// How urgent it is: 1 critical to 4 low.
    pub priority: Priority,
    /// Everyone it is assigned to.
    pub assignees: Vec<AssigneeView<'a>>,
    /// What it has cost.
    pub cost: Dollars,
    /// What it may cost.
    pub budget: Dollars,
    /// Since when it is in this column.
    pub in_column_since: Millis,
    /// For how many seconds it has been in this column.
    pub age_secs: i64,
    /// Why work on it cannot go on, when it is blocked.
    pub blocked_reason: Option<&'a Reason>,
    /// When it is due.
    pub due_at: Option<Millis>,
    /// The version of its stream.
    pub version: u64,
}

/// An agent on a card.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AssigneeView<'a> {
    /// The agent.
    pub id: AgentId,
    /// Its name.
    pub name: Cow<'a, str>,
    /// A picture for it.
    pub emoji: Option<&'a Label>,
}

/// The board asked for, at `now`.
///
/// ```
/// use mc_domain::task::{Details, Event, TaskType};
/// use mc_projections::{board::{BoardQuery, board}, script::Script};
///
/// let mut script = Script::new();
/// let project = uuid::Uuid::from_u128(1).into();
/// let details = Details::titled("Research competitor pricing", TaskType::CustomerResearch)?;
/// let creator = mc_domain::actor::Actor::Human(mc_domain::values::Name::new("Sofie")?);
/// script.task(1, |at| Event::Created { project, details, parent: None, creator, at });
///
/// let views = script.views();
/// let board = board(&views, &BoardQuery { project: Some(project), ..BoardQuery::default() }, script.now());
/// assert_eq!(board.columns.len(), 7);
/// assert_eq!(board.columns[0].cards[0].age_secs, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn board<'a>(views: &'a Views, query: &BoardQuery, now: DateTime<Utc>) -> BoardView<'a> {
    let (tasks, agents) = (&views.tasks, &views.agents);
    let shown = if query.all_columns { COLUMNS.len() } else { COLUMNS.len() - ON_DEMAND };
    let column = |(status, title): &(Status, &'static str)| ColumnView {
        status: *status,
        title,
        count: tasks.count(query.project, *status),
        cards: cards(tasks, query, *status).into_iter().map(|row| row.card(agents, now)).collect(),
    };
    let counts = Status::ALL.iter().map(|status| (*status, tasks.count(query.project, *status)));
    BoardView {
        project_id: query.project,
        columns: COLUMNS[..shown].iter().map(column).collect(),
        counts: counts.collect(),
    }
}

fn cards<'a>(tasks: &'a Tasks, query: &BoardQuery, status: Status) -> Vec<&'a Row> {
    let mut rows: Vec<_> = tasks.in_status(query.project, status).collect();
    match status {
        Status::Done | Status::Failed | Status::Canceled => {
            rows.sort_unstable_by_key(|row| Reverse((row.status_since, row.id)));
        }
        Status::Inbox
        | Status::Assigned
        | Status::InProgress
        | Status::Review
        | Status::NeedsApproval
        | Status::Blocked => {
            rows.sort_unstable_by_key(|row| (row.details.priority, row.status_since, row.id));
        }
    }
    rows.truncate(query.cards_per_column);
    rows
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
            due_at: self.details.due_at.map(Millis),
            version: self.version,
        }
    }
}
