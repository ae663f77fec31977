//! `/api/tasks`: listing, creating, changing, claiming and moving tasks.

use std::collections::BTreeSet;

use axum::{extract::State, http::Uri, response::Response};
use mc_domain::{
    agent::PauseReason,
    budget::Key as BudgetKey,
    ids::{AgentId, LeaseId, ProjectId, TaskId},
    money::Usd,
    operation::{
        Allowed, CreateTask, MoveTask, ReassignTask, claim_task, create_task, edit_task, follow_task,
        move_task, reassign_task, unfollow_task, withdraw_overrides,
    },
    policy::document::{Document, PolicyLimits},
    reach::Reach,
    task::{Details, Move, Priority, Status, Task, TaskType},
    values::{Label, Reason, Text, Title},
};
use mc_projections::{
    dollars::{Cost, Dollars},
    page::{DEFAULT_LIMIT, Order, Page},
    tasks::{TaskQuery, TaskSort},
    views::Views,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    scope::Scope,
    transition_input::{Deliverable, Plan, ReviewChecklist},
};
use crate::{
    access::Caller,
    answer::shown,
    answer::{EntityRef, Reply},
    app::{App, Call},
    extract::{
        Body, IfMatch, IfNoneMatch, Limit, List, OnlyNew, Path, Query, Time, double_option, never_null,
    },
    headers::at_position,
    lookup,
    overrides::waiting_overrides,
    page::{invalid_cursor, listed},
    problem::Problem,
    refusal,
};

/// How often the views are asked for one page of a list, each time for as many tasks as they look at at once.
const MAX_STRETCHES: usize = 100;
/// The most agents one task may be assigned to.
const MAX_ASSIGNEES: usize = 20;
/// The most labels one task may have.
const MAX_LABELS: usize = 20;

/// The parameters of `GET /api/tasks`; lists of values mean any of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListTasks {
    project: Option<String>,
    #[serde(default)]
    status: List<Status>,
    #[serde(default, rename = "type")]
    kind: List<TaskType>,
    #[serde(default)]
    assignee: List<String>,
    unassigned: Option<bool>,
    #[serde(default)]
    priority: List<Priority>,
    #[serde(default)]
    label: List<Label>,
    search: Option<String>,
    overdue: Option<bool>,
    archived: Option<bool>,
    sort_by: Option<TaskSort>,
    order: Option<Order>,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// The body that creates a task; without assignees it waits in the inbox.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewTask {
    #[serde(alias = "project")]
    project_id: Option<String>,
    title: Title,
    description: Option<Text>,
    #[serde(rename = "type")]
    kind: TaskType,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    assignee_ids: Vec<String>,
    #[serde(default)]
    reviewer_ids: Vec<String>,
    #[serde(default)]
    labels: BTreeSet<Label>,
    estimated_cost: Option<Cost>,
    budget: Option<Dollars>,
    due_at: Option<Time>,
    parent_task_id: Option<TaskId>,
}

/// What to change of a task; `null` takes an optional detail away, and gives the budget of its type back.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskChanges {
    #[serde(default, deserialize_with = "never_null")]
    title: Option<Title>,
    #[serde(default, deserialize_with = "double_option")]
    description: Option<Option<Text>>,
    #[serde(default, rename = "type", deserialize_with = "never_null")]
    kind: Option<TaskType>,
    #[serde(default, deserialize_with = "never_null")]
    priority: Option<Priority>,
    #[serde(default, deserialize_with = "never_null")]
    assignee_ids: Option<Vec<String>>,
    #[serde(default, deserialize_with = "never_null")]
    reviewer_ids: Option<Vec<String>>,
    #[serde(default, deserialize_with = "never_null")]
    labels: Option<BTreeSet<Label>>,
    #[serde(default, deserialize_with = "double_option")]
    estimated_cost: Option<Option<Cost>>,
    #[serde(default, deserialize_with = "double_option")]
    budget: Option<Option<Dollars>>,
    #[serde(default, deserialize_with = "double_option")]
    due_at: Option<Option<Time>>,
    reason: Option<Reason>,
}

