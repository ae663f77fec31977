//! What is done with a credential.

mod issue_credential;
mod revoke_credential;

pub use issue_credential::issue_credential;
pub use revoke_credential::revoke_credential;

use crate::{credential::Credential, ids::CredentialId, rejection::NotLoaded, transaction::Transaction};

/// Whether one of `candidates` is good for issuing others now. Looked up among those of the transaction, so that of two
/// operators who revoke each other's at once only one comes through.
fn somebody_governs(tx: &mut Transaction<'_>, candidates: &[CredentialId]) -> Result<bool, NotLoaded> {
    for id in candidates {
        let now = tx.now();
        if tx.get::<Credential>(id)?.governs(now) {
            return Ok(true);
        }
    }
    Ok(false)
}
