//! The answers to the halt of a squad and to its resumption.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use mc_domain::{
    actor::Actor,
    ids::{AgentId, CredentialId, ProjectId, TaskId},
    project::Halt,
};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    halt::{By, follow},
    headers::at_position,
    problem::Problem,
    refusal,
};

/// The body of the answer to a halt or a resumption; only the count that fits is present.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SquadAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paused: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resumed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blocked: Option<usize>,
    pub(crate) agents: Vec<AgentId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tasks: Vec<TaskId>,
}

/// A halt as it was committed, stored with the commit; its answer is rendered from what followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HaltOrder {
    pub(crate) halt: Halt,
    pub(crate) by: Actor,
    /// The credential that it was ordered by, which what follows is recorded with too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<CredentialId>,
    /// The projects, each with the number of its halt.
    pub(crate) squads: Vec<(ProjectId, u64)>,
}

/// Answers a halt with what followed from it, and carries that out first where it is still to be done.
///
/// # Errors
/// What the log says.
pub(crate) async fn halted(app: &App, ordered: &HaltOrder) -> Result<Response, Problem> {
    let mut answer = SquadAnswer { paused: Some(0), ..SquadAnswer::default() };
    let mut position = 0;
    for (project, number) in &ordered.squads {
        let by = By { actor: &ordered.by, credential: ordered.credential, lease: None };
        let followed = follow(app, by, *project, *number).await;
        let followed = followed.map_err(|refused| app.problem(refused))?;
        answer.agents.extend(followed.agents);
        answer.tasks.extend(followed.tasks);
        position = position.max(followed.position);
    }
    answer.paused = Some(answer.agents.len());
    answer.blocked = matches!(ordered.halt, Halt::Emergency).then_some(answer.tasks.len());
    app.projected().wait_for(position).await.map_err(|stopped| refusal::stopped(&stopped))?;
    Ok(at_position(Json(answer).into_response(), position))
}
