//! What may have happened to a run. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Outcome, Terms, ToolRisk, ToolStatus, Usage};
use crate::{
    ids::{AgentId, ApprovalId, ProjectId, TaskId},
    money::Usd,
    values::{Label, Preview, Reason},
};

/// A fact about one run. `at` is the time of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// The run began, on terms that hold until its end.
    #[serde(rename = "started")]
    Started(Terms),
    /// The run used a tool, or was refused one.
    #[serde(rename = "tool_called")]
    ToolCalled {
        /// Which use of a tool in this run it is, from 1.
        number: u32,
        /// The tool by name.
        tool: Label,
        /// How dangerous it was, where somebody judged that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        risk: Option<ToolRisk>,
        /// The approval it was used under.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<ApprovalId>,
        /// What came of the call.
        status: ToolStatus,
        /// The beginning of what went in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input_preview: Option<Preview>,
        /// The beginning of what came out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output_preview: Option<Preview>,
        /// What went wrong, as the agent told it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Reason>,
        /// How often that has gone wrong in this run, this time included; 0 when nothing has.
        #[serde(default)]
        failures: u32,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// The run came to its end as it should.
    #[serde(rename = "completed")]
    Completed(Ended),
    /// The run failed, by its agent's own account.
    #[serde(rename = "failed")]
    Failed(Ended),
    /// It did not end in time.
    #[serde(rename = "timed_out")]
    TimedOut(Ended),
    /// An operator or a rule broke the run off.
    #[serde(rename = "aborted")]
    Aborted(Ended),
    /// Its agent told what it cost, after others had ended it without knowing that.
    #[serde(rename = "billed")]
    Billed(Billed),
}

/// What a run used and cost, at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// The agent that ran.
    pub agent: AgentId,
    /// The task that the run was for; none for a run of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The project that the run belongs to.
    pub project: ProjectId,
    /// The tokens that the model read and wrote.
    pub usage: Usage,
    /// What it cost; nobody knows when absent.
    #[serde(default, rename = "costMicroUsd", skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
    /// What it was charged: its cost, or what was set aside where nobody knows that, or nothing when it was broken off.
    #[serde(rename = "chargedMicroUsd")]
    pub charged: Usd,
    /// What went wrong, or what ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Reason>,
    /// When the run began, UTC.
    pub started_at: DateTime<Utc>,
    /// When the run ended, UTC.
    pub at: DateTime<Utc>,
}

/// What a run used and cost, told by its agent after others had ended it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Billed {
    /// The agent that ran.
    pub agent: AgentId,
    /// The task that the run was for; none for a run of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The project that the run belongs to.
    pub project: ProjectId,
    /// How it ended for its agent; for everybody else it ended as it was ended.
    pub outcome: Outcome,
    /// The tokens it used, beyond those told of at its end.
    pub usage: Usage,
    /// What it cost; nobody knows when absent.
    #[serde(default, rename = "costMicroUsd", skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
    /// What it was charged: its cost, or what had been set aside where nobody knows that.
    #[serde(rename = "chargedMicroUsd")]
    pub charged: Usd,
    /// What went wrong for its agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Reason>,
    /// The UTC day it began, on whose budgets it is charged.
    pub day: NaiveDate,
    /// When its agent told of the cost, UTC.
    pub at: DateTime<Utc>,
}

impl Ended {
    /// Whether nothing was charged at this end because nobody knew its cost: others than its agent broke it off, or let it
    /// time out.
    pub fn is_unbilled(&self, outcome: Outcome) -> bool {
        !outcome.is_charged() && self.cost.is_none() && self.charged == Usd::ZERO
    }
}

impl Event {
    /// How often the same has gone wrong in the run, if this is the use of a tool.
    pub fn failures(&self) -> u32 {
        match self {
            Self::ToolCalled { failures, .. } => *failures,
            Self::Started(_)
            | Self::Completed(_)
            | Self::Failed(_)
            | Self::TimedOut(_)
            | Self::Aborted(_)
            | Self::Billed(_) => 0,
        }
    }

    /// What the run was charged by this, if it was.
    pub fn charged(&self) -> Option<Usd> {
        match self {
            Self::Started(_) | Self::ToolCalled { .. } => None,
            Self::Completed(ended) | Self::Failed(ended) | Self::TimedOut(ended) | Self::Aborted(ended) => {
                Some(ended.charged)
            }
            Self::Billed(billed) => Some(billed.charged),
        }
    }

    /// What the run cost by this, where somebody told.
    pub fn cost(&self) -> Option<Usd> {
        match self {
            Self::Started(_) | Self::ToolCalled { .. } => None,
            Self::Completed(ended) | Self::Failed(ended) | Self::TimedOut(ended) | Self::Aborted(ended) => {
                ended.cost
            }
            Self::Billed(billed) => billed.cost,
        }
    }

    /// How the run ended, if this is its end.
    pub fn end(&self) -> Option<(Outcome, &Ended)> {
        match self {
            Self::Started(_) | Self::ToolCalled { .. } | Self::Billed(_) => None,
            Self::Completed(ended) => Some((Outcome::Completed, ended)),
            Self::Failed(ended) => Some((Outcome::Failed, ended)),
            Self::TimedOut(ended) => Some((Outcome::TimedOut, ended)),
            Self::Aborted(ended) => Some((Outcome::Aborted, ended)),
        }
    }
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Started(_) => "run.started",
            Self::ToolCalled { .. } => "run.tool_called",
            Self::Completed(_) => "run.completed",
            Self::Failed(_) => "run.failed",
            Self::TimedOut(_) => "run.timed_out",
            Self::Aborted(_) => "run.aborted",
            Self::Billed(_) => "run.billed",
        }
    }
}
