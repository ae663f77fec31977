//! What is done with a credential.

mod issue_credential;
mod revoke_credential;

pub use issue_credential::issue_credential;
pub use revoke_credential::revoke_credential;

use chrono::{DateTime, Utc};

use crate::{credential::Credential, ids::CredentialId, rejection::NotLoaded, transaction::Transaction};

/// How long one of `candidates` is good for issuing others: until then, or for good. Nothing where none of them is now. They are
/// looked up in the transaction, so that of two operators who revoke each other's at once only one comes through.
fn governed_until(
    tx: &mut Transaction<'_>,
    candidates: &[CredentialId],
) -> Result<Option<DateTime<Utc>>, NotLoaded> {
    let mut longest = None;
    for id in candidates {
        let now = tx.now();
        let candidate = tx.get::<Credential>(id)?;
        longest = longest.max(lasts(&candidate, now));
    }
    Ok(longest)
}

/// Until when a credential is good for issuing others; nothing where it is not at `now`.
fn lasts(credential: &Credential, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let grant = credential.check(now).ok().filter(|grant| grant.governs())?;
    Some(grant.expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC))
}
