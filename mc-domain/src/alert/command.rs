//! What may be asked of an alert, and why it may refuse.

use super::values::{Kind, Severity, Status};
use crate::{
    ids::{AgentId, AlertId, ProjectId, RunId, TaskId},
    values::{Reason, Text, Title},
};

/// What may be asked of an alert.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Raise it, or count one more occurrence where it is open already.
    Raise(Raise),
    /// Raise it, and do nothing where it is open already: for what is looked at again and again.
    RaiseOnce(Raise),
    /// Note that somebody looks after it.
    Acknowledge {
        /// The episode, which must be the latest one: older ones are not found.
        id: AlertId,
        /// A note for the record.
        note: Option<Reason>,
    },
    /// Note that its cause is gone.
    Resolve {
        /// The episode, which must be the latest one: older ones are not found.
        id: AlertId,
        /// A note for the record.
        note: Option<Reason>,
    },
    /// Note that nobody will do anything about it.
    Ignore {
        /// The episode, which must be the latest one: older ones are not found.
        id: AlertId,
        /// A note for the record.
        note: Option<Reason>,
    },
}

/// An alert that is to be raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raise {
    /// The identity of a new episode, drawn by the caller.
    pub id: AlertId,
    /// The type of alert, half of its key.
    pub kind: Kind,
    /// The project whose operators are told.
    pub project: ProjectId,
    /// How urgent it is to look at.
    pub severity: Severity,
    /// What happened, in one line.
    pub title: Title,
    /// What happened, in as many words as that takes.
    pub description: Option<Text>,
    /// The agent that it concerns, to find it by.
    pub agent: Option<AgentId>,
    /// The task that it concerns, to find it by.
    pub task: Option<TaskId>,
    /// The run that it concerns, to find it by.
    pub run: Option<RunId>,
}

impl Raise {
    /// An alert of `kind` that says `title`, as bad as its type is, and nothing else.
    pub fn new(id: AlertId, kind: Kind, project: ProjectId, title: Title) -> Self {
        let severity = kind.severity();
        Self { id, kind, project, severity, title, description: None, agent: None, task: None, run: None }
    }
}

/// Why an alert refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such alert, or a later episode has taken its place.
    #[error("there is no such open alert")]
    NotFound,
    /// Invariant 3: the episode has ended.
    #[error("the alert is {status} already")]
    Closed {
        /// How the episode ended.
        status: Status,
    },
    /// Invariant 2: an agent, or a worker where only an operator may, gave the command.
    #[error("only an operator may {what} an alert")]
    OperatorOnly {
        /// What was asked for, in the words of the refusal's message.
        what: &'static str,
    },
}
