//! What a budget is made of.

use std::{fmt, str::FromStr};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    ids::{AgentId, ProjectId, TaskId},
    values::string_enum,
};

/// The most runs that may be open on one budget at a time.
pub const MAX_RESERVATIONS: usize = 1_000;

string_enum! {
    /// How far a budget is used up, mildest first.
    Level {
        /// Spent to the warning threshold of the policy in force.
        Warning = "warning",
        /// Spent to the error threshold of the policy in force.
        Critical = "critical",
        /// Spent to the end, or beyond.
        Exceeded = "exceeded",
    }
}

/// Which budget: an agent's or a project's of one UTC day, or a task's.
///
/// A day's budget is a stream of its own, so nothing has to happen at midnight.
///
/// ```
/// use mc_domain::budget::Key;
///
/// let key = Key::AgentDay(uuid::Uuid::from_u128(1).into(), chrono::DateTime::UNIX_EPOCH.date_naive());
/// assert_eq!(key.to_string(), "agent/00000000-0000-0000-0000-000000000001/1970-01-01");
/// assert_eq!(key.to_string().parse(), Ok(key));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Key {
    /// What an agent may spend in one day.
    AgentDay(AgentId, NaiveDate),
    /// What all runs for a task may cost together.
    Task(TaskId),
    /// What all runs of a project may cost in one day.
    ProjectDay(ProjectId, NaiveDate),
}

impl Key {
    /// The UTC day it is of; a task's is of none.
    pub const fn day(self) -> Option<NaiveDate> {
        match self {
            Self::AgentDay(_, day) | Self::ProjectDay(_, day) => Some(day),
            Self::Task(_) => None,
        }
    }

    /// Whether both are of the same agent, task or project, on whatever day.
    pub fn has_owner_of(self, other: Self) -> bool {
        match (self, other) {
            (Self::AgentDay(one, _), Self::AgentDay(other, _)) => one == other,
            (Self::Task(one), Self::Task(other)) => one == other,
            (Self::ProjectDay(one, _), Self::ProjectDay(other, _)) => one == other,
            (Self::AgentDay(..) | Self::Task(_) | Self::ProjectDay(..), _) => false,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AgentDay(agent, day) => write!(f, "agent/{agent}/{day}"),
            Self::Task(task) => write!(f, "task/{task}"),
            Self::ProjectDay(project, day) => write!(f, "project/{project}/{day}"),
        }
    }
}

/// The text is not a budget's key as [`Key`] prints it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the key of a budget")]
pub struct InvalidKey;

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let id = |text| Uuid::try_parse(text).map_err(|_| InvalidKey);
        let day = |text: &str| text.parse::<NaiveDate>().map_err(|_| InvalidKey);
        match text.split('/').collect::<Vec<_>>()[..] {
            ["agent", agent, on] => Ok(Self::AgentDay(id(agent)?.into(), day(on)?)),
            ["task", task] => Ok(Self::Task(id(task)?.into())),
            ["project", project, on] => Ok(Self::ProjectDay(id(project)?.into(), day(on)?)),
            _ => Err(InvalidKey),
        }
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}
