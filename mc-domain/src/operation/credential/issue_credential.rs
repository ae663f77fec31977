//! Issuing a credential for somebody who is there.

use super::governed_until;
use crate::{
    agent::{self, Agent},
    credential::{self, Credential, Grant, SecretHash},
    ids::{AgentId, CredentialId, ProjectId},
    project::{self, Project},
    reach::Reach,
    rejection::Rejection,
    transaction::Transaction,
};

/// Issues the credential `id`. That of an agent is good for the agent's project alone, also where `grant` names none.
/// `governors` are the credentials that operators of all projects may have: one of them must be good, unless this one is
/// such a credential itself.
///
/// # Errors
/// - [`credential::Rejection::OperatorFirst`] when there is no operator of all projects yet.
/// - [`Rejection::UnknownAgent`] or [`agent::Rejection::Retired`] when the agent is not there, or not there any more.
/// - [`credential::Rejection::OtherProject`] when an agent's credential names another project than the agent's.
/// - [`project::Rejection::NotFound`] when one of its projects does not exist.
/// - [`credential::Rejection::OperatorOnly`] for an agent, [`credential::Rejection::ExpiresTooSoon`].
pub fn issue_credential(
    tx: &mut Transaction<'_>,
    id: CredentialId,
    grant: Grant,
    secret: SecretHash,
    governors: &[CredentialId],
) -> Result<(), Rejection> {
    let credential = tx.get::<Credential>(&id)?;
    let grant = match grant.bearer.agent() {
        Some(agent) => Grant { reach: Reach::of(home(tx, agent, &grant.reach)?), ..grant },
        None => grant,
    };
    for project in grant.reach.projects().into_iter().flatten() {
        if *tx.get::<Project>(project)? == Project::Absent {
            return Err(project::Rejection::NotFound.into());
        }
    }
    let governs_for_good = grant.governs() && grant.expires_at.is_none();
    tx.execute_in(None, &credential, credential::Command::Issue { grant, secret })?;
    match governs_for_good || governed_until(tx, governors)?.is_some() {
        true => Ok(()),
        false => Err(credential::Rejection::OperatorFirst.into()),
    }
}

/// The project of an agent that is there, and that `reach` names no other than.
fn home(tx: &mut Transaction<'_>, id: AgentId, reach: &Reach) -> Result<ProjectId, Rejection> {
    let agent = tx.get::<Agent>(&id)?;
    let agent = agent.registered().map_err(|_| Rejection::UnknownAgent(id))?;
    if agent.is_retired() {
        return Err(agent::Rejection::Retired { name: agent.profile().name.clone() }.into());
    }
    let home = agent.project();
    match reach {
        Reach::Only(_) if *reach != Reach::of(home) => Err(credential::Rejection::OtherProject.into()),
        Reach::All | Reach::Only(_) => Ok(home),
    }
}
