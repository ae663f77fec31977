//! What callers put into the writer's queue, and how they are answered.

use std::{iter::zip, sync::Arc};

use mc_domain::recorded::Metadata;
use tokio::sync::oneshot;

use crate::{
    error::StoreError,
    log::{Appended, Commit},
    metadata::flat,
};

/// The most events in one group, unless a single commit has more.
const MAX_GROUP_EVENTS: usize = 4_096;

/// What the caller of one commit is answered, once its group is appended.
pub(super) type CommitResult = Result<Appended, StoreError>;

/// What callers put into the writer's queue.
#[derive(Debug)]
pub(super) enum Message {
    /// Asks the writer to append a commit.
    Commit(QueuedCommit),
    /// Asks whether the writer could append a commit now.
    Probe(oneshot::Sender<Result<(), StoreError>>),
}

/// A commit in the queue, with what the writer needs to append and answer it.
#[derive(Debug)]
pub(super) struct QueuedCommit {
    pub(super) commit: Commit,
    /// The metadata of all its events as JSON, in their order. Callers encode it, so that they share this work.
    pub(super) metadata: Vec<String>,
    pub(super) answer: oneshot::Sender<CommitResult>,
}

impl QueuedCommit {
    pub(super) fn new(commit: Commit) -> (Self, oneshot::Receiver<CommitResult>) {
        let metadata = commit
            .appends
            .iter()
            .flat_map(|append| &append.events)
            .map(|event| metadata_json(&event.metadata))
            .collect();
        let (answer, answered) = oneshot::channel();
        (Self { commit, metadata, answer }, answered)
    }
}

/// The metadata as the table has it.
pub(super) fn metadata_json(metadata: &Metadata) -> String {
    serde_json::to_string(&flat(metadata)).expect("strings under strings are always JSON")
}

/// Answers every caller of a group that is in the log.
pub(super) fn answer(group: Vec<QueuedCommit>, results: Vec<CommitResult>) {
    for (queued, result) in zip(group, results) {
        // The caller may no longer wait.
        let _ = queued.answer.send(result);
    }
}

/// Answers every caller of a group that was not appended, or of which that is not known.
pub(super) fn refuse(group: Vec<QueuedCommit>, error: StoreError, in_doubt: bool) {
    let error = Arc::new(error);
    for queued in group {
        let refusal = match &*error {
            _ if in_doubt => StoreError::Undecided,
            StoreError::Full => StoreError::Full,
            StoreError::Invalid { reason } => StoreError::Invalid { reason: reason.clone() },
            StoreError::Protected { store } => StoreError::Protected { store: store.clone() },
            StoreError::Unprivileged { reason } => StoreError::Unprivileged { reason: reason.clone() },
            StoreError::Corrupt { position, reason } => {
                StoreError::Corrupt { position: *position, reason: reason.clone() }
            }
            _ => StoreError::Unavailable(Box::new(Arc::clone(&error))),
        };
        // The caller may no longer wait.
        let _ = queued.answer.send(Err(refusal));
    }
}

/// How many of the waiting commits go into the next group: at least one.
pub(super) fn group_size(waiting: &[QueuedCommit]) -> usize {
    let mut events = 0;
    let fits = waiting.iter().take_while(|queued| {
        events += queued.metadata.len();
        events <= MAX_GROUP_EVENTS
    });
    fits.count().max(1)
}
