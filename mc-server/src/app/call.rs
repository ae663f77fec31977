//! A write as its handler understood it, before anything is decided.

use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    ids::{CredentialId, ProjectId},
    recorded::Streamed,
    transaction::{Entity, Transaction},
};

use super::handle::App;
use crate::{
    extract::{IfMatch, Keyed},
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
}

impl App {
    /// A write by `actor`, as of now, under the policy in force in `project`.
    pub fn call(
        &self,
        project: Option<ProjectId>,
        actor: Actor,
        keyed: Option<Keyed>,
        condition: IfMatch,
    ) -> Call {
        Call {
            context: CommandContext::new(self.now(), actor).under(self.policy_limits(project)),
            condition,
            keyed,
            credential: None,
        }
    }
}
