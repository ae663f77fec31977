//! What a task is made of.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ids::AgentId,
    money::Usd,
    task_type::TaskType,
    values::{InvalidText, Label, Location, Reason, Text, Title, string_enum},
};

string_enum! {
    /// The status of a task; `transitions.rs` has the moves between them.
    Status {
        /// The task is assigned to nobody.
        Inbox = "inbox",
        /// Someone has it and has not begun.
        Assigned = "assigned",
        /// An agent works on it, under a lease.
        InProgress = "in_progress",
        /// The work is handed in and being judged.
        Review = "review",
        /// It waits for a decision of the operator.
        NeedsApproval = "needs_approval",
        /// Work on it cannot go on; a reason says why.
        Blocked = "blocked",
        /// The work failed; an operator may give the task to somebody again.
        Failed = "failed",
        /// An operator accepted the result, and may still take that back.
        Done = "done",
        /// An operator called it off. Final.
        Canceled = "canceled",
    }
}

impl Status {
    /// Whether nothing more is expected of it: `done` or `canceled`.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::Canceled)
    }
}

string_enum! {
    /// What a message in a task's thread is.
    MessageKind {
        /// A remark of anybody.
        Comment = "comment",
        /// A plan of what will be done.
        WorkPlan = "work_plan",
        /// An account of how far the work is.
        Progress = "progress",
        /// Something that was made, attached as an artifact.
        Artifact = "artifact",
        /// A judgement on work that was handed in.
        Review = "review",
        /// Said by the control plane itself.
        System = "system",
    }
}

string_enum! {
    /// The purpose of an artifact; deliverables and checklists count when work is handed in.
    ArtifactKind {
        /// The result of the work, needed to hand it in.
        Deliverable = "deliverable",
        /// What shows that it is right.
        Evidence = "evidence",
        /// A list of what was checked.
        Checklist = "checklist",
        /// An account of what happened, such as a Loop Summary.
        Report = "report",
    }
}

/// The value has too few or too many parts, or lacks one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidShape {
    /// Outside the allowed number of entries.
    #[error("must have {min} to {max} {what}, had {actual}")]
    Count {
        /// What is counted, in the words of the message.
        what: &'static str,
        /// The fewest entries allowed.
        min: usize,
        /// The most entries allowed.
        max: usize,
        /// How many entries were given.
        actual: usize,
    },
    /// Outside the allowed range of numbers.
    #[error("must be between {min} and {max}")]
    Range {
        /// The smallest value allowed.
        min: u32,
        /// The largest value allowed.
        max: u32,
    },
}

fn counted<T>(what: &'static str, min: usize, max: usize, list: Vec<T>) -> Result<Vec<T>, InvalidShape> {
    let actual = list.len();
    if (min..=max).contains(&actual) { Ok(list) } else { Err(InvalidShape::Count { what, min, max, actual }) }
}

/// How urgent a task is: 1 critical, 2 high, 3 normal, 4 low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Priority(u8);

impl Priority {
    /// The most urgent priority: 1, critical.
    pub const MOST_URGENT: Self = Self(1);
    /// The priority of tasks that name none: 3.
    pub const NORMAL: Self = Self(3);
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl TryFrom<u32> for Priority {
    type Error = InvalidShape;

    fn try_from(number: u32) -> Result<Self, InvalidShape> {
        match u8::try_from(number) {
            Ok(number @ 1..=4) => Ok(Self(number)),
            _ => Err(InvalidShape::Range { min: 1, max: 4 }),
        }
    }
}

impl std::str::FromStr for Priority {
    type Err = InvalidShape;

    fn from_str(text: &str) -> Result<Self, InvalidShape> {
        text.parse::<u32>().unwrap_or_default().try_into()
    }
}

impl From<Priority> for u32 {
    fn from(priority: Priority) -> u32 {
        priority.0.into()
    }
}

/// What will be done: 3 to 6 bullets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Reason>", into = "Vec<Reason>")]
pub struct WorkPlan(Vec<Reason>);

impl WorkPlan {
    /// The bullets of the plan, 3 to 6 of them, in order.
    pub fn bullets(&self) -> &[Reason] {
        &self.0
    }
}

impl TryFrom<Vec<Reason>> for WorkPlan {
    type Error = InvalidShape;

    fn try_from(bullets: Vec<Reason>) -> Result<Self, InvalidShape> {
        counted("bullets", 3, 6, bullets).map(Self)
    }
}

impl From<WorkPlan> for Vec<Reason> {
    fn from(plan: WorkPlan) -> Self {
        plan.0
    }
}

/// One thing that was checked before handing in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChecklistItem {
    /// What the author was to check.
    #[serde(alias = "item", alias = "text")]
    pub label: Reason,
    /// Whether the author found that it holds.
    #[serde(default, alias = "done")]
    pub checked: bool,
    /// What a reviewer is to know about the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Reason>,
}

/// A self-review: 1 to 50 items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<ChecklistItem>", into = "Vec<ChecklistItem>")]
pub struct Checklist(Vec<ChecklistItem>);

impl Checklist {
    /// The items in order, at least one.
    pub fn items(&self) -> &[ChecklistItem] {
        &self.0
    }
}

impl TryFrom<Vec<ChecklistItem>> for Checklist {
    type Error = InvalidShape;

    fn try_from(items: Vec<ChecklistItem>) -> Result<Self, InvalidShape> {
        counted("items", 1, 50, items).map(Self)
    }
}

impl From<Checklist> for Vec<ChecklistItem> {
    fn from(list: Checklist) -> Self {
        list.0
    }
}

/// Where an artifact is: in the log itself, or elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ArtifactBody {
    /// The text of the artifact itself.
    Content(Text),
    /// A web address or path where the artifact is found.
    Url(Location),
}

/// Something made or shown in the course of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// The name shown for the artifact.
    pub name: Label,
    /// The purpose of the artifact.
    pub kind: ArtifactKind,
    /// What it says, or where it is.
    #[serde(flatten)]
    pub body: ArtifactBody,
}

/// What a task is about: everything that an edit may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The title, one line.
    pub title: Title,
    /// What is to be done, in as many words as that takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// What kind of work it is.
    #[serde(rename = "type")]
    pub kind: TaskType,
    /// The priority, 1 to 4, the most urgent first.
    pub priority: Priority,
    /// Labels to find the task by, each once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<Label>,
    /// Agents that may send it back from review; nobody named means any agent of the project that is not assigned.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reviewers: BTreeSet<AgentId>,
    /// What it is expected to cost.
    #[serde(default, rename = "estimatedCostMicroUsd", skip_serializing_if = "Option::is_none")]
    pub estimated_cost: Option<Usd>,
    /// What all its runs together may cost; by default what the policy has for the type.
    #[serde(rename = "budgetMicroUsd")]
    pub budget: Usd,
    /// When it is due, UTC. It is shown and sorted by; no rule reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
}

impl Details {
    /// A task of `kind` with the given title and everything else as it is by default.
    pub fn new(title: Title, kind: TaskType) -> Self {
        Self {
            title,
            description: None,
            kind,
            priority: Priority::NORMAL,
            labels: BTreeSet::new(),
            reviewers: BTreeSet::new(),
            estimated_cost: None,
            budget: kind.default_budget(),
            due_at: None,
        }
    }

    /// The same by text, for examples and tests.
    ///
    /// # Errors
    /// [`InvalidText`] when the title is not one.
    pub fn titled(title: &str, kind: TaskType) -> Result<Self, InvalidText> {
        Title::new(title).map(|title| Self::new(title, kind))
    }
}
