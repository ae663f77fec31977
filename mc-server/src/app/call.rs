//! A write as its handler understood it, before anything is decided.

use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    credential::{self, Credential},
    ids::{CredentialId, ProjectId},
    reach::Reach,
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
    /// The credential that it came by.
    pub(crate) credential: Option<CredentialId>,
    /// The projects that it may change anything in.
    pub(crate) reach: Reach,
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

    /// Checks once more, in the transaction itself, that the credential is good: it may have been revoked since the request
    /// was admitted, and no commit of its bearer comes after that.
    ///
    /// # Errors
    /// `credential-revoked` or `credential-expired`.
    pub(crate) fn is_still_admitted(&self, tx: &mut Transaction<'_>) -> Result<(), Refused> {
        let Some(id) = self.credential else { return Ok(()) };
        let kind = match tx.get::<Credential>(&id)?.check(tx.now()) {
            Ok(_) => return Ok(()),
            Err(credential::Rejection::Expired { .. }) => Kind::CredentialExpired,
            Err(_) => Kind::CredentialRevoked,
        };
        Err(Problem::new(kind, kind.about()).into())
    }

    /// Checks that the write changes nothing outside its caller's reach. Handlers look up within reach what they are asked for,
    /// so this refuses nothing unless one of them forgot to.
    ///
    /// # Errors
    /// `not-found`, as whatever is outside does not exist for the caller.
    pub(crate) fn stays_within_reach(&self, tx: &Transaction<'_>) -> Result<(), Refused> {
        let mut projects = tx.changes().iter().filter_map(|change| change.project);
        match projects.find(|project| !self.reach.includes(*project)) {
            Some(project) => {
                tracing::error!(%project, "a write beyond its caller's reach was stopped");
                Err(Problem::new(Kind::NotFound, Kind::NotFound.about()).into())
            }
            None => Ok(()),
        }
    }
}

impl App {
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
            credential: caller.credential(),
            reach: caller.reach().clone(),
        }
    }
}
