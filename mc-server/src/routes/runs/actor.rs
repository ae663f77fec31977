//! Who acts in a run when it is completed or uses a tool.

use mc_domain::{
    actor::Actor,
    ids::{AgentId, RunId},
    run::Run,
};

use crate::{app::App, extract::ActorClaim, problem::Problem};

/// Who acts in a run: its agent, unless somebody else is named.
pub(super) async fn actor_in(app: &App, run: RunId, claim: Option<ActorClaim>) -> Result<Actor, Problem> {
    let run = app.repository().load::<Run>(&run).await?;
    let own: Option<AgentId> = run.terms().map(|terms| terms.agent);
    let own = own.map(|agent| agent.to_string());
    app.actor(claim, own.as_deref().map(|agent| ("agentId", agent)), None).await
}
