//! Deciding a group of commits in memory: what is appended in one call, and what each caller is answered then.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use mc_domain::{ids::EventId, recorded::StreamId};

use super::queue::{CommitResult, QueuedCommit};
use crate::{
    error::StoreError,
    heads::Heads,
    log::{Answered, Appended, Commit, Fingerprint, Idempotency},
    nodes::Lease,
};

/// Where the log ends, as far as this node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) position: u64,
    /// Moves when a node makes void what it may have sent over a connection that broke.
    pub(super) generation: i64,
    /// The latest time of any event.
    pub(super) latest_at: DateTime<Utc>,
}

/// What is certain because the ordering lock is held.
#[derive(Debug, Default)]
pub(super) struct Certain {
    /// The versions of the streams that the cache does not have.
    pub(super) versions: HashMap<StreamId, u64>,
    /// The keys of the group that were used before.
    pub(super) keys: HashMap<String, Answered>,
    /// The lease that was given last.
    pub(super) lease: Lease,
}

/// A group of commits, decided.
#[derive(Debug)]
pub(super) struct Plan<'g> {
    pub(super) rows: Rows<'g>,
    pub(super) first_event: Option<EventId>,
    /// Streams that the cache does not have, with the version that they are taken to have.
    pub(super) assumed: Vec<(&'g StreamId, u64)>,
    pub(super) keys: Vec<Key<'g>>,
    /// The index in `keys` of each key.
    key_indices: HashMap<&'g str, usize>,
    /// The oldest lease of any commit.
    pub(super) lease: Option<Lease>,
    /// Where the log ends once the group is appended.
    pub(super) end: End,
    /// The version of each stream that the group names, once the group is appended.
    pub(super) versions: HashMap<&'g StreamId, u64>,
    /// The answers, in the order of the group.
    pub(super) results: Vec<CommitResult>,
}

/// The new rows of the table of events, column by column.
#[derive(Debug, Default)]
pub(super) struct Rows<'g> {
    pub(super) types: Vec<&'g str>,
    pub(super) ids: Vec<&'g str>,
    pub(super) sequences: Vec<i64>,
    pub(super) event_types: Vec<&'g str>,
    pub(super) event_versions: Vec<String>,
    pub(super) payloads: Vec<&'g str>,
    pub(super) metadata: Vec<&'g str>,
    pub(super) latest_at: Vec<DateTime<Utc>>,
}

/// A new row of the table of idempotency keys.
#[derive(Debug)]
pub(super) struct Key<'g> {
    pub(super) idempotency: &'g Idempotency,
    pub(super) position: u64,
}

impl<'g> Plan<'g> {
    /// Decides a group on what the cache knows. A stream that it does not have is taken to be as the first commit expects it,
    /// a key to be new, and every lease to be valid: the database checks that. Nothing when a commit expects more than the
    /// cache knows, because another node has appended.
    pub(super) fn on_cache(group: &'g [QueuedCommit], end: End, cache: &Heads<u64>) -> Option<Self> {
        Self::decide(group, end, cache, None)
    }

    /// Decides a group on what is certain.
    pub(super) fn on_certain(
        group: &'g [QueuedCommit],
        end: End,
        cache: &Heads<u64>,
        certain: &Certain,
    ) -> Self {
        Self::decide(group, end, cache, Some(certain)).expect("what is certain is never behind")
    }

    fn decide(
        group: &'g [QueuedCommit],
        end: End,
        cache: &Heads<u64>,
        certain: Option<&Certain>,
    ) -> Option<Self> {
        let mut plan = Self {
            rows: Rows::default(),
            first_event: None,
            assumed: Vec::new(),
            keys: Vec::new(),
            key_indices: HashMap::new(),
            lease: None,
            end,
            versions: HashMap::new(),
            results: Vec::with_capacity(group.len()),
        };
        for queued in group {
            let result = match plan.refusal(&queued.commit, cache, certain)? {
                Some(answer) => answer,
                None => Ok(plan.add(queued)),
            };
            plan.results.push(result);
        }
        Some(plan)
    }

