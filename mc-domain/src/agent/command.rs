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
        /// The project to join; one that is known stays in its own.
        project: ProjectId,
        /// What it is and may do.
        profile: Profile,
        /// The agent that spawned it; absent for one that registers by itself.
        parent: Option<AgentId>,
        /// What its parent spawned it for.
        purpose: Option<Reason>,
    },
    /// Change what it is or may do.
    ChangeProfile(Profile),
    /// Shows that it lives, by the agent itself.
    Heartbeat(Heartbeat),
    /// Stop it, to be resumed later.
    Pause {
        /// The ground, which decides who may lift the pause.
        reason: PauseReason,
        /// A note for the record and the agent.
        note: Option<Reason>,
    },
    /// Lets it work again, by an operator; a worker lifts only a pause for a budget.
    Resume {
        /// A note for the record and the agent.
        note: Option<Reason>,
    },
    /// Let it work again with its squad, if nothing else keeps it from that.
    Rejoin {
        /// A note for the record and the agent.
        note: Option<Reason>,
    },
    /// Let it finish its current task, and take no new one.
    Drain {
        /// A note for the record and the agent.
        note: Option<Reason>,
    },
    /// Stops it at once; only an operator lets it work again.
    Quarantine {
        /// A note for the record and the agent.
        note: Option<Reason>,
    },
    /// Takes it out of service, by itself while it works, else by an operator.
    SignOff {
        /// A note for the record and the agent.
        note: Option<Reason>,
    },
    /// End its time as a sub-agent.
    Retire {
        /// A note for the record and the agent.
        note: Option<Reason>,
    },
    /// Makes it begin anew: active, no errors counted, told so at its next heartbeat. By an operator.
    Restart {
        /// A note for the record and the agent.
        note: Option<Reason>,
    },
    /// Sets its record straight, by an operator.
    Correct(Corrections),
    /// Begin to work on a task.
    Engage(Work),
    /// End its hold on a task.
    Release {
        /// The task; a hold on another one stays.
        task: TaskId,
        /// What ends the hold, for the record.
        ending: Ending,
    },
    /// Pause it for its budget, by the system.
    Overspend {
        /// The approval that was opened for it.
        approval: ApprovalId,
        /// The budget that is not enough.
        budget: budget::Key,
    },
    /// Begins a run, by an agent that may work.
    BeginRun {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What is to be known of it.
        open_run: OpenRun,
    },
    /// Take note of the end of a run.
    EndRun {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// How the run ended; a failed one counts as an error, a completed one ends the streak.
        outcome: Outcome,
        /// What went wrong, as the agent told it.
        error: Option<Reason>,
    },
    /// Creates a sub-agent, on the record of its parent.
    Spawn(Spawn),
    /// Be in service as a sub-agent.
    Commission(Commission),
    /// Takes note that a sub-agent is no longer in service.
    RetireChild(AgentId),
    /// Work on although the squad is paused, by an operator.
    Except {
        /// The number of the squad's halt that it is excepted from.
        halt: u64,
    },
}

/// A sign of life of an agent.
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
    /// The status that it is to have, as the table allows.
    pub status: Option<Status>,
    /// The errors in a row that it is to have; 0 forgives them.
    pub error_streak: Option<u32>,
    /// What it is to have spent today.
    pub today_spend: Option<Usd>,
}

/// Why an agent refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The agent never registered.
    #[error("there is no such agent")]
    NotFound,
    /// Invariant 1: its status does not lead there.
    #[error("agent {name} cannot go from {from} to {to}")]
    IllegalStatus {
        /// The name of the agent.
        name: Name,
        /// The status that it has.
        from: Status,
        /// The status that was asked for.
        to: Status,
        /// The statuses that a command may lead to from here.
        allowed: Vec<Status>,
    },
    /// Its status lets it take or move nothing.
    #[error("agent {name} is {status}{}", because(.reason))]
    NotActive {
        /// The name of the agent.
        name: Name,
        /// The status that it has.
        status: Status,
        /// On what ground it is paused.
        reason: Option<PauseReason>,
    },
    /// The agent works in another project.
    #[error("agent {name} belongs to another project")]
    OtherProject {
        /// The name of the agent.
        name: Name,
    },
    /// It does not accept such tasks.
    #[error("agent {name} does not take {kind} tasks")]
    TypeNotAccepted {
        /// The name of the agent.
        name: Name,
        /// The type that it does not accept.
        kind: TaskType,
    },
    /// Invariant 2: it works on something else.
    #[error("agent {name} already works on task {task}")]
    Busy {
        /// The name of the agent.
        name: Name,
        /// The task that it holds.
        task: TaskId,
    },
    /// Invariant 7: too much is under way.
    #[error("agent {name} already has {MAX_OPEN_RUNS} runs under way")]
    TooManyRuns {
        /// The name of the agent.
        name: Name,
    },
    /// Invariant 4: an agent asked for more than it has.
    #[error("an agent does not raise its own {what}")]
    SelfPromotion {
        /// What it asked for more of, comma-separated: role, caps or tools.
        what: String,
    },
    /// Its name passes for that of another agent of the project.
    #[error("the name is taken for that of {name}")]
    LooksLike {
        /// The agent that has the name.
        by: AgentId,
        /// The name of the agent that has it.
        name: Name,
    },
    /// Its name is an operator's, or passes for it.
    #[error("{operator} is an operator, and no agent takes an operator's name")]
    OperatorsName {
        /// The operator whose name it is.
        operator: Name,
    },
    /// An agent asked to register another.
    #[error("an agent does not register another, {name}")]
    RegistersAnother {
        /// The name of the agent that was to be registered.
        name: Name,
    },
    /// Invariant 6: agents of this role create no sub-agents.
    #[error("agent {name} may not spawn: it is an agent of role {role}")]
    MayNotSpawn {
        /// The name of the agent.
        name: Name,
        /// The role, which the policy in force lets create none.
        role: Role,
    },
    /// Invariant 6: creating sub-agents is not among the tools it may use.
    #[error("agent {name} may not spawn: {SPAWN_TOOL} is not among its tools")]
    SpawnToolMissing {
        /// The name of the agent.
        name: Name,
    },
    /// Invariant 6: a sub-agent may do no more than its parent.
    #[error("a sub-agent of {name} cannot have more {what} than {name} itself")]
    ChildAbove {
        /// The name of the parent.
        name: Name,
        /// In what it would exceed the parent, comma-separated.
        what: String,
    },
    /// Invariant 8: its time as a sub-agent is over.
    #[error("agent {name} is retired")]
    Retired {
        /// The name of the agent.
        name: Name,
    },
    /// The project has as many agents as the policy allows.
    #[error("the project has {limit} agents that are not offline, and takes no more")]
    SquadFull {
        /// The limit of the policy in force.
        limit: u32,
    },
    /// Invariant 6: there are enough of them.
    #[error("agent {name} cannot spawn: the limit of {limit} for {bound} is reached")]
    SpawnLimit {
        /// The name of the agent.
        name: Name,
        /// The limit that is reached.
        bound: SpawnBound,
        /// The limit of the policy in force.
        limit: u32,
    },
    /// An agent asked for what is the operator's, or another agent's.
    #[error("only an operator may do this to {name}")]
    OperatorOnly {
        /// The name of the agent that the command was for.
        name: Name,
    },
}

#[expect(clippy::ref_option, reason = "thiserror passes fields by reference")]
fn because(reason: &Option<PauseReason>) -> String {
    reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
}
