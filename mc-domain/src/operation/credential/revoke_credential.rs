//! Revoking a credential without locking everybody out.

use super::{governed_until, lasts};
use crate::{
    credential::{self, Credential},
    ids::CredentialId,
    rejection::Rejection,
    transaction::Transaction,
    values::Reason,
};

/// Revokes the credential `id`. Where `governors` are given, the credentials that operators of all projects may have, one of
/// them must stay good for at least as long; whoever has the store itself may revoke the last one, too, and gives none.
///
/// # Errors
/// - [`credential::Rejection::LastOperator`] when nobody would be left who could issue another.
/// - [`credential::Rejection::NotFound`], [`credential::Rejection::OperatorOnly`].
pub fn revoke_credential(
    tx: &mut Transaction<'_>,
    id: CredentialId,
    reason: Option<Reason>,
    governors: Option<&[CredentialId]>,
) -> Result<(), Rejection> {
    let credential = tx.get::<Credential>(&id)?;
    let governed = lasts(&credential, tx.now());
    tx.execute_in(None, &credential, credential::Command::Revoke { reason })?;
    match governors {
        Some(governors) if governed_until(tx, governors)? < governed => {
            Err(credential::Rejection::LastOperator.into())
        }
        Some(_) | None => Ok(()),
    }
}
