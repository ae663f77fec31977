//! Issuing and revoking credentials by whoever has the store itself: the server at its first start, and the command line.

use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    credential::{Credential, Grant},
    ids::CredentialId,
    operation::{issue_credential, revoke_credential},
    values::Reason,
};
use mc_store::repository::CommandEnvelope;
use uuid::Uuid;

use super::Secret;
use crate::{app::App, refusal::Refused};

/// Issues a credential for what `grant` says, whose bearer has `secret`.
///
/// # Errors
/// The rule that is against it, or what the log says.
pub(crate) async fn issue(
    app: &App,
    grant: &Grant,
    secret: &Secret,
    actor: Actor,
) -> Result<CredentialId, Refused> {
    let (id, hash) = (CredentialId::new(Uuid::now_v7()), secret.hash());
    let governors = app.read(|views| views.credentials.governors()).await?;
    let envelope = CommandEnvelope::new(CommandContext::new(app.now(), actor));
    let issued = app.repository().execute(&envelope, |tx| {
        tx.create::<Credential>(id);
        issue_credential(tx, id, grant.clone(), hash, &governors)?;
        Ok::<_, Refused>(())
    });
    issued.await?;
    Ok(id)
}

/// Revokes a credential, also the last one of an operator of all projects: whoever has the store can issue another.
///
/// # Errors
/// The rule that is against it, or what the log says.
pub(crate) async fn revoke(
    app: &App,
    id: CredentialId,
    reason: Option<Reason>,
    actor: Actor,
) -> Result<(), Refused> {
    let envelope = CommandEnvelope::new(CommandContext::new(app.now(), actor));
    let revoked = app.repository().execute(&envelope, |tx| {
        revoke_credential(tx, id, reason.clone(), None)?;
        Ok::<_, Refused>(())
    });
    revoked.await?;
    Ok(())
}
