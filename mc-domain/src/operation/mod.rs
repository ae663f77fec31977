//! Decisions over several aggregates: pure functions from loaded states to the events of each stream.
//!
//! What an operation decides is appended in one commit, or not at all. The aggregates still decide for themselves;
//! an operation asks each of them and puts their answers together, so that a task and the agent that holds it never
//! disagree.

mod autonomy;
mod bill_run;
mod cast;
mod claim_task;
mod complete_run;
mod conclude_approval;
mod correct_agent;
mod create_project;
mod create_task;
mod edit_project;
mod edit_task;
mod end_lease;
mod end_run;
mod fail_notification;
mod follow_cap;
mod follow_task;
mod heartbeat;
mod hold;
mod liveness;
mod move_task;
mod names;
mod overspend;
mod post_message;
mod quarantine_agent;
mod raise_alert;
mod reassign_task;
mod record_tool_call;
mod register_agent;
mod request_approval;
mod restart_agent;
mod sign_off_agent;
mod spawn_agent;
mod squad;
mod start_run;
mod start_task;
#[cfg(test)]
mod tests;
mod withdraw_overrides;

use std::{ops::Deref, sync::Arc};

pub use autonomy::Autonomy;
pub use cast::{Cast, Known, Load, Missing, with_cast};
pub use claim_task::claim_task;
pub use complete_run::{CompleteRun, complete_run, time_out_run};
pub use conclude_approval::{
    Answer, ApprovalScope, Concluded, DecideApproval, decide_approval, escalate_approval, expire_approval,
    resubmit_approval, withdraw_approval,
};
pub use correct_agent::{CorrectAgent, correct_agent};
pub use create_project::create_project;
pub use create_task::{CreateTask, create_task};
pub use edit_project::edit_project;
pub use edit_task::edit_task;
pub use end_lease::{end_lease, lease_ends_at};
pub use fail_notification::fail_notification;
pub use follow_task::{follow_task, unfollow_task};
pub use heartbeat::{directives, heartbeat};
pub use liveness::{mark_heard, mark_stale};
pub use move_task::{MoveTask, move_task};
pub use names::{Claims, Names};
pub use overspend::{Cause, budget_asked_for};
pub use post_message::post_message;
pub use quarantine_agent::quarantine_agent;
pub use reassign_task::{ReassignTask, reassign_task};
pub use record_tool_call::{UseTool, record_tool_call};
pub use register_agent::{RegisterAgent, change_profile, register_agent};
pub use request_approval::{Asked, request_approval};
pub use restart_agent::restart_agent;
pub use sign_off_agent::sign_off_agent;
pub use spawn_agent::{SpawnAgent, retire_agent, spawn_agent};
pub use squad::{block_halted, follow_halt, halt_squad, is_halted, resume_agent, resume_squad};
pub use start_run::{StartRun, start_run};
pub use start_task::{StartTask, start_task};
pub use withdraw_overrides::{Allowed, withdraw_overrides};

use squad::works;

use crate::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::{Aggregate, CommandContext},
    alert, approval, budget,
    ids::{AgentId, ApprovalId, ProjectId},
    money::Usd,
    notification,
    project::{self, Project},
    recorded::{AnyEvent, StreamId, Streamed},
    reservation, run,
    task::{self, Task},
    values::{Label, Name},
};

/// One aggregate as it was loaded: which one, at which version, in which state.
#[derive(Debug, PartialEq)]
pub struct Entity<A: Aggregate> {
    /// Which one.
    pub id: A::Id,
    /// How many events it is folded from.
    pub version: u64,
    /// The state they fold to.
    pub state: Arc<A>,
}

impl<A: Aggregate> Clone for Entity<A> {
    fn clone(&self) -> Self {
        Self { id: self.id.clone(), version: self.version, state: Arc::clone(&self.state) }
    }
}

impl<A: Aggregate> Deref for Entity<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}

impl<A: Aggregate> Entity<A> {
    /// An aggregate that does not exist yet.
    pub fn new(id: A::Id) -> Self {
        Self { id, version: 0, state: Arc::new(A::default()) }
    }

    /// The same one after `events`.
    #[must_use]
    pub fn after<'a>(&self, events: impl IntoIterator<Item = &'a A::Event>) -> Self {
        let mut version = self.version;
        let state = events.into_iter().fold((*self.state).clone(), |state, event| {
            version += 1;
            state.evolve(event)
        });
        Self { id: self.id.clone(), version, state: Arc::new(state) }
    }
}

