//! `/api/projects`: listing, creating and changing projects, each with agents, tasks and budgets of its own.

use axum::{extract::State, http::Uri, response::Response};
use mc_domain::{
    agent::PauseReason,
    budget::Key as BudgetKey,
    ids::ProjectId,
    operation::{Allowed, create_project, edit_project, withdraw_overrides},
    project::{Profile, Project},
    values::{Name, Slug, Text},
};
use mc_projections::{dollars::Dollars, page::Order};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    access::Caller,
    answer::shown,
    answer::{EntityRef, Reply},
    app::App,
    extract::{Body, Given, IfMatch, IfNoneMatch, Limit, OnlyNew, Path, Query, double_option, never_null},
    lookup,
    overrides::waiting_overrides,
    page::listed,
    problem::Problem,
};

/// The parameters of `GET /api/projects`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListProjects {
    order: Option<Order>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// The body that creates a project.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProject {
    name: Given<Name>,
    slug: Given<Slug>,
    description: Option<Text>,
    #[serde(default)]
    budgets: ProjectBudgets,
}

/// What all runs of a project may cost.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectBudgets {
    #[serde(default, deserialize_with = "double_option")]
    daily_cap: Option<Option<Dollars>>,
}

/// What to change of a project.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectChanges {
    #[serde(default, deserialize_with = "never_null")]
    name: Option<Given<Name>>,
    #[serde(default, deserialize_with = "double_option")]
    description: Option<Option<Text>>,
    #[serde(default, deserialize_with = "never_null")]
    budgets: Option<ProjectBudgets>,
}

/// `GET /api/projects`: all projects that the caller sees, newest first.
///
/// Problems: `malformed-query`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<ListProjects>,
) -> Result<Response, Problem> {
    app.answer(|views| {
        let (limit, cursor) = (query.limit.map(Limit::rows), query.cursor.as_deref());
        listed(&uri, views.projects.list(caller.reach(), query.order, limit, cursor))
    })
    .await
}

/// `GET /api/projects/{project}`: one project, by id or slug.
///
/// Problems: `not-found`.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(project): Path<String>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    let find =
        |views: &_| lookup::project(views, caller.reach(), &project).map_err(lookup::NotFound::in_path);
    shown(&app, &caller, condition, |views| Ok(EntityRef::Project(find(views)?))).await
}

/// `POST /api/projects`: a new project.
///
/// Problems: `malformed-body`, `invalid-fields`, `already-exists`, `forbidden`, `actor-mismatch`.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    _: OnlyNew,
    body: Body<NewProject>,
) -> Result<Response, Problem> {
    let NewProject { name: Given(name), slug: Given(slug), description, budgets } = body.value;
    let daily_cap = budgets.daily_cap.flatten().map(|cap| cap.0);
    let profile = Profile { name, description, daily_cap };
    let actor = app.actor(&caller, body.actor, None, None).await?;
    let call = app.call(&caller, None, actor, body.keyed, IfMatch::Any);
    let id = ProjectId::new(Uuid::now_v7());
    app.write(&call, |tx| {
        tx.create::<Project>(id);
        create_project(tx, id, slug.clone(), profile.clone())?;
        Ok(Reply::Created(EntityRef::Project(id)))
    })
    .await
}

/// `PATCH /api/projects/{project}`: its name, description and budgets. The slug never changes.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `precondition-failed`, `forbidden`, `actor-mismatch`.
pub async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path(project): Path<String>,
    condition: IfMatch,
    body: Body<ProjectChanges>,
) -> Result<Response, Problem> {
    let find =
        |views: &_| lookup::project(views, caller.reach(), &project).map_err(lookup::NotFound::in_path);
    let id = app.find(find).await?;
    let actor = app.actor(&caller, body.actor, None, None).await?;
    let call = app.call(&caller, Some(id), actor, body.keyed, condition);
    let changes = body.value;
    let waiting = match changes.budgets().daily_cap {
        Some(_) => app.read(|views| views.agents.paused(id, PauseReason::Budget)).await?,
        None => vec![],
    };
    let overrides = match changes.budgets().daily_cap {
        Some(_) => {
            let today = BudgetKey::ProjectDay(id, call.context.now.date_naive());
            waiting_overrides(&app, &call, id, today).await?
        }
        None => vec![],
    };
    app.change::<Project, _>(&call, id, |tx, project| {
        let Project::Present { profile, .. } = &**project else {
            return Err(mc_domain::project::Rejection::NotFound.into());
        };
        edit_project(tx, id, changes.applied_to(profile), &waiting)?;
        Ok(withdraw_overrides(tx, Allowed::Project(id, project.daily_cap()), &overrides)?)
    })
    .await
}

impl ProjectChanges {
    fn budgets(&self) -> ProjectBudgets {
        self.budgets.unwrap_or_default()
    }

    fn applied_to(&self, profile: &Profile) -> Profile {
        let daily_cap = self.budgets().daily_cap.map(|cap| cap.map(|cap| cap.0));
        Profile {
            name: self.name.clone().map_or_else(|| profile.name.clone(), |name| name.0),
            description: self.description.clone().unwrap_or_else(|| profile.description.clone()),
            daily_cap: daily_cap.unwrap_or(profile.daily_cap),
        }
    }
}
