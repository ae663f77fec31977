//! When each credential and session was used last. Most uses are in memory alone: one an hour is recorded.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use mc_domain::{credential::SecretHash, ids::CredentialId};

/// What was used: a credential, or one of its sessions.
pub(crate) type Use = (CredentialId, Option<SecretHash>);

/// The latest uses since the server started.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<HashMap<Use, DateTime<Utc>>>);

impl Uses {
    /// Notes a use. The time of a use by a session counts for its credential too.
    pub(crate) fn note(&self, what: Use, at: DateTime<Utc>) {
        let mut uses = self.lock();
        uses.insert((what.0, None), at);
        if what.1.is_some() {
            uses.insert(what, at);
        }
    }

    /// When something was last used since the server started, UTC.
    pub(crate) fn of(&self, what: Use) -> Option<DateTime<Utc>> {
        self.lock().get(&what).copied()
    }

    /// Everything that was used since the server started, with when that was last.
    pub(crate) fn all(&self) -> Vec<(Use, DateTime<Utc>)> {
        self.lock().iter().map(|(what, at)| (*what, *at)).collect()
    }

    /// Forgets what is over.
    pub(crate) fn forget(&self, what: Use) {
        self.lock().remove(&what);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Use, DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
