//! Overrides that may wait for a cap to be raised.

use mc_domain::{
    budget::Key,
    ids::{ApprovalId, ProjectId},
    operation::budget_asked_for,
};

use crate::{
    app::{App, Call},
    problem::Problem,
};

/// The overrides of a project that wait for more to be allowed on the budget `key`, or on that of another day.
///
/// # Errors
/// When the views no longer follow the log.
pub async fn waiting_overrides(
    app: &App,
    call: &Call,
    project: ProjectId,
    key: Key,
) -> Result<Vec<ApprovalId>, Problem> {
    app.read(|views| {
        views.approvals.waiting_overrides(project, |subject, ask| {
            budget_asked_for(subject, ask, &call.context).is_some_and(|asked| asked.has_owner_of(key))
        })
    })
    .await
}
