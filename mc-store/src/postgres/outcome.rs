//! What becomes of a group.

use mc_domain::{ids::EventId, recorded::StreamId};
use sqlx::Error;

use super::{
    plan::{End, Plan},
    queue::CommitResult,
};
use crate::error::StoreError;

/// What became of a group that was appended.
pub(super) struct Done {
    /// Where the log ends now.
    pub(super) end: End,
    /// The answers, in the order of the group.
    pub(super) results: Vec<CommitResult>,
    /// The version that each stream of the group has now.
    pub(super) versions: Vec<(StreamId, u64)>,
}

/// A group that was sent when the connection broke.
pub(super) struct InDoubt {
    pub(super) first_event: EventId,
    /// Where that event is, if the group was appended.
    pub(super) position: u64,
    /// The answers then, in the order of the group.
    pub(super) results: Vec<CommitResult>,
}

/// Why a group was not appended.
pub(super) enum Trouble {
    /// The connection broke; the group may have been appended, if it had been sent.
    Broken(Error, Option<InDoubt>),
    /// The database refuses the data of some commit.
    Data(Error),
    /// The database, or the log, refuses it.
    Refused(StoreError),
}

impl InDoubt {
    /// Nothing for a group without events: sent again, it finds its keys.
    pub(super) fn of(plan: Plan<'_>, base: End) -> Option<Self> {
        Some(Self { first_event: plan.first_event?, position: base.position + 1, results: plan.results })
    }
}

impl From<Plan<'_>> for Done {
    fn from(plan: Plan<'_>) -> Self {
        let versions = plan.versions.into_iter().map(|(stream, version)| (stream.clone(), version)).collect();
        Self { end: plan.end, results: plan.results, versions }
    }
}
