//! Who acts: the bearer of the credential; where the server asks for none, whom a request names, the agent whose own call it
//! is, or the operator.

use mc_domain::{
    actor::Actor,
    ids::{AgentId, ProjectId},
    values::Name,
};
use mc_projections::views::Views;

use super::handle::App;
use crate::{
    access::Caller,
    extract::ActorClaim,
    lookup, own_identity,
    problem::{Kind, Problem},
};

impl App {
    /// Resolves who acts: the bearer of the caller's credential; where the server asks for none, the actor that the body
    /// claims, else the agent whose own call it is (`own`: the field that names the agent, and its content), else the
    /// operator.
    ///
    /// # Errors
    /// - `actor-mismatch` when the body claims, or an agent names as the one whose own call it is, another than the bearer.
    /// - `invalid-fields` when there is no such agent.
    /// - `forbidden` when an agent's own call is claimed by another agent.
    pub async fn actor(
        &self,
        caller: &Caller,
        claim: Option<ActorClaim>,
        own: Option<(&str, &str)>,
        scope: Option<ProjectId>,
    ) -> Result<Actor, Problem> {
        let named = own.map(|(_, agent)| agent);
        let bearer = self.projected().read(|views| caller.acting(views, claim.as_ref(), named))?;
        let own = match own {
            Some((field, agent)) => Some(self.agent_in_field(caller, agent, scope, field).await?),
            None => None,
        };
        match bearer {
            Some(bearer) => Ok(bearer),
            None => self.claimed(caller, claim, own, scope).await,
        }
    }

    /// Who acts where the server asks for no credential.
    async fn claimed(
        &self,
        caller: &Caller,
        claim: Option<ActorClaim>,
        own: Option<AgentId>,
        scope: Option<ProjectId>,
    ) -> Result<Actor, Problem> {
        let named = |name: Option<String>, otherwise: &Name| match name {
            Some(name) => {
                Name::new(&name).map_err(|error| Problem::invalid_field("actor.id", error.to_string()))
            }
            None => Ok(otherwise.clone()),
        };
        match claim {
            None => Ok(own.map_or_else(|| Actor::Human(self.0.operator.clone()), Actor::Agent)),
            Some(ActorClaim::Human(name)) => Ok(Actor::Human(named(name, &self.0.operator)?)),
            Some(ActorClaim::System(name)) => Ok(Actor::System(named(name, &own_identity::server_name())?)),
            Some(ActorClaim::Agent(None)) => own.map(Actor::Agent).ok_or_else(|| {
                Problem::invalid_field("actor.id", "say which agent: {\"type\": \"agent\", \"id\": …}")
            }),
            Some(ActorClaim::Agent(Some(agent))) => {
                let agent = self.agent_in_field(caller, &agent, scope, "actor.id").await?;
                match own {
                    Some(own) if own != agent => Err(Problem::new(
                        Kind::Forbidden,
                        "One agent cannot act for another. Name the same agent in both places, or leave one out.",
                    )),
                    _ => Ok(Actor::Agent(agent)),
                }
            }
        }
    }

    async fn agent_in_field(
        &self,
        caller: &Caller,
        agent: &str,
        scope: Option<ProjectId>,
        field: &str,
    ) -> Result<AgentId, Problem> {
        let find = |views: &Views| lookup::agent(views, caller.reach(), agent, scope);
        self.find(|views| find(views).map_err(|unknown| unknown.in_field(field))).await
    }
}
