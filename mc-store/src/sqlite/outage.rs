//! Whether the store refuses commits, and what the program's log has been told of it.

use crate::error::StoreError;

/// Why the store refuses commits until somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The disk has too little room for ordinary commits, or for all.
    Full,
    /// A file was removed, moved or replaced.
    Displaced,
}

/// The state of an outage. Reports each cause once when it begins, and the recovery once.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Whether the last transaction failed, for whatever reason.
    pub(super) last_failed: bool,
    /// The cause reported last; nothing once the recovery was reported.
    pub(super) reported: Option<Cause>,
}

impl Outage {
    /// Reports `error`, unless the same cause was reported last.
    pub(super) fn report(&mut self, cause: Cause, error: &StoreError) {
        if self.reported.replace(cause) != Some(cause) {
            tracing::error!("the store does not take every commit any more: {error}");
        }
    }

    /// Reports the recovery when an outage was reported and the last transaction succeeded.
    pub(super) fn report_recovery(&mut self) {
        if !self.last_failed && self.reported.take().is_some() {
            tracing::info!("the store takes every commit again");
        }
    }
}