/// The body of a claim: the agent that takes the task, which need not name itself once its credential does.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claim {
    agent_id: Option<String>,
}

/// The body of a transition: the status the task moves to, and what that status requires.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transition {
    to_status: Status,
    reason: Option<Reason>,
    blocked_reason: Option<Reason>,
    work_plan: Option<Plan>,
    deliverable: Option<Deliverable>,
    review_checklist: Option<ReviewChecklist>,
    assignee_ids: Option<Vec<String>>,
    agent_id: Option<String>,
    lease_id: Option<LeaseId>,
}

/// Who wants to hear of a task: the operator when no agent is named.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subscriber {
    agent_id: Option<String>,
}

/// `GET /api/tasks`: tasks, newest first unless sorted. Where filters pass over many, as a search does, the views are let
/// go in between; after 200,000 tasks the page is answered as short as it is, and the next one goes on.
///
/// Problems: `malformed-query`.
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<ListTasks>,
) -> Result<Response, Problem> {
    let now = app.now();
    let mut query = app.read(|views| query.resolved(views, caller.reach())).await??;
    let mut left = query.limit.unwrap_or(DEFAULT_LIMIT);
    let mut found: Vec<TaskId> = Vec::new();
    let mut stretch = 0;
    loop {
        stretch += 1;
        let answer = app.read(|views| {
            let page = views.tasks.list(&query, now, &views.agents).map_err(invalid_cursor)?;
            if page.next.is_some() && page.items.len() < left && stretch < MAX_STRETCHES {
                let ids: Vec<_> = page.items.iter().map(|task| task.id).collect();
                return Ok::<_, Problem>(Err((ids, page.next)));
            }
            let before = found.iter().filter_map(|task| views.tasks.view(*task, &views.agents));
            let items: Vec<_> = before.chain(page.items).collect();
            listed(&uri, Ok(Page { items, next: page.next }))
                .map(|list| Ok(at_position(list, views.position())))
        });
        match answer.await?? {
            Ok(response) => return Ok(response),
            Err((ids, next)) => {
                left -= ids.len();
                found.extend(ids);
                (query.limit, query.cursor) = (Some(left), next);
            }
        }
    }
}

/// `GET /api/tasks/{task}`: one task.
///
/// Problems: `not-found`.
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(task): Path<TaskId>,
    condition: IfNoneMatch,
) -> Result<Response, Problem> {
    shown(&app, &caller, condition, |_| Ok(EntityRef::Task(task))).await
}

/// `POST /api/tasks`: a new task, in the inbox, or assigned when assignees are named.
///
/// Problems: `malformed-body`, `malformed-query`, `invalid-fields`, `rule-broken`, `agent-not-active`, `forbidden`,
/// `limit-reached`, `actor-mismatch`.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Query(scope): Query<Scope>,
    _: OnlyNew,
    body: Body<NewTask>,
) -> Result<Response, Problem> {
    let new = body.value;
    let (project, mut request) = app.find(|views| new.resolved(views, caller.reach(), &scope)).await?;
    let actor = app.actor(&caller, body.actor, None, Some(project)).await?;
    let _turn = match actor.agent() {
        Some(creator) => {
            let turn = app.turn(creator.uuid()).await?;
            request.open = app.open_tasks_of(creator).await?;
            Some(turn)
        }
        None => None,
    };
    let call = app.call(&caller, Some(project), actor, body.keyed, IfMatch::Any);
    let id = TaskId::new(Uuid::now_v7());
    app.write(&call, |tx| {
        tx.create::<Task>(id);
        create_task(tx, project, id, new.parent_task_id, request.clone())?;
        Ok(Reply::Created(EntityRef::Task(id)))
    })
    .await
}

