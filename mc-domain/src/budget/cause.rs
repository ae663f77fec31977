//! What does not suffice for a run.

use std::fmt;

use super::Key;
use crate::json::Json;

/// What does not suffice for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The cap on one run of the agent; the budget is that of the agent's day.
    RunCap(Key),
    /// A budget.
    Budget(Key),
}

impl Cause {
    /// The budget that more is asked for on.
    pub fn key(self) -> Key {
        match self {
            Self::RunCap(key) | Self::Budget(key) => key,
        }
    }

    /// The parameters of an approval that asks for more, such as `{"budget": "task/…"}`.
    pub fn payload(self) -> Json {
        let named = |name: &str, key: Key| {
            Json::Object([(name.to_owned(), Json::from(key.to_string().as_str()))].into_iter().collect())
        };
        match self {
            Self::RunCap(key) => named("runCap", key),
            Self::Budget(key) => named("budget", key),
        }
    }

    /// What the parameters of an approval say does not suffice; none when they say something else.
    pub fn of(payload: &Json) -> Option<Self> {
        let key = |name| payload.get(name)?.as_str()?.parse().ok();
        key("runCap").map(Self::RunCap).or_else(|| key("budget").map(Self::Budget))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunCap(_) => f.write_str("the agent's cap per run"),
            Self::Budget(Key::AgentDay(_, day)) => write!(f, "the agent's budget of {day}"),
            Self::Budget(Key::Task(_)) => f.write_str("the task's budget"),
            Self::Budget(Key::ProjectDay(_, day)) => write!(f, "the project's budget of {day}"),
        }
    }
}
