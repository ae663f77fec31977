//! `/api/credentials` and `/api/whoami`: issuing, listing, renaming and revoking credentials.

use std::collections::BTreeSet;

use axum::{
    Json,
    body::Body as Stream,
    extract::State,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use http_body_util::BodyExt;
use mc_domain::{
    credential::{Bearer, Command, Credential, Grant, Role},
    ids::{AgentId, CredentialId, ProjectId},
    operation::{issue_credential, revoke_credential},
    reach::Reach,
    values::{Name, Reason},
};
use mc_projections::{credentials::CredentialView, instant::Millis, page::Page, views::Views};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access::{Caller, Secret},
    answer::{EntityRef, Reply},
    app::App,
    extract::{Body, Given, IfMatch, Limit, Path, Query, Time, never_null},
    headers::{IDEMPOTENCY_REPLAYED, tagged},
    lookup, own_identity,
    page::listed,
    problem::{Kind, Problem},
};

/// The most projects that a credential may name.
const MAX_PROJECTS: usize = 100;

/// The body that issues a credential.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCredential {
    name: Given<Name>,
    role: Role,
    agent_id: Option<String>,
    #[serde(default)]
    projects: Vec<String>,
    expires_at: Option<Time>,
}

/// What to change of a credential.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialChanges {
    #[serde(default, deserialize_with = "never_null")]
    name: Option<Given<Name>>,
}

/// Why a credential is revoked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revocation {
    reason: Option<Reason>,
}

/// The parameters of `GET /api/credentials`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListCredentials {
    #[serde(default)]
    all: bool,
    limit: Option<Limit>,
    cursor: Option<String>,
}

/// Who the caller is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WhoAmI<'a> {
    role: Role,
    /// The name that a write is recorded under; that of the agent for an agent.
    name: &'a Name,
    agent_id: Option<AgentId>,
    /// The projects it may see and act on; all of them when absent.
    project_ids: Option<Vec<ProjectId>>,
    expires_at: Option<Millis>,
    /// The credential; absent where the server asks for none.
    credential_id: Option<CredentialId>,
    /// Whether the server asks for credentials.
    credentials_required: bool,
}

/// `GET /api/whoami`: who the caller is by the credential it shows, and where it is good.
pub async fn whoami(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    app.answer(|views| Ok(who(&app, views, &caller))).await
}

/// Who a caller is.
pub(super) fn who(app: &App, views: &Views, caller: &Caller) -> Response {
    let of_agent = caller.agent().and_then(|agent| views.agents.name(agent));
    let who = WhoAmI {
        role: caller.role(),
        name: of_agent.or(caller.name()).unwrap_or(app.operator()),
        agent_id: caller.agent(),
        project_ids: caller.reach().projects().map(|projects| projects.iter().copied().collect()),
        expires_at: caller.grant().and_then(|grant| grant.expires_at).map(Millis),
        credential_id: caller.credential(),
        credentials_required: caller.credential().is_some(),
    };
    Json(who).into_response()
}

/// `GET /api/credentials`: the credentials, newest first; with `all=true` those as well that are revoked. Never a secret.
///
/// Problems: `malformed-query`, `forbidden`.
pub async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(query): Query<ListCredentials>,
) -> Result<Response, Problem> {
    let now = app.now();
    app.answer(|views| {
        let (limit, cursor) = (query.limit.map(Limit::rows), query.cursor.as_deref());
        let page = views.credentials.list(query.all, limit, cursor);
        let shown = |ids: Vec<_>| ids.into_iter().filter_map(|id| view(&app, views, id, now)).collect();
        listed(&uri, page.map(|Page { items, next }| Page { items: shown(items), next }))
    })
    .await
}

/// `GET /api/credentials/{credential}`: one credential, without its secret.
///
/// Problems: `not-found`, `forbidden`.
pub async fn show(State(app): State<App>, Path(id): Path<CredentialId>) -> Result<Response, Problem> {
    let now = app.now();
    app.answer(|views| {
        let view = view(&app, views, id, now).ok_or_else(|| Problem::not_found("credential", id))?;
        Ok(tagged(view.version, Json(view)))
    })
    .await
}

/// A credential with the latest use that is known of it.
fn view<'a>(app: &App, views: &'a Views, id: CredentialId, now: DateTime<Utc>) -> Option<CredentialView<'a>> {
    views.credentials.view(id, &views.agents, now, app.access().uses().of((id, None)))
}

/// `POST /api/credentials`: a new credential. Its `secret` is in this answer and nowhere else, also not in the answer to a
/// repeat.
///
/// Problems: `malformed-body`, `invalid-fields`, `already-exists`, `conflict`, `forbidden`.
pub async fn issue(
    State(app): State<App>,
    caller: Caller,
    body: Body<NewCredential>,
) -> Result<Response, Problem> {
    let (grant, governors) = app
        .read(|views| Ok::<_, Problem>((body.value.grant(views)?, views.credentials.governors())))
        .await??;
    let actor = app.actor(&caller, body.actor, None, None).await?;
    let call = app.call(&caller, None, actor, body.keyed, IfMatch::Any);
    let secret = Secret::draw().map_err(|error| {
        tracing::error!(%error, "the operating system gives no random bits");
        Problem::internal()
    })?;
    let id = CredentialId::new(Uuid::now_v7());
    let issued = app.write(&call, |tx| {
        tx.create::<Credential>(id);
        issue_credential(tx, id, grant.clone(), secret.hash(), &governors)?;
        Ok(Reply::Created(EntityRef::Credential(id)))
    });
    with_secret(issued.await?, &secret).await
}

