//! What an operation may have to ask besides what it changes, and how it gets hold of what it misses.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use super::{Decision, Entity, Rejection};
use crate::{
    agent::Agent,
    alert::{self, Alert},
    approval::Approval,
    budget::{self, Budget},
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    project::Project,
    recorded::{StreamId, Streamed},
    reservation::{self, Reservation},
    run::Run,
    task::Task,
    values::Name,
};

/// What an operation may have to ask besides what it changes: the agents concerned (who acts, who holds the task, who is
/// to get it), the runs that end with the work, and the budgets they are charged on.
///
/// An operation that misses something answers [`Rejection::NotLoaded`]; [`with_cast`] loads it and asks again.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    agents: BTreeMap<AgentId, Entity<Agent>>,
    others: BTreeMap<StreamId, Arc<dyn Any + Send + Sync>>,
    decided: Decision,
    complete: bool,
}

/// What an operation misses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// A project.
    Project(ProjectId),
    /// An agent.
    Agent(AgentId),
    /// A task.
    Task(TaskId),
    /// A run.
    Run(RunId),
    /// A budget.
    Budget(budget::Key),
    /// An approval.
    Approval(ApprovalId),
    /// An alert.
    Alert(alert::Key),
    /// A reserved name.
    Reservation(reservation::Key),
}

/// An aggregate that an operation may ask for by its identity.
pub trait Known: Streamed {
    /// What is said of it when it is missing.
    fn missing(id: &Self::Id) -> Missing;
}

macro_rules! known {
    ($($aggregate:ident,)+) => {
        $(
            impl Known for $aggregate {
                fn missing(id: &Self::Id) -> Missing {
                    Missing::$aggregate(id.clone())
                }
            }
        )+

        impl Missing {
            fn load<L: Load>(&self, load: &mut L, cast: &mut Cast) -> Result<(), L::Error> {
                match self {
                    $(Self::$aggregate(id) => cast.seat(load.load::<$aggregate>(id)?),)+
                }
                Ok(())
            }
        }
    };
}

known! { Project, Agent, Task, Run, Budget, Approval, Alert, Reservation, }

/// Where aggregates come from: a repository's unit of work, or the histories of a test.
pub trait Load {
    /// Why one cannot be had.
    type Error;

    /// One aggregate as it is now; as it is before its first event when it has none.
    ///
    /// # Errors
    /// What the source says.
    fn load<A: Streamed>(&mut self, id: &A::Id) -> Result<Entity<A>, Self::Error>;
}

/// Asks an operation, loads what it misses, and asks again, until it answers.
///
/// # Errors
/// What the operation says, or where its aggregates come from.
pub fn with_cast<L, T, E>(
    load: &mut L,
    mut cast: Cast,
    mut ask: impl FnMut(&Cast) -> Result<T, Rejection>,
) -> Result<T, E>
where
    L: Load,
    E: From<Rejection> + From<L::Error>,
{
    loop {
        let missing = match ask(&cast) {
            Err(Rejection::NotLoaded(missing)) => missing,
            Err(Rejection::UnknownAgent(id)) if !cast.agents.contains_key(&id) => Missing::Agent(id),
            answer => return Ok(answer?),
        };
        missing.load(load, &mut cast)?;
    }
}

impl Cast {
    /// The agent known as `id`.
    ///
    /// # Errors
    /// [`Rejection::UnknownAgent`] when it is not among them, or not registered.
    pub fn agent(&self, id: AgentId) -> Result<&Entity<Agent>, Rejection> {
        self.agents.get(&id).filter(|agent| agent.registered().is_ok()).ok_or(Rejection::UnknownAgent(id))
    }

    /// One aggregate.
    ///
    /// # Errors
    /// [`Rejection::NotLoaded`] when it is not among them.
    pub fn find<A: Known>(&self, id: &A::Id) -> Result<Entity<A>, Rejection> {
        let known = match self.others.get(&StreamId::of::<A>(id)) {
            Some(entity) => entity.downcast_ref::<Entity<A>>().cloned(),
            None if self.complete => Some(Entity::new(id.clone())),
            None => None,
        };
        let known = known.ok_or_else(|| Rejection::NotLoaded(A::missing(id)))?;
        Ok(known.after_decision(&self.decided))
    }

    /// Adds one aggregate, or replaces what was known of it.
    pub fn seat<A: Known>(&mut self, entity: Entity<A>) {
        let any: &dyn Any = &entity;
        if let Some(agent) = any.downcast_ref::<Entity<Agent>>() {
            self.agents.insert(agent.id, agent.clone());
        }
        self.others.insert(StreamId::of::<A>(&entity.id), Arc::new(entity));
    }

    /// The same, one of them as given.
    #[must_use]
    pub fn with<A: Known>(&self, entity: Entity<A>) -> Self {
        let mut cast = self.clone();
        cast.seat(entity);
        cast
    }

    /// The same, as they are after what was decided so far, which is taken on their state.
    pub(super) fn after(&self, decided: &Decision) -> Self {
        let agents = self.agents.iter().map(|(id, agent)| (*id, agent.after_decision(decided))).collect();
        Self { agents, decided: self.decided.clone().and(decided.clone()), ..self.clone() }
    }

    /// The same, and whatever is not among them does not exist.
    #[must_use]
    pub fn complete(self) -> Self {
        Self { complete: true, ..self }
    }

    pub(super) fn names(&self) -> BTreeMap<AgentId, Name> {
        let name = |agent: &Entity<Agent>| agent.registered().ok().map(|known| known.profile.name.clone());
        self.agents.values().filter_map(|agent| Some((agent.id, name(agent)?))).collect()
    }
}

impl FromIterator<Entity<Agent>> for Cast {
    fn from_iter<I: IntoIterator<Item = Entity<Agent>>>(agents: I) -> Self {
        let mut cast = Self::default();
        agents.into_iter().for_each(|agent| cast.seat(agent));
        cast
    }
}