/// `PATCH /api/tasks/{task}`: its details, and with `assigneeIds` who has it.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `rule-broken`, `agent-not-active`, `conflict`,
/// `illegal-transition`, `precondition-failed`, `forbidden`, `actor-mismatch`.
pub async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TaskId>,
    condition: IfMatch,
    body: Body<TaskChanges>,
) -> Result<Response, Problem> {
    let changes = body.value;
    if changes.reason.is_some() && changes.assignee_ids.is_none() {
        return Err(Problem::invalid_field("reason", "says why its assignees change: name assigneeIds too"));
    }
    let (project, assignees, reviewers) = app
        .find(|views| {
            let project = lookup::project_of_task(views, caller.reach(), id)?;
            let assignees =
                agents(views, caller.reach(), changes.assignee_ids.as_deref(), project, "assigneeIds")?;
            let reviewers = reviewers(views, caller.reach(), changes.reviewer_ids.as_deref(), project)?;
            Ok((project, assignees, reviewers))
        })
        .await?;
    check_labels(changes.labels.as_ref())?;
    let actor = app.actor(&caller, body.actor, None, Some(project)).await?;
    let call = app.call(&caller, Some(project), actor, body.keyed, condition);
    let waiting = match changes.budget {
        Some(_) => app.read(|views| views.agents.paused(project, PauseReason::Budget)).await?,
        None => vec![],
    };
    let overrides = match changes.budget {
        Some(_) => waiting_overrides(&app, &call, project, BudgetKey::Task(id)).await?,
        None => vec![],
    };
    app.change::<Task, _>(&call, id, |tx, task| {
        let before = &task.present()?.details();
        let details = changes.applied_to(before, reviewers.clone(), tx.policy());
        edit_task(tx, id, details, &waiting)?;
        withdraw_overrides(tx, Allowed::Task(id, before.budget), &overrides)?;
        if let Some(assignees) = assignees.clone() {
            reassign_task(tx, id, ReassignTask { assignees, reason: changes.reason.clone() })?;
        }
        Ok(())
    })
    .await
}

/// `POST /api/tasks/{task}/claim`: an agent takes a task from the inbox. The first one wins.
///
/// Problems: `not-found`, `invalid-fields`, `already-claimed`, `agent-not-active`, `squad-stopped`, `rule-broken`,
/// `illegal-transition`, `precondition-failed`, `actor-mismatch`.
pub async fn claim(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TaskId>,
    condition: IfMatch,
    body: Body<Claim>,
) -> Result<Response, Problem> {
    let project = app.find(|views| lookup::project_of_task(views, caller.reach(), id)).await?;
    let own = caller.required_own("agentId", body.value.agent_id.as_deref())?;
    let actor = app.actor(&caller, body.actor, Some(("agentId", &own)), Some(project)).await?;
    let claimer = actor.agent().ok_or_else(|| Problem::invalid_field("actor", "only an agent claims"))?;
    let call = app.call(&caller, Some(project), actor, body.keyed, condition);
    app.change::<Task, _>(&call, id, |tx, _| Ok(claim_task(tx, id, claimer)?)).await
}

/// `POST /api/tasks/{task}/subscribe`: whoever asks, an operator or the agent of `agentId`, hears of whatever happens to the
/// task, without having it.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `rule-broken`, `precondition-failed`, `actor-mismatch`.
pub async fn subscribe(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TaskId>,
    condition: IfMatch,
    body: Body<Subscriber>,
) -> Result<Response, Problem> {
    let call = subscription(&app, &caller, id, condition, body).await?;
    app.change::<Task, _>(&call, id, |tx, _| Ok(follow_task(tx, id)?)).await
}

/// `POST /api/tasks/{task}/unsubscribe`: whoever asked to hear of the task does so no longer.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `precondition-failed`, `actor-mismatch`.
pub async fn unsubscribe(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TaskId>,
    condition: IfMatch,
    body: Body<Subscriber>,
) -> Result<Response, Problem> {
    let call = subscription(&app, &caller, id, condition, body).await?;
    app.change::<Task, _>(&call, id, |tx, _| Ok(unfollow_task(tx, id)?)).await
}

