//! `POST /api/runs/{run}/complete`: the end of a run.

use axum::{extract::State, response::Response};
use mc_domain::{
    ids::RunId,
    operation::{CompleteRun, complete_run},
    run::{Bill, Outcome, Run, Tokens, Usage},
};
use mc_projections::dollars::Cost;
use serde::Deserialize;

use super::{actor::actor_in, ended::Ended};
use crate::{
    access::Caller,
    answer::EntityRef,
    app::App,
    extract::{Body, IfMatch, Path},
    problem::Problem,
    routes::sanitize,
};

/// How a run ended, what it used, and what it cost: nobody knows when that is `null` or absent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunEnd {
    status: Ended<Outcome>,
    #[serde(default)]
    input_tokens: Tokens,
    #[serde(default)]
    output_tokens: Tokens,
    #[serde(default)]
    cache_read_tokens: Tokens,
    #[serde(default)]
    cache_write_tokens: Tokens,
    cost: Option<Cost>,
    error: Option<String>,
}

/// `POST /api/runs/{run}/complete`: the end of a run, which is final. It is by the run's agent unless the body names
/// another actor. Of a run that others have ended, its agent tells once what it used and cost: the run stays ended as it
/// is, and the cost is charged.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `conflict`, `forbidden`, `precondition-failed`,
/// `actor-mismatch`.
pub async fn complete(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RunId>,
    condition: IfMatch,
    body: Body<RunEnd>,
) -> Result<Response, Problem> {
    let project = app.project_of(caller.reach(), EntityRef::Run(id)).await?;
    let actor = actor_in(&app, &caller, id, body.actor).await?;
    let call = app.call(&caller, project, actor, body.keyed, condition);
    let request = body.value.into_command();
    app.change::<Run, _>(&call, id, |tx, _| Ok(complete_run(tx, id, request.clone())?)).await
}

impl RunEnd {
    fn into_command(self) -> CompleteRun {
        let usage = Usage {
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_tokens: self.cache_write_tokens,
        };
        let bill =
            Bill { usage, cost: self.cost.map(|cost| cost.0), error: sanitize::error(self.error.as_deref()) };
        CompleteRun { outcome: self.status.0, bill }
    }
}
