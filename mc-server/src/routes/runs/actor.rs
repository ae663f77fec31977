//! Who acts in a run when it is completed or uses a tool.

use mc_domain::{
    actor::Actor,
    ids::{AgentId, RunId},
    run::Run,
};

use crate::{access::Caller, app::App, extract::ActorClaim, problem::Problem};

/// Who acts in a run that is within the caller's reach: its agent, unless somebody else is named or has shown who it is.
pub(super) async fn actor_in(
    app: &App,
    caller: &Caller,
    run: RunId,
    claim: Option<ActorClaim>,
) -> Result<Actor, Problem> {
    let run = app.repository().load::<Run>(&run).await?;
    let own: Option<AgentId> = run.terms().map(|terms| terms.agent);
    let own = own.map(|agent| agent.to_string());
    app.actor(caller, claim, own.as_deref().map(|agent| ("agentId", agent)), None).await
}