async fn subscription(
    app: &App,
    caller: &Caller,
    id: TaskId,
    condition: IfMatch,
    body: Body<Subscriber>,
) -> Result<Call, Problem> {
    let named = body.value.agent_id.as_deref();
    let project = app
        .find(|views| {
            let project = lookup::project_of_task(views, caller.reach(), id)?;
            caller.check_own(views, named)?;
            let find = |agent| lookup::agent_of(views, caller.reach(), agent, project);
            let agent = named.map(find).transpose();
            agent.map_err(|unknown| unknown.in_field("agentId"))?;
            Ok(project)
        })
        .await?;
    let actor = app.actor(caller, body.actor, named.map(|agent| ("agentId", agent)), Some(project)).await?;
    Ok(app.call(caller, Some(project), actor, body.keyed, condition))
}

/// `POST /api/tasks/{task}/transition`: a move to another status, with what it needs.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `illegal-transition`, `forbidden`, `conflict`,
/// `agent-not-active`, `squad-stopped`, `rule-broken`, `precondition-failed`, `actor-mismatch`.
pub async fn transition(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TaskId>,
    condition: IfMatch,
    body: Body<Transition>,
) -> Result<Response, Problem> {
    let Transition { assignee_ids, agent_id, .. } = &body.value;
    let (project, assignees) = app
        .find(|views| {
            let project = lookup::project_of_task(views, caller.reach(), id)?;
            Ok((project, agents(views, caller.reach(), assignee_ids.as_deref(), project, "assigneeIds")?))
        })
        .await?;
    let own = agent_id.as_deref().map(|agent| ("agentId", agent));
    let actor = app.actor(&caller, body.actor, own, Some(project)).await?;
    let call = app.call(&caller, Some(project), actor, body.keyed, condition);
    let request = body.value.into_command(assignees);
    app.change::<Task, _>(&call, id, |tx, task| {
        let moved = move_task(tx, id, request.clone());
        moved.map_err(|refused| refusal::of_move(refused.into(), task, &call.context))
    })
    .await
}

impl ListTasks {
    fn resolved(self, views: &Views, reach: &Reach) -> Result<TaskQuery, Problem> {
        let project = lookup::scope(views, reach, self.project.as_deref())?;
        let assignee = lookup::agents_in_query(views, reach, &self.assignee.0, project, "assignee")?;
        Ok(TaskQuery {
            reach: reach.within(&project.into()),
            status: self.status.0,
            kind: self.kind.0,
            assignee,
            unassigned: self.unassigned,
            priority: self.priority.0,
            label: self.label.0,
            search: self.search,
            overdue: self.overdue,
            archived: self.archived.unwrap_or_default(),
            sort: self.sort_by,
            order: self.order,
            limit: self.limit.map(Limit::rows),
            cursor: self.cursor,
        })
    }
}

impl NewTask {
    fn resolved(
        &self,
        views: &Views,
        reach: &Reach,
        scope: &Scope,
    ) -> Result<(ProjectId, CreateTask), Problem> {
        let project = scope.home(views, reach, self.project_id.as_deref())?;
        let assignees = agents(views, reach, Some(&self.assignee_ids), project, "assigneeIds")?;
        let reviewers = reviewers(views, reach, Some(&self.reviewer_ids), project)?;
        check_labels(Some(&self.labels))?;
        let details = Details {
            description: self.description.clone(),
            priority: self.priority,
            labels: self.labels.clone(),
            reviewers: reviewers.unwrap_or_default(),
            estimated_cost: self.estimated_cost.map(|cost| cost.0),
            budget: self.budget.map_or_else(|| default_budget(views, project, self.kind), |budget| budget.0),
            due_at: self.due_at.map(|due| due.0),
            ..Details::new(self.title.clone(), self.kind)
        };
        Ok((project, CreateTask { details, assignees: assignees.unwrap_or_default(), open: 0 }))
    }
}

