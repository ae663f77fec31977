//! What may be asked of an agent, and why it may refuse.

use super::spawning::{Commission, SPAWN_TOOL, Spawn, SpawnBound};
use super::values::{Ending, MAX_OPEN_RUNS, PauseReason, Profile, Status, Work};
use crate::{
    budget,
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    money::Usd,
    role::Role,
    run::{OpenRun, Outcome},
    task_type::TaskType,
    values::{Label, Name, Reason},
};

/// What may be asked of an agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Join a project, or come back to it: an agent that is known keeps its role, budgets and any imposed status.
    Register {
        /// The project.
        project: ProjectId,
        /// What it is and may do.
        profile: Profile,
        /// The agent that spawned it.
        parent: Option<AgentId>,
        /// What it was spawned for.
        purpose: Option<Reason>,
    },
    /// Change what it is or may do.
    ChangeProfile(Profile),
    /// Show that it lives.
    Heartbeat(Heartbeat),
    /// Stop it, to be resumed later.
    Pause {
        /// On what ground.
        reason: PauseReason,
        /// What to note with it.
        note: Option<Reason>,
    },
    /// Let it work again.
    Resume {
        /// What to note with it.
        note: Option<Reason>,
    },
    /// Let it work again with its squad, if nothing else keeps it from that.
    Rejoin {
        /// What to note with it.
        note: Option<Reason>,
    },
    /// Let it finish its current task, and take no new one.
    Drain {
        /// What to note with it.
        note: Option<Reason>,
    },
    /// Stop it at once.
    Quarantine {
        /// What to note with it.
        note: Option<Reason>,
    },
    /// Take it out of service.
    SignOff {
        /// What to note with it.
        note: Option<Reason>,
    },
    /// End its time as a sub-agent.
    Retire {
        /// What to note with it.
        note: Option<Reason>,
    },
    /// Make it begin anew.
    Restart {
        /// What to note with it.
        note: Option<Reason>,
    },
    /// Set its record straight.
    Correct(Corrections),
    /// Begin to work on a task.
    Engage(Work),
    /// End its hold on a task.
    Release {
        /// The task.
        task: TaskId,
        /// What ended it.
        ending: Ending,
    },
    /// Pause it for its budget, by the system.
    Overspend {
        /// The approval that was opened for it.
        approval: ApprovalId,
        /// The budget that is not enough.
        budget: budget::Key,
    },
    /// Begin a run.
    BeginRun {
        /// The run.
        run: RunId,
        /// What is to be known of it.
        open_run: OpenRun,
    },
    /// Take note of the end of a run.
    EndRun {
        /// The run.
        run: RunId,
        /// How it ended.
        outcome: Outcome,
        /// What went wrong.
        error: Option<Reason>,
    },
    /// Create a sub-agent.
    Spawn(Spawn),
    /// Be in service as a sub-agent.
    Commission(Commission),
    /// Have one sub-agent less.
    RetireChild(AgentId),
    /// Work on although the squad is paused, by an operator.
    Except {
        /// The number of the halt.
        halt: u64,
    },
}

/// A sign of life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// The session it speaks from, in its own words.
    pub session_key: Option<Label>,
    /// What went wrong since the last one.
    pub error: Option<Reason>,
}

/// What an operator sets straight; what is not named stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Corrections {
    /// Its status.
    pub status: Option<Status>,
    /// Its errors in a row.
    pub error_streak: Option<u32>,
    /// What it is to have spent today.
    pub today_spend: Option<Usd>,
}

/// Why an agent refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such agent.
    #[error("there is no such agent")]
    NotFound,
    /// Invariant 1: its status does not lead there.
    #[error("agent {name} cannot go from {from} to {to}")]
    IllegalStatus {
        /// Who.
        name: Name,
        /// What it is.
        from: Status,
        /// What it was to become.
        to: Status,
        /// What it could become instead.
        allowed: Vec<Status>,
    },
    /// Its status lets it take or move nothing.
    #[error("agent {name} is {status}{}", because(.reason))]
    NotActive {
        /// Who.
        name: Name,
        /// What it is.
        status: Status,
        /// On what ground it is paused.
        reason: Option<PauseReason>,
    },
    /// It works for another project.
    #[error("agent {name} belongs to another project")]
    OtherProject {
        /// Who.
        name: Name,
    },
    /// It does not accept such tasks.
    #[error("agent {name} does not take {kind} tasks")]
    TypeNotAccepted {
        /// Who.
        name: Name,
        /// The type of the task.
        kind: TaskType,
    },
    /// Invariant 2: it works on something else.
    #[error("agent {name} already works on task {task}")]
    Busy {
        /// Who.
        name: Name,
        /// On what.
        task: TaskId,
    },
    /// Invariant 7: too much is under way.
    #[error("agent {name} already has {MAX_OPEN_RUNS} runs under way")]
    TooManyRuns {
        /// Who.
        name: Name,
    },
    /// Invariant 4: an agent asked for more than it has.
    #[error("an agent does not raise its own {what}")]
    SelfPromotion {
        /// What it asked for, comma-separated.
        what: String,
    },
    /// Its name passes for that of another agent of the project.
    #[error("the name is taken for that of {name}")]
    LooksLike {
        /// The other agent.
        by: AgentId,
        /// What that one is called.
        name: Name,
    },
    /// Its name is an operator's, or passes for it.
    #[error("{operator} is an operator, and no agent takes an operator's name")]
    OperatorsName {
        /// Whose name it is.
        operator: Name,
    },
    /// An agent asked to register another.
    #[error("an agent does not register another, {name}")]
    RegistersAnother {
        /// Who was to be registered.
        name: Name,
    },
    /// Invariant 6: agents of this role create no sub-agents.
    #[error("agent {name} may not spawn: it is an agent of role {role}")]
    MayNotSpawn {
        /// Who.
        name: Name,
        /// Its role.
        role: Role,
    },
    /// Invariant 6: creating sub-agents is not among the tools it may use.
    #[error("agent {name} may not spawn: {SPAWN_TOOL} is not among its tools")]
    SpawnToolMissing {
        /// Who.
        name: Name,
    },
    /// Invariant 6: a sub-agent may do no more than its parent.
    #[error("a sub-agent of {name} cannot have more {what} than {name} itself")]
    ChildAbove {
        /// The parent.
        name: Name,
        /// In what it would exceed the parent, comma-separated.
        what: String,
    },
    /// Invariant 8: its time as a sub-agent is over.
    #[error("agent {name} is retired")]
    Retired {
        /// Who.
        name: Name,
    },
    /// The project has as many agents as the policy allows.
    #[error("the project has {limit} agents that are not offline, and takes no more")]
    SquadFull {
        /// The most there may be.
        limit: u32,
    },
    /// Invariant 6: there are enough of them.
    #[error("agent {name} cannot spawn: the limit of {limit} for {bound} is reached")]
    SpawnLimit {
        /// Who.
        name: Name,
        /// Which limit.
        bound: SpawnBound,
        /// The most there may be.
        limit: u32,
    },
    /// An agent asked for what is the operator's, or another agent's.
    #[error("only an operator may do this to {name}")]
    OperatorOnly {
        /// To whom.
        name: Name,
    },
}

#[expect(clippy::ref_option, reason = "thiserror passes fields by reference")]
fn because(reason: &Option<PauseReason>) -> String {
    reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
}
