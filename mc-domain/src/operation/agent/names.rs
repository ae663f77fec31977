//! A name for an agent: what reserves it in its project, and who bears it already, or one that passes for it.
//!
//! Every form that a name looks like is a reservation of its own ([`Key::of_agent`]), so of two that are taken for each
//! other only one is given, however many ask at once. Names that were given when upper and lower case was all that two
//! names were compared by hold a key of that time; whoever bears one is found by what the views know.

use std::collections::BTreeSet;

use crate::{
    actor::ActorKind,
    agent::{self, Agent, Role},
    ids::{AgentId, ProjectId},
    rejection::{NotLoaded, Rejection},
    reservation::{self, Holder, Key, Reservation},
    text,
    transaction::{Entity, Transaction},
    values::Name,
};

/// What is known of those who might bear a name, as far as reservations do not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The operators, whose names no agent takes.
    pub operators: Vec<Name>,
    /// The agents of the project that bear the name or one that passes for it, by the views.
    pub bearers: Vec<AgentId>,
}

/// A name in a project, with all that decides who gets it.
#[derive(Debug, Clone)]
pub struct Names {
    project: ProjectId,
    name: Name,
    keys: Vec<Entity<Reservation>>,
    former: Option<Entity<Reservation>>,
    bearers: Vec<Entity<Agent>>,
    operators: Vec<Name>,
}

impl Names {
    /// Reads the reservations of `name`, and the agents that hold them or are claimed to bear it.
    ///
    /// # Errors
    /// [`NotLoaded`] as for [`Transaction::get`].
    pub fn load(
        tx: &mut Transaction<'_>,
        project: ProjectId,
        name: &Name,
        claims: &Claims,
    ) -> Result<Self, NotLoaded> {
        let keys = Key::of_agent(project, name);
        let keys = keys.iter().map(|key| tx.get::<Reservation>(key)).collect::<Result<Vec<_>, _>>()?;
        let former = Key::of_agent_before(project, name);
        let former = former.map(|key| tx.get::<Reservation>(&key)).transpose()?;
        let holders = keys.iter().chain(&former).filter_map(|key| key.agent());
        let bearers: BTreeSet<_> = holders.chain(claims.bearers.iter().copied()).collect();
        let bearers = bearers.iter().map(|id| tx.get::<Agent>(id)).collect::<Result<_, _>>()?;
        let operators = claims.operators.clone();
        Ok(Self { project, name: name.clone(), keys, former, bearers, operators })
    }

    /// The agent of this name: of two that were told apart once and are not any more, the one that writes it like this.
    pub fn bearer(&self) -> Option<&Entity<Agent>> {
        let lower = self.name.as_str().to_lowercase();
        let exact = self.alike().find(|(_, name)| name.as_str().to_lowercase() == lower);
        exact.or_else(|| self.alike().find(|(_, name)| name.is(&self.name))).map(|(agent, _)| agent)
    }

    /// Whoever bears the name now, or one that passes for it.
    fn alike(&self) -> impl Iterator<Item = (&Entity<Agent>, &Name)> {
        self.bearers.iter().filter_map(|agent| {
            let registered = agent.registered().ok()?;
            let name = &registered.profile.name;
            let looks = text::looks(name.as_str());
            let passes = || text::looks(self.name.as_str()).iter().any(|look| looks.contains(look));
            (registered.project == self.project && passes()).then_some((agent, name))
        })
    }

    pub(super) fn is_of(&self, project: ProjectId, name: &Name) -> bool {
        self.project == project && self.name == *name
    }

    /// Gives the name to `agent`, which has another or none: nobody else may bear it, nor one that passes for it, nor may it
    /// pass for an operator's.
    pub(super) fn give(&self, tx: &mut Transaction<'_>, agent: AgentId, role: Role) -> Result<(), Rejection> {
        if let Some((other, name)) = self.alike().find(|(other, _)| other.id != agent) {
            return Err(match name.is(&self.name) {
                true => reservation::Rejection::Taken { by: Holder::Agent(other.id) }.into(),
                false => agent::Rejection::LooksLike { by: other.id, name: name.clone() }.into(),
            });
        }
        self.is_no_operators(tx, role)?;
        for key in &self.keys {
            tx.execute_in(Some(self.project), key, reservation::Command::Reserve(Holder::Agent(agent)))?;
        }
        Ok(())
    }

    /// Reserves for `agent`, which bears `name`, what of it is still free: one that was given before look-alikes were looked
    /// for comes to hold what one that is given now does.
    pub(super) fn keep(
        &self,
        tx: &mut Transaction<'_>,
        agent: AgentId,
        name: &Name,
    ) -> Result<(), Rejection> {
        let its_own = Key::of_agent(self.project, name);
        let free = self.keys.iter().filter(|key| ***key == Reservation::Free);
        for key in free.filter(|key| its_own.contains(&key.id)) {
            tx.execute_in(Some(self.project), key, reservation::Command::Reserve(Holder::Agent(agent)))?;
        }
        Ok(())
    }

    /// Takes from `agent` what it holds of the name and needs no more for the `next`. The key of before stays with a name
    /// that is only written differently: it may be all that the agent holds.
    pub(super) fn give_back(
        &self,
        tx: &mut Transaction<'_>,
        agent: AgentId,
        next: &Self,
    ) -> Result<(), Rejection> {
        let needed = |key: &Entity<Reservation>| next.keys.iter().any(|next| next.id == key.id);
        let former = self.former.as_ref().filter(|_| !self.name.is(&next.name));
        let held = self.keys.iter().chain(former).filter(|key| key.agent() == Some(agent));
        for key in held.filter(|key| !needed(key)) {
            tx.execute_in(Some(self.project), key, reservation::Command::Release(Holder::Agent(agent)))?;
        }
        Ok(())
    }

    /// The seat of the chief agent officer bears the name of the operator, who alone gives it.
    fn is_no_operators(&self, tx: &Transaction<'_>, role: Role) -> Result<(), Rejection> {
        if role == Role::Cao && tx.actor().kind() == ActorKind::Human {
            return Ok(());
        }
        let passes = |operator: &&Name| text::look_alike(operator.as_str(), self.name.as_str());
        match self.operators.iter().find(passes) {
            Some(operator) => Err(agent::Rejection::OperatorsName { operator: operator.clone() }.into()),
            None => Ok(()),
        }
    }
}
