//! `/api/runs/{run}/tool-calls`: recording and listing the tool calls of a run.

use axum::{extract::State, http::Uri, response::Response};
use mc_domain::{
    ids::{ApprovalId, RunId},
    operation::{UseTool, record_tool_call},
    policy::document::Document,
    run::{Run, ToolCall, ToolRisk, ToolStatus},
    values::Label,
};
use mc_projections::{history::HistoryQuery, page::Order};
use serde::Deserialize;

use super::{actor::actor_in, ended::Ended};
use crate::{
    access::Caller,
    answer::{EntityRef, Reply},
    app::App,
    extract::{AsSent, Body, IfMatch, Limit, Path, Query},
    page::{history_problem, listed},
    problem::Problem,
    routes::sanitize,
};

/// The use of a tool. What went in and came out is cut to what is kept; of `params` nothing is, they are held against what
/// was approved.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewToolCall {
    tool: Label,
    risk: Option<ToolRisk>,
    status: Ended<ToolStatus>,
    approval_id: Option<ApprovalId>,
    params: Option<AsSent>,
    input_preview: Option<AsSent>,
    output_preview: Option<AsSent>,
    error: Option<String>,
}

/// The parameters of the list of a run's tool calls.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListToolCalls {
    order: Option<Order>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// `POST /api/runs/{run}/tool-calls`: a run used a tool. Where tools fail with one error again and again, the run is
/// broken off, its task blocked and its agent quarantined. It is by the run's agent unless the body names another actor.
///
/// A tool that is red, by the policy or by the `risk` that is told, was used (`success` or `failed`) under an approval, which
/// `approvalId` names: given to the run's agent, for the run's task where it names one, for this tool, and with `params`
/// for exactly these. It is good for one use. A use without one is recorded and contained as above, with an alert
/// `policy_violation`, and answered with `approval-required`.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `conflict`, `approval-required`, `forbidden`,
/// `rule-broken`, `precondition-failed`, `actor-mismatch`.
pub async fn call_tool(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RunId>,
    condition: IfMatch,
    body: Body<NewToolCall>,
) -> Result<Response, Problem> {
    let project = app.project_of(caller.reach(), EntityRef::Run(id)).await?;
    let actor = actor_in(&app, &caller, id, body.actor).await?;
    let call = app.call(&caller, project, actor, body.keyed, condition);
    let policy = app.policy_in(project).await?;
    let used = body.value.into_command(&policy);
    app.write(&call, |tx| {
        let run = call.expected::<Run>(tx, &id)?;
        let number = run.running()?.tool_calls().saturating_add(1);
        let outcome = record_tool_call(tx, id, used.clone())?;
        Ok(app.reply(outcome, Reply::ToolCalled(id, number)))
    })
    .await
}

/// `GET /api/runs/{run}/tool-calls`: what the run used its tools for, oldest first.
///
/// Problems: `not-found`, `malformed-query`.
pub async fn list_tool_calls(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Path(run): Path<RunId>,
    Query(query): Query<ListToolCalls>,
) -> Result<Response, Problem> {
    app.read(|views| EntityRef::Run(run).within(views, caller.reach())).await??;
    let page = app.projected().tool_calls(run, &query.into()).await.map_err(history_problem)?;
    app.answer(|_| listed(&uri, Ok(page))).await
}

impl From<ListToolCalls> for HistoryQuery {
    fn from(query: ListToolCalls) -> Self {
        Self { order: query.order, limit: query.limit.map(Limit::rows), cursor: query.cursor }
    }
}

impl NewToolCall {
    fn into_command(self, policy: &Document) -> UseTool {
        let params = self.params.map(|AsSent(params)| params);
        let risk = policy.risk_of(self.tool.as_str()).into();
        let call = ToolCall {
            tool: self.tool,
            risk: self.risk,
            approval: self.approval_id,
            status: self.status.0,
            input_preview: sanitize::preview(self.input_preview.as_ref().map(|AsSent(input)| input)),
            output_preview: sanitize::preview(self.output_preview.as_ref().map(|AsSent(output)| output)),
            error: sanitize::error(self.error.as_deref()),
        };
        UseTool { call, policy: risk, params }
    }
}