impl TaskChanges {
    fn applied_to(
        &self,
        details: &Details,
        reviewers: Option<BTreeSet<AgentId>>,
        limits: &PolicyLimits,
    ) -> Details {
        let kind = self.kind.unwrap_or(details.kind);
        let budget = |asked: Option<Dollars>| asked.map_or(limits.task_budgets.of(kind), |budget| budget.0);
        let estimated_cost = self.estimated_cost.map(|cost| cost.map(|cost| cost.0));
        Details {
            title: self.title.clone().unwrap_or_else(|| details.title.clone()),
            description: self.description.clone().unwrap_or_else(|| details.description.clone()),
            kind,
            priority: self.priority.unwrap_or(details.priority),
            labels: self.labels.clone().unwrap_or_else(|| details.labels.clone()),
            reviewers: reviewers.unwrap_or_else(|| details.reviewers.clone()),
            estimated_cost: estimated_cost.unwrap_or(details.estimated_cost),
            budget: self.budget.map_or(details.budget, budget),
            due_at: self.due_at.map_or(details.due_at, |due| due.map(|due| due.0)),
        }
    }
}

impl Transition {
    fn into_command(self, assignees: Option<BTreeSet<AgentId>>) -> MoveTask {
        let reason = match self.to_status {
            Status::Blocked => self.blocked_reason.or(self.reason),
            _ => self.reason.or(self.blocked_reason),
        };
        let to = Move {
            reason,
            plan: self.work_plan.map(|plan| plan.0),
            deliverable: self.deliverable.map(|deliverable| deliverable.0),
            checklist: self.review_checklist.map(|checklist| checklist.0),
            lease: self.lease_id,
            ..Move::to(self.to_status)
        };
        MoveTask { to, assignees, lease: LeaseId::new(Uuid::now_v7()) }
    }
}

/// What a task of this type may cost when nobody says otherwise: as the active policy has it.
fn default_budget(views: &Views, project: ProjectId, kind: TaskType) -> Usd {
    let limits = views.policy.active(Some(project)).map(Document::policy_limits).unwrap_or_default();
    limits.task_budgets.of(kind)
}

fn agents(
    views: &Views,
    reach: &Reach,
    written: Option<&[String]>,
    project: ProjectId,
    field: &str,
) -> Result<Option<BTreeSet<AgentId>>, Problem> {
    let Some(written) = written else { return Ok(None) };
    if written.len() > MAX_ASSIGNEES {
        return Err(Problem::invalid_field(field, format!("must be at most {MAX_ASSIGNEES} agents")));
    }
    let found = written.iter().enumerate().map(|(index, agent)| {
        lookup::agent(views, reach, agent, Some(project))
            .map_err(|unknown| unknown.in_field(&format!("{field}[{index}]")))
    });
    found.collect::<Result<_, _>>().map(Some)
}

fn reviewers(
    views: &Views,
    reach: &Reach,
    written: Option<&[String]>,
    project: ProjectId,
) -> Result<Option<BTreeSet<AgentId>>, Problem> {
    let found = agents(views, reach, written, project, "reviewerIds")?;
    let foreign = |id: &&AgentId| views.agents.project_of(**id) != Some(project);
    match found.iter().flatten().find(foreign) {
        Some(id) => {
            let message = format!("{} belongs to another project", views.agents.name_or_id(*id));
            Err(Problem::invalid_field("reviewerIds", message))
        }
        None => Ok(found),
    }
}

fn check_labels(labels: Option<&BTreeSet<Label>>) -> Result<(), Problem> {
    match labels {
        Some(labels) if labels.len() > MAX_LABELS => {
            Err(Problem::invalid_field("labels", format!("must be at most {MAX_LABELS}")))
        }
        _ => Ok(()),
    }
}
