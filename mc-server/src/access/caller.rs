//! The caller of a request: who acts by it, in which projects, and by which credential.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use mc_domain::{
    actor::Actor,
    credential::{Bearer, Grant, Role, SecretHash},
    ids::{AgentId, CredentialId},
    reach::Reach,
    values::Name,
};
use mc_projections::views::Views;

use super::Admission;
use crate::{
    app::App,
    extract::ActorClaim,
    problem::{Kind, Problem},
};

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

    /// The agent, if it is one.
    pub fn agent(&self) -> Option<AgentId> {
        self.grant().and_then(|grant| grant.bearer.agent())
    }

    /// The name that it acts under, where the credential gives it one: an agent acts by its identity.
    pub fn name(&self) -> Option<&Name> {
        self.grant().filter(|grant| grant.bearer.role() != Role::Agent).map(|grant| &grant.name)
    }

    /// Whose own a request is: the agent that a field of its names, else the caller itself where it is an agent.
    pub(crate) fn own(&self, named: Option<&str>) -> Option<String> {
        named.map(str::to_owned).or_else(|| self.agent().map(|itself| itself.to_string()))
    }

    /// The same, where somebody must be named.
    ///
    /// # Errors
    /// `invalid-fields` when nobody is.
    pub(crate) fn required_own(&self, field: &str, named: Option<&str>) -> Result<String, Problem> {
        self.own(named).ok_or_else(|| Problem::invalid_field(field, "is missing"))
    }

    /// Checks that a caller who is an agent names itself alone where a request says whose own it is. Whether there is such an
    /// agent as it names does not matter, so the answer tells nothing of others.
    ///
    /// # Errors
    /// `actor-mismatch`
    pub(crate) fn check_own(&self, views: &Views, named: Option<&str>) -> Result<(), Problem> {
        match (self.agent(), named) {
            (Some(itself), Some(named)) if !is_called(views, itself, named) => Err(Self::mismatch()),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// Who acts in the place of whom a body claims, or of whose own a call is (`own`, as written): the bearer of the credential.
    /// Nobody where the server asks for no credential, so that the body decides.
    ///
    /// # Errors
    /// `actor-mismatch` when the body claims another.
    pub(crate) fn acting(
        &self,
        views: &Views,
        claim: Option<&ActorClaim>,
        own: Option<&str>,
    ) -> Result<Option<Actor>, Problem> {
        let Some(grant) = self.grant() else { return Ok(None) };
        self.check_own(views, own)?;
        let is_claimed = match (grant.bearer.agent(), claim) {
            (_, None) | (Some(_), Some(ActorClaim::Agent(None))) | (None, Some(ActorClaim::Human(None))) => {
                true
            }
            (Some(itself), Some(ActorClaim::Agent(Some(named)))) => is_called(views, itself, named),
            (None, Some(ActorClaim::Human(Some(named)))) => grant.name.is_written(named),
            (Some(_), Some(ActorClaim::Human(_) | ActorClaim::System(_)))
            | (None, Some(ActorClaim::Agent(_) | ActorClaim::System(_))) => false,
        };
        if is_claimed { Ok(Some(grant.actor())) } else { Err(Self::mismatch()) }
    }

    /// The answer to whoever claims to be somebody else.
    pub(crate) fn mismatch() -> Problem {
        Problem::of(Kind::ActorMismatch)
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

/// Whether an agent is called that, by its id or by the name it has in its project.
fn is_called(views: &Views, agent: AgentId, written: &str) -> bool {
    let by_name = || views.agents.name(agent).is_some_and(|name| name.is_written(written));
    written.parse() == Ok(agent) || by_name()
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
