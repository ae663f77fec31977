//! What a standup is made of.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    agent,
    ids::{ApprovalId, ProjectId, TaskId},
    money::Usd,
    task,
};

/// The most tasks or approvals that one list of a report names.
pub const MAX_NAMED: usize = 100;

/// Which standup: of one project, on one UTC day.
///
/// ```
/// use mc_domain::standup::Key;
///
/// let key = Key { project: uuid::Uuid::from_u128(1).into(), day: chrono::NaiveDate::default() };
/// assert_eq!(key.to_string(), "00000000-0000-0000-0000-000000000001/1970-01-01");
/// assert_eq!(key.to_string().parse(), Ok(key));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The project that the standup is of.
    pub project: ProjectId,
    /// The UTC day that the standup is of.
    pub day: NaiveDate,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.day)
    }
}

/// The text is not a project and a day joined as [`Key`] prints them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the key of a standup")]
pub struct InvalidKey;

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (project, day) = text.split_once('/').ok_or(InvalidKey)?;
        let project = project.parse().map_err(|_| InvalidKey)?;
        Ok(Self { project, day: day.parse().map_err(|_| InvalidKey)? })
    }
}

/// How a project stands when its standup is recorded. A list names at most [`MAX_NAMED`], the rest is in the counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// How many agents there are in each status.
    pub agents: BTreeMap<agent::Status, u32>,
    /// What all agents have spent on the day so far.
    #[serde(rename = "spentMicroUsd")]
    pub spent: Usd,
    /// What all agents together may spend on the day.
    #[serde(rename = "capMicroUsd")]
    pub cap: Usd,
    /// How many tasks there are in each status.
    pub tasks: BTreeMap<task::Status, u32>,
    /// What was completed in the last 24 hours.
    pub completed: Vec<TaskId>,
    /// The tasks that are blocked, up to [`MAX_NAMED`] of them.
    pub blocked: Vec<TaskId>,
    /// The approvals that wait for a decision.
    pub waiting_approvals: Vec<ApprovalId>,
    /// How many alerts somebody is still to deal with.
    pub open_alerts: u32,
}