impl<A: Streamed> Entity<A> {
    /// The same one after what `decision` adds to it, as far as it has not happened to it yet.
    #[must_use]
    pub fn after_decision(&self, decision: &Decision) -> Self {
        let stream = StreamId::of::<A>(&self.id);
        let change = decision.changes.iter().find(|change| change.stream == stream);
        let known = change.map_or(0, |change| self.version.saturating_sub(change.after));
        let events = change.into_iter().flat_map(|change| &change.events).filter_map(A::event);
        self.after(events.skip(usize::try_from(known).unwrap_or(usize::MAX)))
    }
}

/// The events that one decision adds to one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The stream.
    pub stream: StreamId,
    /// The version of the stream that the events come after.
    pub after: u64,
    /// The project the events belong to.
    pub project: Option<ProjectId>,
    /// The events, in order.
    pub events: Vec<AnyEvent>,
}

/// What an operation decided: the events of each stream, to be appended in one commit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    changes: Vec<Change>,
}

impl Decision {
    /// A decision that adds `events` to one aggregate.
    pub fn of<A: Aggregate>(entity: &Entity<A>, project: Option<ProjectId>, events: Vec<A::Event>) -> Self
    where
        AnyEvent: From<A::Event>,
    {
        let mut decision = Self::default();
        decision.add(entity, project, events);
        decision
    }

    /// Adds events of one more aggregate, or more events of the same.
    pub fn add<A: Aggregate>(&mut self, entity: &Entity<A>, project: Option<ProjectId>, events: Vec<A::Event>)
    where
        AnyEvent: From<A::Event>,
    {
        if events.is_empty() {
            return;
        }
        let stream = StreamId::of::<A>(&entity.id);
        let events = events.into_iter().map(AnyEvent::from);
        match self.changes.iter_mut().find(|change| change.stream == stream) {
            Some(change) => change.events.extend(events),
            None => {
                let after = entity.version;
                self.changes.push(Change { stream, after, project, events: events.collect() });
            }
        }
    }

    /// Adds another decision, taken on the state that this one leads to.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for change in other.changes {
            match self.changes.iter_mut().find(|earlier| earlier.stream == change.stream) {
                Some(earlier) => earlier.events.extend(change.events),
                None => self.changes.push(change),
            }
        }
        self
    }

    /// The changes, stream by stream.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The events of one aggregate, in order.
    fn events_of<A: Aggregate>(&self, entity: &Entity<A>) -> impl Iterator<Item = &AnyEvent> {
        let stream = StreamId::of::<A>(&entity.id);
        let changes = self.changes.iter().filter(move |change| change.stream == stream);
        changes.flat_map(|change| &change.events)
    }

    /// The changes, stream by stream, to keep.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// All events, in order.
    pub fn events(&self) -> impl Iterator<Item = &AnyEvent> {
        self.changes.iter().flat_map(|change| &change.events)
    }
}

/// What an operation answers where a refusal has consequences of its own: they are committed all the same, and the
/// refusal is answered after that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// What to commit.
    pub decision: Decision,
    /// Why what was asked for is refused, if it is.
    pub refusal: Option<Rejection>,
}

impl Outcome {
    /// A refusal with its consequences.
    pub fn refused(decision: Decision, refusal: impl Into<Rejection>) -> Self {
        Self { decision, refusal: Some(refusal.into()) }
    }
}

impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        Self { decision, refusal: None }
    }
}

