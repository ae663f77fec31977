//! Decisions over several aggregates: pure functions from loaded states to the events of each stream.
//!
//! What an operation decides is appended in one commit, or not at all. The aggregates still decide for themselves;
//! an operation asks each of them and puts their answers together, so that a task and the agent that holds it never
//! disagree.

mod claim_task;
mod conclude_approval;
mod correct_agent;
mod create_project;
mod create_task;
mod heartbeat;
mod hold;
mod move_task;
mod post_message;
mod quarantine_agent;
mod reassign_task;
mod register_agent;
mod request_approval;
mod restart_agent;
mod sign_off_agent;
mod spawn_agent;
mod squad;
mod start_task;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

pub use claim_task::claim_task;
pub use conclude_approval::{
    Answer, ApprovalScope, Concluded, DecideApproval, decide_approval, escalate_approval, expire_approval,
    resubmit_approval, withdraw_approval,
};
pub use correct_agent::{CorrectAgent, correct_agent};
pub use create_project::create_project;
pub use create_task::{CreateTask, create_task};
pub use heartbeat::{directives, heartbeat};
pub use move_task::{MoveTask, move_task};
pub use post_message::post_message;
pub use quarantine_agent::quarantine_agent;
pub use reassign_task::{ReassignTask, reassign_task};
pub use register_agent::{RegisterAgent, change_profile, register_agent};
pub use request_approval::{Asked, request_approval};
pub use restart_agent::restart_agent;
pub use sign_off_agent::sign_off_agent;
pub use spawn_agent::{SpawnAgent, retire_agent, spawn_agent};
pub use squad::{emergency_stop, pause_squad, resume_squad};
pub use start_task::{StartTask, start_task};

use crate::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::{Aggregate, Moment},
    approval,
    ids::{AgentId, ProjectId},
    project,
    recorded::{AnyEvent, StreamId, Streamed},
    reservation,
    task::{self, LoopLimits, Task},
    values::Name,
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
    /// The same one after what `decision` adds to it.
    #[must_use]
    pub fn after_decision(&self, decision: &Decision) -> Self {
        let stream = StreamId::of::<A>(&self.id);
        let change = decision.changes.iter().find(|change| change.stream == stream);
        self.after(change.into_iter().flat_map(|change| &change.events).filter_map(A::event))
    }
}

/// The events that one decision adds to one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The stream.
    pub stream: StreamId,
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
            None => self.changes.push(Change { stream, project, events: events.collect() }),
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

/// What an operation may have to ask besides what it changes: the agents concerned (who acts, who holds the task, who is
/// to get it), and the limits in force.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    agents: BTreeMap<AgentId, Entity<Agent>>,
    loop_limits: LoopLimits,
}

impl Cast {
    /// The agent known as `id`.
    ///
    /// # Errors
    /// [`Rejection::UnknownAgent`] when it is not among them, or not registered.
    pub fn agent(&self, id: AgentId) -> Result<&Entity<Agent>, Rejection> {
        self.agents.get(&id).filter(|agent| agent.registered().is_ok()).ok_or(Rejection::UnknownAgent(id))
    }
}

impl Cast {
    /// The same agents, under the limits of the active policy instead of the default ones.
    #[must_use]
    pub fn under(self, loop_limits: LoopLimits) -> Self {
        Self { loop_limits, ..self }
    }

    fn names(&self) -> BTreeMap<AgentId, Name> {
        let name = |agent: &Entity<Agent>| agent.registered().ok().map(|known| known.profile.name.clone());
        self.agents.values().filter_map(|agent| Some((agent.id, name(agent)?))).collect()
    }

    /// The same agents, one of them as it is after a decision.
    fn with(&self, agent: Entity<Agent>) -> Self {
        let mut cast = self.clone();
        cast.agents.insert(agent.id, agent);
        cast
    }
}

impl FromIterator<Entity<Agent>> for Cast {
    fn from_iter<I: IntoIterator<Item = Entity<Agent>>>(agents: I) -> Self {
        let agents = agents.into_iter().map(|agent| (agent.id, agent)).collect();
        Self { agents, loop_limits: LoopLimits::default() }
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

/// The same moment as a worker's: for what follows from somebody's command by a rule, and is not theirs to do.
fn by_system(moment: &Moment) -> Moment {
    let rules = Name::new("rules").expect("it is a constant that is a name");
    Moment::new(moment.now, Actor::System(rules))
}

/// An agent acts for itself only; operators and workers act for any.
fn acts_for_itself(agent: &Entity<Agent>, moment: &Moment) -> Result<(), Rejection> {
    match moment.actor.agent() {
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

/// Who acts must be allowed to: an agent that moves a task belongs to its project and is at work.
fn actor_may_move(task: &Entity<Task>, cast: &Cast, moment: &Moment) -> Result<(), Rejection> {
    let Some(actor) = moment.actor.agent() else { return Ok(()) };
    let agent = cast.agent(actor)?.registered()?;
    agent.belongs_to(task.present()?.project)?;
    Ok(agent.may_move(task.id)?)
}