    /// Whether the database has to be asked at all.
    pub(super) fn is_void(&self) -> bool {
        self.rows.types.is_empty() && self.keys.is_empty() && self.assumed.is_empty()
    }

    /// Why a commit is not appended, or its first answer; an outer nothing when the cache is behind.
    fn refusal(
        &mut self,
        commit: &'g Commit,
        cache: &Heads<u64>,
        certain: Option<&Certain>,
    ) -> Option<Option<CommitResult>> {
        if let Some(idempotency) = &commit.idempotency
            && let Some(answered) = self.answered(idempotency, certain)
        {
            return Some(Some(idempotency.replay(answered)));
        }
        if let (Some(lease), Some(certain)) = (commit.lease, certain)
            && lease < certain.lease
        {
            return Some(Some(Err(StoreError::Deposed)));
        }
        for (stream, expected) in commit.expectations() {
            let actual = self.version(stream, expected, cache, certain);
            // Another node may have appended, or the commit may be a repeat.
            if certain.is_none() && (expected > actual || expected != actual && commit.idempotency.is_some())
            {
                return None;
            }
            if actual != expected {
                return Some(Some(Err(StoreError::Conflict { stream: stream.clone(), expected, actual })));
            }
        }
        Some(None)
    }

    /// The answer under a key that was used before, in this group or earlier.
    fn answered(&self, idempotency: &Idempotency, certain: Option<&Certain>) -> Option<Answered> {
        let in_group = self.key_indices.get(idempotency.key.as_str()).map(|index| &self.keys[*index]);
        let earlier = || certain.and_then(|certain| certain.keys.get(&idempotency.key).cloned());
        in_group.map(Key::answered).or_else(earlier)
    }

    fn version(
        &mut self,
        stream: &'g StreamId,
        expected: u64,
        cache: &Heads<u64>,
        certain: Option<&Certain>,
    ) -> u64 {
        if let Some(version) = self.versions.get(stream) {
            return *version;
        }
        let version = match (cache.get(stream), certain) {
            (Some(version), _) => version,
            (None, Some(certain)) => certain.versions.get(stream).copied().unwrap_or(0),
            (None, None) => {
                self.assumed.push((stream, expected));
                expected
            }
        };
        self.versions.insert(stream, version);
        version
    }

    fn add(&mut self, queued: &'g QueuedCommit) -> Appended {
        let commit = &queued.commit;
        let mut metadata = queued.metadata.iter();
        for append in &commit.appends {
            for (event, sequence) in append.events.iter().zip(append.expected + 1..) {
                self.end.position += 1;
                self.first_event.get_or_insert(event.metadata.event_id);
                self.end.latest_at = self.end.latest_at.max(event.metadata.recorded_at);
                self.rows.types.push(&append.stream.aggregate_type);
                self.rows.ids.push(&append.stream.aggregate_id);
                self.rows.sequences.push(sequence.cast_signed());
                self.rows.event_types.push(&event.event_type);
                self.rows.event_versions.push(event.event_version.to_string());
                self.rows.payloads.push(&event.payload);
                self.rows.metadata.extend(metadata.next().map(String::as_str));
                self.rows.latest_at.push(self.end.latest_at);
                self.versions.insert(&append.stream, sequence);
            }
        }
        let position = self.end.position;
        if let Some(idempotency) = &commit.idempotency {
            self.key_indices.insert(&idempotency.key, self.keys.len());
            self.keys.push(Key { idempotency, position });
        }
        self.lease = match (self.lease, commit.lease) {
            (Some(oldest), Some(lease)) => Some(oldest.min(lease)),
            (oldest, lease) => oldest.or(lease),
        };
        Appended::Committed { position }
    }
}

impl Key<'_> {
    fn answered(&self) -> Answered {
        let Idempotency { fingerprint, answer, .. } = self.idempotency;
        Answered { fingerprint: *fingerprint, position: self.position, answer: answer.clone() }
    }

    pub(super) fn fingerprint(&self) -> &Fingerprint {
        &self.idempotency.fingerprint
    }
}
