//! Why a transaction is refused: by one of its aggregates, or by a rule over several of them.

use crate::{
    agent, alert, approval,
    budget::{self, Cause},
    credential,
    ids::{AgentId, ApprovalId},
    money::Usd,
    notification, project, reservation, run, task,
    values::Label,
};

/// Something must be read before the transaction can go on. Only a [`Transaction`](crate::transaction::Transaction) makes
/// one: it passes through `?` to whoever runs the transaction, who reads what is missing and starts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not everything that the decision rests on is loaded")]
pub struct NotLoaded(pub(crate) ());

/// What an operation answers where a refusal has consequences of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a refusal must reach whoever asked"]
pub enum Outcome {
    /// What was asked for is decided.
    Done,
    /// What was asked for is refused. What follows from that is decided, and committed before the refusal is answered.
    Refused(Rejection),
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Done
    }
}

/// The rule that forbids an operation. Nothing is committed then, but what [`Outcome::Refused`] carries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The rule of a project that refuses.
    #[error(transparent)]
    Project(#[from] project::Rejection),
    /// The rule of an agent that refuses.
    #[error(transparent)]
    Agent(#[from] agent::Rejection),
    /// The rule of a task that refuses.
    #[error(transparent)]
    Task(#[from] task::Rejection),
    /// The rule of an approval that refuses.
    #[error(transparent)]
    Approval(#[from] approval::Rejection),
    /// Another project, agent or approval holds what must be unique.
    #[error(transparent)]
    Reservation(#[from] reservation::Rejection),
    /// The rule of a run that refuses.
    #[error(transparent)]
    Run(#[from] run::Rejection),
    /// The rule of a budget that refuses; what is left comes with it.
    #[error(transparent)]
    Budget(#[from] budget::Rejection),
    /// The rule of an alert that refuses.
    #[error(transparent)]
    Alert(#[from] alert::Rejection),
    /// The rule of a notification that refuses.
    #[error(transparent)]
    Notification(#[from] notification::Rejection),
    /// The rule of a credential that refuses.
    #[error(transparent)]
    Credential(#[from] credential::Rejection),
    /// A halt of the project's squad stops whoever acts or would get the task.
    #[error("the squad is stopped")]
    SquadStopped,
    /// A run would cost more than there is left. [`Outcome::Refused`] carries it: the
    /// approval that is open for it is committed all the same.
    #[error("{}", too_dear(cause, *wanted, *remaining))]
    TooDear {
        /// The cap or the budget that does not suffice.
        cause: Cause,
        /// What the run was expected to cost.
        wanted: Usd,
        /// What is left of the cap or the budget.
        remaining: Usd,
        /// The approval that is open for it.
        approval: ApprovalId,
    },
    /// An override asks for the budget of somebody else than its subject.
    #[error("a budget override raises the budget of its own agent, task or project, not {budget}")]
    ForeignBudget {
        /// The budget that the override names.
        budget: budget::Key,
    },
    /// An agent used a red tool without an approval that permits it. The use and what follows from it are committed all the
    /// same.
    #[error("the tool {tool} is red and was used without an approval that permits it{}", because(why.as_ref()))]
    Unapproved {
        /// The red tool, as the agent named it.
        tool: Label,
        /// Why the approval that the call named does not permit it; none when it named no approval.
        why: Option<approval::Rejection>,
    },
    /// The transaction must be run again: see [`NotLoaded`].
    #[error(transparent)]
    NotLoaded(#[from] NotLoaded),
    /// Nobody registered an agent under this identity, which the command names.
    #[error("there is no agent {0}")]
    UnknownAgent(AgentId),
    /// The task that an approval is asked for does not exist in the project.
    #[error("there is no such task in the project")]
    UnknownTask,
    /// The parent of a new task does not exist in the project.
    #[error("there is no such parent task in the project")]
    UnknownParent,
}

fn because(why: Option<&approval::Rejection>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

fn too_dear(cause: &Cause, wanted: Usd, remaining: Usd) -> String {
    match cause {
        Cause::RunCap(_) => format!("{wanted} dollars are more than {cause} of {remaining}"),
        Cause::Budget(_) if remaining == Usd::ZERO => format!("nothing is left of {cause}"),
        Cause::Budget(_) => format!("{wanted} dollars are more than the {remaining} left of {cause}"),
    }
}
