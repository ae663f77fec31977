//! A policy as `/api/policy` shows it.

use axum::{Json, response::Response};
use mc_domain::{
    ids::ProjectId,
    policy::{self, Policy, document::Document},
};
use serde_json::{Value, json};

use crate::{app::App, headers::tagged, problem::Problem};

/// Answers a publication with the policy as of `position`, where it was committed.
///
/// # Errors
/// What the log says.
pub(crate) async fn published(
    app: &App,
    project: Option<ProjectId>,
    position: u64,
) -> Result<Response, Problem> {
    let scope = scope_of(project);
    let policy = app.repository().load_at::<Policy>(&scope, position).await?;
    Ok(shown(scope, &policy, policy.version()))
}

/// The scope of a project's own policy, or of the policy for all projects.
pub(crate) fn scope_of(project: Option<ProjectId>) -> policy::Scope {
    project.map_or(policy::Scope::Global, policy::Scope::Project)
}
/// Renders the policy of `scope`. `asked` is the version of the scope that was asked for, which `If-Match` of the next
/// publication names.
pub(crate) fn shown(scope: policy::Scope, policy: &Policy, asked: u32) -> Response {
    let default = Document::default();
    let mut body = policy.document().unwrap_or(&default).to_rest();
    if let Value::Object(fields) = &mut body {
        fields.insert("version".to_owned(), json!(policy.version()));
        fields.insert("projectId".to_owned(), json!(scope.project()));
    }
    tagged(asked.into(), Json(body))
}
