//! What a run is made of.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    aggregate::CommandContext,
    budget,
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, TaskId},
    money::Usd,
    risk,
    values::{Label, Preview, Reason, string_enum},
};

/// The most uses of tools that one run records.
pub const MAX_TOOL_CALLS: u32 = 10_000;

/// What an agent and a task know of a run that is under way: whose it is, and where money is set aside for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenRun {
    /// The agent that runs.
    pub agent: AgentId,
    /// The task that the run is for; none for a run of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The task that its agent was created for, as a sub-agent of another: the run counts to that too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_task: Option<TaskId>,
    /// The UTC day that the run began on, whose budgets it counts to.
    pub day: NaiveDate,
    /// Whether it is charged on the project's day too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_project: bool,
}

impl OpenRun {
    /// The budgets that money is set aside on for it, when it belongs to `project`.
    pub fn budgets(&self, project: ProjectId) -> Vec<budget::Key> {
        let agent = budget::Key::AgentDay(self.agent, self.day);
        let tasks = self.task.into_iter().chain(self.parent_task.filter(|parent| self.task != Some(*parent)));
        let project = self.on_project.then_some(budget::Key::ProjectDay(project, self.day));
        [agent].into_iter().chain(tasks.map(budget::Key::Task)).chain(project).collect()
    }
}

string_enum! {
    /// The status of a run.
    Status {
        /// The run is under way.
        Running = "running",
        /// The run came to its end as it should.
        Completed = "completed",
        /// The run failed, by its agent's own account.
        Failed = "failed",
        /// It did not end in time.
        TimedOut = "timeout",
        /// An operator or a rule broke the run off.
        Aborted = "aborted",
    }
}

string_enum! {
    /// How a run ended, which decides what it is charged.
    Outcome {
        /// The run came to its end as it should.
        Completed = "completed",
        /// The run failed, by its agent's own account.
        Failed = "failed",
        /// It did not end in time.
        TimedOut = "timeout",
        /// An operator or a rule broke the run off.
        Aborted = "aborted",
    }
}

impl Outcome {
    /// The status it gives a run.
    pub const fn status(self) -> Status {
        match self {
            Self::Completed => Status::Completed,
            Self::Failed => Status::Failed,
            Self::TimedOut => Status::TimedOut,
            Self::Aborted => Status::Aborted,
        }
    }

