//! `/api/notifications`: listing notifications and marking them as read.

use axum::{extract::State, http::Uri, response::Response};
use mc_domain::{
    ids::NotificationId,
    notification::{Command, Kind, Notification, Recipient, Status},
    reach::Reach,
};
use mc_projections::{notifications::NotificationQuery, page::Order, views::Views};
use serde::Deserialize;

use crate::{
    access::Caller,
    answer::EntityRef,
    answer::shown,
    app::App,
    extract::{Body, IfMatch, IfNoneMatch, Limit, List, Nothing, Path, Query},
    lookup,
    page::listed,
    problem::Problem,
};

/// The parameters of `GET /api/notifications`; lists of values mean any of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListNotifications {
    project: Option<String>,
    #[serde(default)]
    agent_id: List<String>,
    unread: Option<bool>,
    #[serde(default)]
    status: List<Status>,
    #[serde(default, rename = "type")]
    kind: List<Kind>,
    order: Option<Order>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// `GET /api/notifications`: what everybody was told, or the agents of `agentId`, newest first.
///
/// Problems: `malformed-query`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<ListNotifications>,
) -> Result<Response, Problem> {
    app.answer(|views| {
        listed(&uri, views.notifications.list(&query.resolved(views, caller.reach())?, &views.agents))
    })
    .await
}

/// `GET /api/notifications/{notification}`: one notification.
///
/// Problems: `not-found`.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(notification): Path<NotificationId>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    shown(&app, &caller, condition, |_| Ok(EntityRef::Notification(notification))).await
}

/// `POST /api/notifications/{notification}/read`: whom it was for has read it.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `conflict`, `forbidden`, `precondition-failed`,
/// `actor-mismatch`.
pub async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<NotificationId>,
    condition: IfMatch,
    body: Body<Nothing>,
) -> Result<Response, Problem> {
    let project = app.project_of(caller.reach(), EntityRef::Notification(id)).await?;
    let actor = app.actor(&caller, body.actor, None, project).await?;
    let call = app.call(&caller, project, actor, body.keyed, condition);
    app.change::<Notification, _>(&call, id, |tx, notification| {
        tx.execute_in(project, notification, Command::Read)?;
        Ok(())
    })
    .await
}

impl ListNotifications {
    fn resolved(&self, views: &Views, reach: &Reach) -> Result<NotificationQuery, Problem> {
        let project = lookup::scope(views, reach, self.project.as_deref())?;
        let agents = lookup::agents_in_query(views, reach, &self.agent_id.0, project, "agentId")?;
        Ok(NotificationQuery {
            reach: reach.within(&project.into()),
            recipient: agents.into_iter().map(Recipient::Agent).collect(),
            unread: self.unread,
            status: self.status.0.clone(),
            kind: self.kind.0.clone(),
            order: self.order,
            limit: self.limit.map(Limit::rows),
            cursor: self.cursor.clone(),
        })
    }
}
