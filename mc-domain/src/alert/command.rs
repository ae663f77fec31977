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
        /// Which episode.
        id: AlertId,
        /// What to note with it.
        note: Option<Reason>,
    },
    /// Note that its cause is gone.
    Resolve {
        /// Which episode.
        id: AlertId,
        /// What to note with it.
        note: Option<Reason>,
    },
    /// Note that nobody will do anything about it.
    Ignore {
        /// Which episode.
        id: AlertId,
        /// What to note with it.
        note: Option<Reason>,
    },
}

/// What an alert says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raise {
    /// The identity of a new episode, drawn by the caller.
    pub id: AlertId,
    /// The type.
    pub kind: Kind,
    /// The project it belongs to.
    pub project: ProjectId,
    /// How bad it is.
    pub severity: Severity,
    /// What happened, in a line.
    pub title: Title,
    /// What happened.
    pub description: Option<Text>,
    /// The agent concerned.
    pub agent: Option<AgentId>,
    /// The task concerned.
    pub task: Option<TaskId>,
    /// The run concerned.
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
    /// Invariant 3.
    #[error("the alert is {status} already")]
    Closed {
        /// How it ended.
        status: Status,
    },
    /// Invariant 2.
    #[error("only an operator may {what} an alert")]
    OperatorOnly {
        /// What was asked for.
        what: &'static str,
    },
}