    /// Whether what the run cost is charged; otherwise what was set aside for it is given back.
    pub const fn is_charged(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

string_enum! {
    /// What came of a tool call.
    ToolStatus {
        /// The tool did what it was asked to.
        Success = "success",
        /// The tool failed; its error is counted.
        Failed = "failed",
        /// The tool was denied, and did nothing.
        Denied = "denied",
    }
}

string_enum! {
    /// How dangerous a tool call is.
    ToolRisk {
        /// The call is internal and reversible.
        Green = "green",
        /// The call is guarded.
        Yellow = "yellow",
        /// External, irreversible, secret or in production.
        Red = "red",
    }
}

impl From<risk::Risk> for ToolRisk {
    fn from(risk: risk::Risk) -> Self {
        match risk {
            risk::Risk::Green => Self::Green,
            risk::Risk::Yellow => Self::Yellow,
            risk::Risk::Red => Self::Red,
        }
    }
}

/// The number is not one of tokens that a run can have used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a number of tokens is a whole number from 0 to {max}", max = Tokens::MAX)]
pub struct InvalidTokens;

/// A number of tokens: 0 to ten billion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Tokens(u64);

impl Tokens {
    /// The most that one run can have used.
    pub const MAX: u64 = 10_000_000_000;

    /// The number of tokens.
    pub const fn count(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Tokens {
    type Error = InvalidTokens;

    fn try_from(count: u64) -> Result<Self, InvalidTokens> {
        if count <= Self::MAX { Ok(Self(count)) } else { Err(InvalidTokens) }
    }
}

impl From<Tokens> for u64 {
    fn from(tokens: Tokens) -> u64 {
        tokens.0
    }
}

/// The tokens a run has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Tokens that the model read anew.
    #[serde(default)]
    pub input_tokens: Tokens,
    /// Tokens that the model wrote.
    #[serde(default)]
    pub output_tokens: Tokens,
    /// Tokens that the model read from its cache.
    #[serde(default)]
    pub cache_read_tokens: Tokens,
    /// Tokens that were written to the model's cache.
    #[serde(default)]
    pub cache_write_tokens: Tokens,
}

impl Usage {
    /// Both together, kind by kind; at most [`Tokens::MAX`] of each.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, |one, other| Tokens(one.0.saturating_add(other.0).min(Tokens::MAX)))
    }

    /// What of it is more than `told`, kind by kind.
    #[must_use]
    pub fn beyond(&self, told: &Self) -> Self {
        self.with(told, |all, told| Tokens(all.0.saturating_sub(told.0)))
    }

    fn with(&self, other: &Self, put: impl Fn(Tokens, Tokens) -> Tokens) -> Self {
        Self {
            input_tokens: put(self.input_tokens, other.input_tokens),
            output_tokens: put(self.output_tokens, other.output_tokens),
            cache_read_tokens: put(self.cache_read_tokens, other.cache_read_tokens),
            cache_write_tokens: put(self.cache_write_tokens, other.cache_write_tokens),
        }
    }
}

/// What a run is to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The project that the run belongs to.
    pub project: ProjectId,
    /// The agent that runs.
    pub agent: AgentId,
    /// The task that the run is for; none for a run of its own.
    pub task: Option<TaskId>,
    /// The task that its agent was created for, as a sub-agent of another.
    pub parent_task: Option<TaskId>,
    /// The lease the agent holds the task under, where it does already.
    pub lease: Option<LeaseId>,
    /// The model that the agent speaks to, by name.
    pub model: Label,
    /// The session it belongs to, in the agent's own words.
    pub session_key: Option<Label>,
    /// What is set aside for it.
    pub reserved: Usd,
    /// Whether that is set aside on the project's day too.
    pub on_project: bool,
}

/// The terms that a run began on, which hold until its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// The project that the run belongs to.
    pub project: ProjectId,
    /// The agent that runs.
    pub agent: AgentId,
    /// The task that the run is for; none for a run of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The task that its agent was created for, as a sub-agent of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_task: Option<TaskId>,
    /// The lease the agent holds the task under, where it does already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseId>,
    /// The model that the agent speaks to, by name.
    pub model: Label,
    /// The session it belongs to, in the agent's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<Label>,
    /// What is set aside for it.
    #[serde(rename = "reservedMicroUsd")]
    pub reserved: Usd,
    /// Whether that is set aside on the project's day too, which only a project with a cap has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_project: bool,
    /// The UTC day it began: on that day's budgets it is charged, whenever it ends.
    pub day: NaiveDate,
    /// When it is to be over at the latest.
    pub deadline: DateTime<Utc>,
    /// When the run began, UTC.
    pub at: DateTime<Utc>,
}

impl Terms {
    pub(super) fn new(start: Start, context: &CommandContext) -> Self {
        let Start { project, agent, task, parent_task, lease, model, session_key, reserved, on_project } =
            start;
        Self {
            project,
            agent,
            task,
            parent_task,
            lease,
            model,
            session_key,
            reserved,
            on_project,
            day: context.now.date_naive(),
            deadline: context.now + context.policy.run_lasts(),
            at: context.now,
        }
    }

    /// What its agent and its task have to know of it.
    pub fn open_run(&self) -> OpenRun {
        OpenRun {
            agent: self.agent,
            task: self.task,
            parent_task: self.parent_task,
            day: self.day,
            on_project: self.on_project,
        }
    }
}

/// What a run used and cost, as told at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bill {
    /// The tokens that the model read and wrote.
    pub usage: Usage,
    /// What it cost; nobody knows when absent.
    pub cost: Option<Usd>,
    /// What went wrong, as the agent told it.
    pub error: Option<Reason>,
}

/// The use of a tool. Secrets are taken out of the previews before they come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The tool by name.
    pub tool: Label,
    /// How dangerous it was, where somebody judged that.
    pub risk: Option<ToolRisk>,
    /// The approval it was used under.
    pub approval: Option<ApprovalId>,
    /// What came of the call.
    pub status: ToolStatus,
    /// The beginning of what went in.
    pub input_preview: Option<Preview>,
    /// The beginning of what came out.
    pub output_preview: Option<Preview>,
    /// What went wrong, as the agent told it.
    pub error: Option<Reason>,
}