/// Why an operation is refused: by one of its aggregates, or because what it names is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A project refuses.
    #[error(transparent)]
    Project(#[from] project::Rejection),
    /// An agent refuses.
    #[error(transparent)]
    Agent(#[from] agent::Rejection),
    /// A task refuses.
    #[error(transparent)]
    Task(#[from] task::Rejection),
    /// An approval refuses.
    #[error(transparent)]
    Approval(#[from] approval::Rejection),
    /// A name is taken.
    #[error(transparent)]
    Reservation(#[from] reservation::Rejection),
    /// A run refuses.
    #[error(transparent)]
    Run(#[from] run::Rejection),
    /// A budget refuses.
    #[error(transparent)]
    Budget(#[from] budget::Rejection),
    /// An alert refuses.
    #[error(transparent)]
    Alert(#[from] alert::Rejection),
    /// A notification refuses.
    #[error(transparent)]
    Notification(#[from] notification::Rejection),
    /// The project's squad is stopped.
    #[error("the squad is stopped")]
    SquadStopped,
    /// A run would cost more than there is left. What follows from that is committed all the same.
    #[error("{}", too_dear(cause, *wanted, *remaining))]
    TooDear {
        /// What is not enough.
        cause: Cause,
        /// What the run was expected to cost.
        wanted: Usd,
        /// What is left.
        remaining: Usd,
        /// The approval that is open for it.
        approval: ApprovalId,
    },
    /// An override was asked for a budget that is not its subject's.
    #[error("a budget override raises the budget of its own agent, task or project, not {budget}")]
    ForeignBudget {
        /// The budget of somebody else.
        budget: budget::Key,
    },
    /// A red tool was used without an approval that permits it. That it was is recorded, and what follows too.
    #[error("the tool {tool} is red and was used without an approval that permits it{}", because(why.as_ref()))]
    Unapproved {
        /// The tool.
        tool: Label,
        /// Why the approval that was named does not permit it; nothing when none was named.
        why: Option<approval::Rejection>,
    },
    /// Something was not at hand: [`with_cast`] loads it and asks again.
    #[error("not everything that the decision rests on was loaded")]
    NotLoaded(Missing),
    /// No such agent is registered.
    #[error("there is no agent {0}")]
    UnknownAgent(AgentId),
    /// The task an approval is asked for does not exist in the project.
    #[error("there is no such task in the project")]
    UnknownTask,
    /// The task it is to be part of does not exist in the project.
    #[error("there is no such parent task in the project")]
    UnknownParent,
}

fn because(why: Option<&approval::Rejection>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

fn agent_project(agent: &Agent) -> Option<ProjectId> {
    agent.registered().ok().map(|agent| agent.project)
}

fn task_project(task: &Task) -> Option<ProjectId> {
    task.present().ok().map(|task| task.project)
}

impl Decision {
    fn add_agent(&mut self, agent: &Entity<Agent>, events: Vec<agent::Event>) {
        self.add(agent, agent_project(agent), events);
    }

    fn add_task(&mut self, task: &Entity<Task>, events: Vec<task::Event>) {
        self.add(task, task_project(task), events);
    }
}

fn too_dear(cause: &Cause, wanted: Usd, remaining: Usd) -> String {
    match cause {
        Cause::RunCap(_) => format!("{wanted} dollars are more than {cause} of {remaining}"),
        Cause::Budget(_) if remaining == Usd::ZERO => format!("nothing is left of {cause}"),
        Cause::Budget(_) => format!("{wanted} dollars are more than the {remaining} left of {cause}"),
    }
}

/// The same moment as a worker's: for what follows from somebody's command by a rule, and is not theirs to do.
fn by_system(context: &CommandContext) -> CommandContext {
    let rules = Name::new("rules").expect("it is a constant that is a name");
    context.by(Actor::System(rules))
}

/// An agent acts for itself only; operators and workers act for any.
fn acts_for_itself(agent: &Entity<Agent>, context: &CommandContext) -> Result<(), Rejection> {
    match context.actor.agent() {
        Some(actor) if actor != agent.id => {
            Err(agent::Rejection::OperatorOnly { name: agent.registered()?.profile.name.clone() }.into())
        }
        Some(_) | None => Ok(()),
    }
}

/// What `agent` works on, which must be the task at hand: its hold cannot be ended behind the task's back.
fn work_of<'a>(
    agent: &Entity<Agent>,
    task: Option<&'a Entity<Task>>,
) -> Result<Option<&'a Entity<Task>>, Rejection> {
    let registered = agent.registered()?;
    let Some(work) = registered.work else { return Ok(None) };
    match task.filter(|task| task.id == work.task) {
        Some(task) => Ok(Some(task)),
        None => Err(agent::Rejection::Busy { name: registered.profile.name.clone(), task: work.task }.into()),
    }
}

/// Who acts must be allowed to: an agent that moves a task belongs to its project and is at work, and no halt of its squad
/// stops it.
fn actor_may_move(task: &Entity<Task>, cast: &Cast, context: &CommandContext) -> Result<(), Rejection> {
    let Some(actor) = context.actor.agent() else { return Ok(()) };
    let agent = cast.agent(actor)?.registered()?;
    agent.belongs_to(task.present()?.project)?;
    works(&*cast.find::<Project>(&agent.project)?, agent, context)?;
    Ok(agent.may_move(task.id, context.now.date_naive())?)
}

/// An agent that acts works: a pause for the budget of a day that is over is recorded as ended with what it does.
fn wake_actor(decision: &mut Decision, cast: &Cast, context: &CommandContext) -> Result<(), Rejection> {
    match context.actor.agent() {
        Some(actor) => start_run::lift_pause_of_yesterday(decision, cast.agent(actor)?, context),
        None => Ok(()),
    }
}
