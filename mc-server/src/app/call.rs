//! A write as its handler understood it, before anything is decided.

use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    credential::{self, Credential},
    ids::ProjectId,
    recorded::Streamed,
    transaction::{Entity, Transaction},
};

use super::handle::App;
use crate::{
    access::Caller,
    extract::{IfMatch, Keyed},
    problem::{Kind, Problem},
    refusal::Refused,
};

/// A write: who asks for it, when, under which condition and which idempotency key.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who acts, at what time, under which limits of the policy.
    pub context: CommandContext,
    /// The condition of `If-Match`, which [`Call::expected`] checks.
    pub condition: IfMatch,
    pub(crate) keyed: Option<Keyed>,
    /// Who calls: by which credential, and in which projects it may change anything.
    pub(crate) caller: Caller,
}

impl Call {
    /// The entity that the write is about, at the version that the caller expects.
    ///
    /// # Errors
    /// `precondition-failed` when it is at another.
    pub fn expected<A: Streamed>(&self, tx: &mut Transaction<'_>, id: &A::Id) -> Result<Entity<A>, Refused> {
        let entity = tx.get::<A>(id)?;
        self.condition.check(entity.version)?;
        Ok(entity)
    }

    /// Checks that the write changes nothing outside its caller's reach. Handlers look up within reach what they are asked for,
    /// so this refuses nothing unless one of them forgot to.
    ///
    /// # Errors
    /// `not-found`, as whatever is outside does not exist for the caller.
    pub(crate) fn stays_within_reach(&self, tx: &Transaction<'_>) -> Result<(), Refused> {
        let mut projects = tx.changes().iter().filter_map(|change| change.project);
        match projects.find(|project| !self.caller.reach().includes(*project)) {
            Some(project) => {
                tracing::error!(%project, "a write beyond its caller's reach was stopped");
                Err(Problem::of(Kind::NotFound).into())
            }
            None => Ok(()),
        }
    }
}

impl App {
    /// Checks once more, in the transaction itself, that whoever calls may: the credential may have been revoked since the
    /// request was admitted, or the first one issued since a request came without. No commit comes after that.
    ///
    /// # Errors
    /// `credential-missing`, `credential-revoked`, `credential-expired`, `credential-orphaned` or `session-over`.
    pub(crate) fn check_admission(&self, call: &Call, tx: &mut Transaction<'_>) -> Result<(), Refused> {
        let refused = |kind: Kind| Err(Problem::of(kind).into());
        let Some(id) = call.caller.credential() else {
            return if self.is_open() { Ok(()) } else { refused(Kind::CredentialMissing) };
        };
        let (agent, now) = (call.caller.agent(), tx.now());
        if agent.is_some_and(|agent| self.projected().read(|views| views.agents.is_gone(agent))) {
            return refused(Kind::CredentialOrphaned);
        }
        let credential = tx.get::<Credential>(&id)?;
        match (credential.check(now), call.caller.session()) {
            (Err(credential::Rejection::Expired { .. }), _) => refused(Kind::CredentialExpired),
            (Err(_), _) => refused(Kind::CredentialRevoked),
            (Ok(_), Some(session)) if !credential.has_session(&session, now) => refused(Kind::SessionOver),
            (Ok(_), _) => Ok(()),
        }
    }

    /// A write of `caller` by `actor`, as of now, under the policy in force in `project`.
    pub fn call(
        &self,
        caller: &Caller,
        project: Option<ProjectId>,
        actor: Actor,
        keyed: Option<Keyed>,
        condition: IfMatch,
    ) -> Call {
        Call {
            context: CommandContext::new(self.now(), actor).under(self.policy_limits(project)),
            condition,
            keyed,
            caller: caller.clone(),
        }
    }
}