/// The same answer with the secret in it, unless it is the answer to a repeat: the secret that was drawn then is gone.
async fn with_secret(response: Response, secret: &Secret) -> Result<Response, Problem> {
    if response.headers().contains_key(IDEMPOTENCY_REPLAYED) || !response.status().is_success() {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| Problem::internal())?.to_bytes();
    // Both are ours: an object, and a secret of characters that JSON writes as they are.
    let members = body.strip_prefix(b"{").ok_or_else(Problem::internal)?;
    let body = [b"{\"secret\":\"", secret.reveal().as_bytes(), b"\",", members].concat();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Response::from_parts(parts, Stream::from(body)))
}

/// `PATCH /api/credentials/{credential}`: its name. An operator acts under the new one from then on.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `already-exists`, `conflict`, `forbidden`,
/// `precondition-failed`.
pub async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CredentialId>,
    condition: IfMatch,
    body: Body<CredentialChanges>,
) -> Result<Response, Problem> {
    let name = body.value.name.map(|Given(name)| name);
    app.read(|views| {
        let grant = views.credentials.get(id).ok_or_else(|| Problem::not_found("credential", id))?.grant;
        name.as_ref().map_or(Ok(()), |name| check_name(views, name, grant.bearer.role(), &grant.reach))
    })
    .await??;
    let actor = app.actor(&caller, body.actor, None, None).await?;
    let call = app.call(&caller, None, actor, body.keyed, condition);
    app.change::<Credential, _>(&call, id, |tx, credential| {
        if let Some(name) = name.clone() {
            tx.execute_in(None, credential, Command::Rename { name })?;
        }
        Ok(())
    })
    .await
}

/// `POST /api/credentials/{credential}/revoke`: it is good for nothing from now on, and neither are its sessions and event
/// streams.
///
/// Problems: `not-found`, `malformed-body`, `conflict`, `forbidden`, `precondition-failed`.
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CredentialId>,
    condition: IfMatch,
    body: Body<Revocation>,
) -> Result<Response, Problem> {
    let governors = app.read(|views| views.credentials.governors()).await?;
    let actor = app.actor(&caller, body.actor, None, None).await?;
    let call = app.call(&caller, None, actor, body.keyed, condition);
    app.change::<Credential, _>(&call, id, |tx, _| {
        Ok(revoke_credential(tx, id, body.value.reason.clone(), Some(&governors))?)
    })
    .await
}

impl NewCredential {
    /// What the credential is to be good for.
    ///
    /// # Errors
    /// `invalid-fields` when a project or the agent is unknown, or the agent does not go with the role; `already-exists` when
    /// an agent has the operator's name.
    pub(crate) fn grant(&self, views: &Views) -> Result<Grant, Problem> {
        if self.projects.len() > MAX_PROJECTS {
            return Err(Problem::invalid_field("projects", format!("must be at most {MAX_PROJECTS}")));
        }
        let projects = self.projects.iter().enumerate().map(|(index, written)| {
            lookup::project(views, &Reach::All, written)
                .map_err(|unknown| unknown.in_field(&format!("projects[{index}]")))
        });
        let reach = Reach::from(projects.collect::<Result<BTreeSet<_>, _>>()?);
        let bearer = self.bearer(views, &reach)?;
        let Given(name) = &self.name;
        check_name(views, name, self.role, &reach)?;
        Ok(Grant { name: name.clone(), bearer, reach, expires_at: self.expires_at.map(|Time(at)| at) })
    }

    fn bearer(&self, views: &Views, reach: &Reach) -> Result<Bearer, Problem> {
        match (self.role, &self.agent_id) {
            (Role::Agent, Some(written)) => {
                let agent = lookup::agent(views, &Reach::All, written, reach.only());
                Ok(Bearer::Agent(agent.map_err(|unknown| unknown.in_field("agentId"))?))
            }
            (Role::Agent, None) => {
                Err(Problem::invalid_field("agentId", "must say which agent it belongs to, by id or name"))
            }
            (Role::Operator | Role::Auditor | Role::Monitor, Some(_)) => {
                Err(Problem::invalid_field("agentId", "belongs to the role agent; leave it out"))
            }
            (Role::Operator, None) => Ok(Bearer::Operator),
            (Role::Auditor, None) => Ok(Bearer::Auditor),
            (Role::Monitor, None) => Ok(Bearer::Monitor),
        }
    }
}

/// No operator gets a name that an agent of its projects has, or that could be taken for one.
fn check_name(views: &Views, name: &Name, role: Role, reach: &Reach) -> Result<(), Problem> {
    if role != Role::Operator {
        return Ok(());
    }
    if name.is_written(own_identity::SERVER) {
        return Err(Problem::invalid_field("name", "is that of the server itself"));
    }
    match views.agents.passing_for_within(reach, name) {
        None => Ok(()),
        Some(agent) => {
            let bearer = views.agents.name(agent).map(Name::to_string).unwrap_or_default();
            let detail = format!(
                "The agent {bearer} has that name, or one that could be taken for it. Choose another for the operator."
            );
            Err(Problem::new(Kind::AlreadyExists, detail).holder(serde_json::json!({ "agentId": agent })))
        }
    }
}
