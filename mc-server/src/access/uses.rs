//! When each credential and session was used last. Most uses are in memory alone: one an hour is recorded.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{credential::SecretHash, ids::CredentialId};

/// What was used: a credential, or one of its sessions.
pub(crate) type Use = (CredentialId, Option<SecretHash>);

/// How often the other nodes are told that the same credential or session is in use.
const TOLD_EVERY: TimeDelta = TimeDelta::minutes(1);

/// The latest uses since the server started, those that other nodes told of included.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    known: Mutex<Known>,
    /// Whether there may be other nodes to tell of them.
    is_shared: bool,
}

#[derive(Debug, Default)]
struct Known {
    latest: HashMap<Use, Latest>,
    /// What the other nodes are to be told of.
    untold: HashSet<Use>,
}

/// When something was used last, and when the other nodes were told so.
#[derive(Debug, Clone, Copy)]
struct Latest {
    at: DateTime<Utc>,
    told_at: Option<DateTime<Utc>>,
}

impl Uses {
    /// None yet. `is_shared` says whether other nodes are to be told of them.
    pub(crate) fn new(is_shared: bool) -> Self {
        Self { known: Mutex::default(), is_shared }
    }

    /// Notes a use of this node. The time of a use by a session counts for its credential too.
    pub(crate) fn note(&self, what: Use, at: DateTime<Utc>) {
        let mut known = self.lock();
        for what in [Some((what.0, None)), what.1.is_some().then_some(what)].into_iter().flatten() {
            let latest = known.note(what, at);
            if self.is_shared && latest.told_at.is_none_or(|told_at| at >= told_at + TOLD_EVERY) {
                known.untold.insert(what);
            }
        }
    }

    /// Notes a use that another node told of.
    pub(crate) fn hear(&self, what: Use, at: DateTime<Utc>) {
        self.lock().note(what, at);
    }

    /// When something was last used since the server started, UTC.
    pub(crate) fn of(&self, what: Use) -> Option<DateTime<Utc>> {
        self.lock().latest.get(&what).map(|latest| latest.at)
    }

    /// Everything that was used since the server started, with when that was last.
    pub(crate) fn all(&self) -> Vec<(Use, DateTime<Utc>)> {
        self.lock().latest.iter().map(|(what, latest)| (*what, latest.at)).collect()
    }

    /// What the other nodes are to be told of; it counts as told `now`.
    pub(crate) fn take_untold(&self, now: DateTime<Utc>) -> Vec<(Use, DateTime<Utc>)> {
        let mut known = self.lock();
        let untold = std::mem::take(&mut known.untold);
        let told = untold.into_iter().filter_map(|what| {
            let latest = known.latest.get_mut(&what)?;
            latest.told_at = Some(now);
            Some((what, latest.at))
        });
        told.collect()
    }

    /// Forgets what is over.
    pub(crate) fn forget(&self, what: Use) {
        self.lock().latest.remove(&what);
    }

    /// Forgets what was used last before `time`, as far as other nodes have told of it: they, or the log, know it still.
    pub(crate) fn forget_before(&self, time: DateTime<Utc>) {
        self.lock().latest.retain(|_, latest| latest.at >= time);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note(&mut self, what: Use, at: DateTime<Utc>) -> Latest {
        let latest = self.latest.entry(what).or_insert(Latest { at, told_at: None });
        latest.at = at.max(latest.at);
        *latest
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn other_nodes_are_told_of_a_use_once_a_minute() {
        let (uses, what) = (Uses::new(true), (Uuid::nil().into(), None));
        let at = |secs| DateTime::UNIX_EPOCH + TimeDelta::seconds(secs);
        uses.note(what, at(0));
        assert_eq!(uses.take_untold(at(1)), [(what, at(0))]);
        uses.note(what, at(60));
        assert_eq!(uses.take_untold(at(60)), []);
        uses.note(what, at(61));
        assert_eq!(uses.take_untold(at(61)), [(what, at(61))]);
        assert_eq!(uses.of(what), Some(at(61)));
    }

    #[test]
    fn what_another_node_told_is_not_told_on() {
        let (uses, what) = (Uses::new(true), (Uuid::nil().into(), None));
        uses.hear(what, DateTime::UNIX_EPOCH);
        assert_eq!(uses.take_untold(DateTime::UNIX_EPOCH), []);
        assert_eq!(uses.of(what), Some(DateTime::UNIX_EPOCH));
    }
}
