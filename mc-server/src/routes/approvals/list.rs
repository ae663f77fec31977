//! `GET /api/approvals`: the approvals, and one of them.

use std::str::FromStr;

use axum::{extract::State, http::Uri, response::Response};
use mc_domain::{
    approval::{Risk, Status},
    ids::{ApprovalId, TaskId},
    reach::Reach,
};
use mc_projections::{
    approvals::{ApprovalQuery, ApprovalSort},
    page::Order,
    views::Views,
};
use serde::Deserialize;

use crate::{
    access::Caller,
    answer::EntityRef,
    answer::shown,
    app::App,
    extract::{IfNoneMatch, Limit, List, Path, Query},
    lookup,
    page::listed,
    problem::Problem,
};

/// The parameters of `GET /api/approvals`; lists of values mean any of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListApprovals {
    project: Option<String>,
    #[serde(default)]
    status: List<Wanted>,
    #[serde(default)]
    agent_id: List<String>,
    #[serde(default)]
    task_id: List<TaskId>,
    #[serde(default)]
    risk: List<Risk>,
    sort_by: Option<ApprovalSort>,
    order: Option<Order>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// A status that is asked for, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Only approvals of this status, open or decided.
    Only(Status),
    /// Approvals of every status, written `all`.
    All,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            all if all.eq_ignore_ascii_case("all") => Ok(Self::All),
            one => one.parse().map(Self::Only).map_err(|error| format!("{error}, all")),
        }
    }
}

impl List<Wanted> {
    /// The statuses meant: those that wait for a decision when none is named.
    fn statuses(&self) -> Vec<Status> {
        match &self.0[..] {
            [] => Status::ALL.iter().copied().filter(|status| status.is_open()).collect(),
            wanted => Status::ALL
                .iter()
                .copied()
                .filter(|status| wanted.contains(&Wanted::All) || wanted.contains(&Wanted::Only(*status)))
                .collect(),
        }
    }
}

/// `GET /api/approvals`: those that wait for a decision, newest first; `status=all` for the decided ones too.
///
/// Problems: `malformed-query`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<ListApprovals>,
) -> Result<Response, Problem> {
    app.answer(|views| {
        listed(&uri, views.approvals.list(&query.resolved(views, caller.reach())?, &views.agents))
    })
    .await
}

/// `GET /api/approvals/{approval}`: one approval.
///
/// Problems: `not-found`.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(approval): Path<ApprovalId>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    shown(&app, &caller, condition, |_| Ok(EntityRef::Approval(approval))).await
}

impl ListApprovals {
    fn resolved(&self, views: &Views, reach: &Reach) -> Result<ApprovalQuery, Problem> {
        let project = lookup::scope(views, reach, self.project.as_deref())?;
        let agent = lookup::agents_in_query(views, reach, &self.agent_id.0, project, "agentId")?;
        Ok(ApprovalQuery {
            reach: reach.within(&project.into()),
            status: self.status.statuses(),
            agent,
            task: self.task_id.0.clone(),
            risk: self.risk.0.clone(),
            sort: self.sort_by,
            order: self.order,
            limit: self.limit.map(Limit::rows),
            cursor: self.cursor.clone(),
        })
    }
}
