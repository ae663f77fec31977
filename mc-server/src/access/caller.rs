//! The caller of a request: who acts by it, in which projects, and by which credential.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use mc_domain::{
    credential::{Bearer, Grant, Role, SecretHash},
    ids::{AgentId, CredentialId, ProjectId},
    reach::Reach,
    values::Name,
};

use super::Admission;
use crate::{app::App, problem::Problem};

/// Whoever sent a request. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Identity>);

#[derive(Debug)]
enum Identity {
    /// Whoever reached the server while it asked for no credential: its operator.
    Anybody,
    /// The bearer of a credential that was good when the request came.
    Bearer { id: CredentialId, grant: Grant, session: Option<SecretHash> },
}

impl Caller {
    /// Whoever reaches a server that asks for no credential.
    pub fn anybody() -> Self {
        Self(Arc::new(Identity::Anybody))
    }

    /// The bearer of a good credential, who showed it or the session that was opened by it.
    pub(crate) fn bearer(id: CredentialId, grant: Grant, session: Option<SecretHash>) -> Self {
        Self(Arc::new(Identity::Bearer { id, grant, session }))
    }

    /// The credential; none where the server asks for none.
    pub fn credential(&self) -> Option<CredentialId> {
        match &*self.0 {
            Identity::Anybody => None,
            Identity::Bearer { id, .. } => Some(*id),
        }
    }

    /// What the credential is good for; nothing where the server asks for none.
    pub fn grant(&self) -> Option<&Grant> {
        match &*self.0 {
            Identity::Anybody => None,
            Identity::Bearer { grant, .. } => Some(grant),
        }
    }

    /// The session that the request came by, where it was not the credential itself.
    pub(crate) fn session(&self) -> Option<SecretHash> {
        match &*self.0 {
            Identity::Anybody => None,
            Identity::Bearer { session, .. } => *session,
        }
    }

    /// What it may do.
    pub fn role(&self) -> Role {
        self.grant().map_or(Role::Operator, |grant| grant.bearer.role())
    }

    /// The projects that it may see and act on.
    pub fn reach(&self) -> &Reach {
        self.grant().map_or(&Reach::All, |grant| &grant.reach)
    }

    /// Whether it may see what belongs to `project`, or to none.
    pub fn sees(&self, project: Option<ProjectId>) -> bool {
        self.reach().covers(project)
    }

    /// The agent, if it is one.
    pub fn agent(&self) -> Option<AgentId> {
        self.grant().and_then(|grant| grant.bearer.agent())
    }

    /// The name that it acts under, where the credential gives it one: an agent acts by its identity.
    pub fn name(&self) -> Option<&Name> {
        self.grant().filter(|grant| grant.bearer.role() != Role::Agent).map(|grant| &grant.name)
    }

    /// Whose idempotency keys those of the request are: an agent's own, or those of the credential. None where the server
    /// asks for no credential. The keys of one caller mean nothing to another.
    pub(crate) fn owner_of_keys(&self) -> Option<String> {
        match &*self.0 {
            Identity::Anybody => None,
            Identity::Bearer { grant: Grant { bearer: Bearer::Agent(agent), .. }, .. } => {
                Some(format!("agent-{agent}"))
            }
            Identity::Bearer { id, .. } => Some(format!("credential-{id}")),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    /// The route has checked before that the caller is admitted.
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        match parts.extensions.get::<Admission>() {
            Some(Admission(admitted)) => admitted.clone(),
            None => Err(Problem::internal()),
        }
    }
}
