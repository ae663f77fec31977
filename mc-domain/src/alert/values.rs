//! What an alert is made of.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    ids::{AgentId, ApprovalId, NotificationId, ProjectId, RunId, TaskId},
    values::string_enum,
};

string_enum! {
    /// The type of an alert, which decides how urgent it is.
    Kind {
        /// A budget is used up to the warning threshold.
        BudgetWarning = "budget_warning",
        /// A budget is nearly used up.
        BudgetCritical = "budget_critical",
        /// A budget is used up, or a run would cross it.
        BudgetExceeded = "budget_exceeded",
        /// A task or a run goes round in circles.
        LoopDetected = "loop_detected",
        /// An agent has been silent for longer than it may.
        AgentStale = "agent_stale",
        /// An agent makes one error after the other.
        ErrorStreak = "error_streak",
        /// An agent was stopped at once.
        AgentQuarantined = "agent_quarantined",
        /// Something was tried that the policy forbids.
        PolicyViolation = "policy_violation",
        /// Nobody decided an approval in time.
        ApprovalExpired = "approval_expired",
        /// A run did not end in time.
        RunTimeout = "run_timeout",
        /// A notification could not be delivered.
        NotificationFailed = "notification_failed",
        /// The audit trail does not prove itself.
        VerificationFailed = "verification_failed",
        /// Work on a task stopped, and no person has stopped it.
        TaskBlocked = "task_blocked",
    }
}

impl Kind {
    /// How urgent alerts of this type are where nobody says otherwise.
    pub const fn severity(self) -> Severity {
        match self {
            Self::BudgetWarning
            | Self::AgentStale
            | Self::ErrorStreak
            | Self::ApprovalExpired
            | Self::RunTimeout
            | Self::NotificationFailed
            | Self::TaskBlocked => Severity::Warning,
            Self::BudgetCritical | Self::BudgetExceeded | Self::LoopDetected => Severity::Error,
            Self::AgentQuarantined | Self::PolicyViolation | Self::VerificationFailed => Severity::Critical,
        }
    }
}

string_enum! {
    /// How bad an alert is, mildest first.
    Severity {
        /// Worth knowing; nothing needs to be done.
        Info = "info",
        /// Somebody should look at it.
        Warning = "warning",
        /// Somebody must act on it.
        Error = "error",
        /// Somebody must act on it at once.
        Critical = "critical",
    }
}

string_enum! {
    /// What has been done about an alert.
    Status {
        /// Nobody has reacted to it yet.
        Open = "open",
        /// An operator has taken it on.
        Acknowledged = "acknowledged",
        /// The cause is gone.
        Resolved = "resolved",
        /// Nobody will do anything about it.
        Ignored = "ignored",
    }
}

/// What an alert is about, of which there is one open alert per type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A project, by its identity.
    Project(ProjectId),
    /// An agent, by its identity.
    Agent(AgentId),
    /// A task, by its identity.
    Task(TaskId),
    /// A run, by its identity.
    Run(RunId),
    /// An approval, by its identity.
    Approval(ApprovalId),
    /// A notification that could not be delivered.
    Notification(NotificationId),
    /// The event log as a whole.
    Log,
}

/// Which alert: one type about one subject. Its text names the stream, so whoever raises it knows where to look.
///
/// ```
/// use mc_domain::alert::{Key, Kind, Subject};
///
/// let key = Key::new(Kind::AgentStale, Subject::Agent(uuid::Uuid::from_u128(1).into()));
/// assert_eq!(key.to_string(), "agent_stale/agent/00000000-0000-0000-0000-000000000001");
/// assert_eq!(key.to_string().parse(), Ok(key));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The type of alert.
    pub kind: Kind,
    /// What the alert is about.
    pub subject: Subject,
}

impl Key {
    /// The alert of `kind` about `subject`.
    pub const fn new(kind: Kind, subject: Subject) -> Self {
        Self { kind, subject }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind;
        match self.subject {
            Subject::Project(id) => write!(f, "{kind}/project/{id}"),
            Subject::Agent(id) => write!(f, "{kind}/agent/{id}"),
            Subject::Task(id) => write!(f, "{kind}/task/{id}"),
            Subject::Run(id) => write!(f, "{kind}/run/{id}"),
            Subject::Approval(id) => write!(f, "{kind}/approval/{id}"),
            Subject::Notification(id) => write!(f, "{kind}/notification/{id}"),
            Subject::Log => write!(f, "{kind}/log"),
        }
    }
}

/// The text is not a type and a subject joined as [`Key`] prints them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the key of an alert")]
pub struct InvalidKey;

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let (kind, subject) = text.split_once('/').ok_or(InvalidKey)?;
        Ok(Self { kind: kind.parse().map_err(|_| InvalidKey)?, subject: subject_named(subject)? })
    }
}

fn subject_named(text: &str) -> Result<Subject, InvalidKey> {
    if text == "log" {
        return Ok(Subject::Log);
    }
    let (what, id) = text.split_once('/').ok_or(InvalidKey)?;
    let id = Uuid::try_parse(id).map_err(|_| InvalidKey)?;
    match what {
        "project" => Ok(Subject::Project(id.into())),
        "agent" => Ok(Subject::Agent(id.into())),
        "task" => Ok(Subject::Task(id.into())),
        "run" => Ok(Subject::Run(id.into())),
        "approval" => Ok(Subject::Approval(id.into())),
        "notification" => Ok(Subject::Notification(id.into())),
        _ => Err(InvalidKey),
    }
}
