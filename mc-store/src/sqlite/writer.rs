//! The one thread that writes.
//!
//! It takes all commits that queued while it synced the last transaction, checks each against the heads of its streams,
//! writes them in one transaction, and answers once that is on disk. There is no timer: a lone caller waits for its own
//! sync and nothing else.

use std::{
    iter::{self, zip},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    checkpoint::{Checkpointer, checkpoint},
    connection,
    disk::{Disk, Room},
    error::store_error,
    files::{OPEN_SUFFIXES, with_suffix},
    group::{CommitResult, Group, TableEnds},
    identity::OpenFiles,
    lock::{self, LockFile},
    outage::{Cause, Outage},
    queries::Head,
    schema,
};
use crate::{
    error::StoreError,
    heads::Heads,
    log::{Appended, Commit, NewEvent, Priority},
    recent::Recent,
};

/// The most events in one transaction, unless a single commit has more.
const MAX_GROUP_EVENTS: usize = 4_096;
/// The most messages taken from the queue at once.
const MAX_MESSAGES: usize = 1_024;

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
    commit: Commit,
    /// The metadata of all its events as JSON, in their order. Callers encode it, so that they share this work.
    metadata: Vec<String>,
    answer: oneshot::Sender<CommitResult>,
}

impl QueuedCommit {
    pub(super) fn new(commit: Commit) -> (Self, oneshot::Receiver<CommitResult>) {
        let metadata = commit.appends.iter().flat_map(|append| &append.events).map(metadata_json).collect();
        let (answer, answered) = oneshot::channel();
        (Self { commit, metadata, answer }, answered)
    }

    /// Answers the caller, if it still waits.
    fn answer(self, result: CommitResult) {
        let _ = self.answer.send(result);
    }
}

fn metadata_json(event: &NewEvent) -> String {
    serde_json::to_string(&event.metadata).expect("metadata has string keys only, so it is always JSON")
}

/// The state of the writing thread. Nobody else writes to the database.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    pub(super) heads: Heads<Head>,
    /// Nothing after a failed transaction; the next one loads it from the tables.
    ends: Option<TableEnds>,
    recent: Arc<Recent>,
    head: watch::Sender<u64>,
    /// The length of the write-ahead log in pages. SQLite reports it after every commit.
    wal_pages: Arc<AtomicU32>,
    checkpointer: Checkpointer,
    path: PathBuf,
    open_files: OpenFiles,
    lock_file: Arc<LockFile>,
    disk: Disk,
    outage: Outage,
}

impl Writer {
    /// Opens the log at `path` on `disk`, and returns its writer with a receiver of its head. The writer notes the head
    /// in `lock_file`, and keeps what it appended last in `recent`.
    pub(super) fn open(
        path: &Path,
        disk: Disk,
        lock_file: Arc<LockFile>,
        recent: Arc<Recent>,
    ) -> Result<(Self, watch::Receiver<u64>), StoreError> {
        let mut connection = connection::open_writer(path)?;
        let wal_pages = Arc::new(AtomicU32::new(0));
        let pages = Arc::clone(&wal_pages);
        connection
            .wal_hook(Some(move |_: &mut _, length| {
                pages.store(u32::try_from(length).unwrap_or(u32::MAX), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(store_error)?;
        let ends = TableEnds::load(&connection)?;
        if let Some(noted) = lock_file.noted_head().filter(|noted| *noted > ends.position) {
            tracing::error!("{}", lock::missing_events(ends.position, noted));
        }
        lock_file.note_head(ends.position);
        let (head, watched) = watch::channel(ends.position);
        let checkpointer = Checkpointer::start(path)?;
        let files = iter::once(path.to_owned()).chain(OPEN_SUFFIXES.map(|suffix| with_suffix(path, suffix)));
        let writer = Self {
            connection,
            heads: Heads::default(),
            ends: Some(ends),
            recent,
            head,
            wal_pages,
            checkpointer,
            path: path.to_owned(),
            open_files: OpenFiles::at(files),
            lock_file,
            disk,
            outage: Outage::default(),
        };
        Ok((writer, watched))
    }

    /// Serves the queue until every sender is gone, then checkpoints.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let (mut messages, mut waiting) = (Vec::new(), Vec::new());
        while queue.blocking_recv_many(&mut messages, MAX_MESSAGES) > 0 {
            let mut probes = Vec::new();
            for message in messages.drain(..) {
                match message {
                    Message::Commit(commit) => waiting.push(commit),
                    Message::Probe(answer) => probes.push(answer),
                }
            }
            while !waiting.is_empty() {
                let group = waiting.drain(..group_size(&waiting)).collect();
                self.commit(group);
                self.checkpointer.after_group(&self.connection, self.wal_pages.load(Ordering::Relaxed));
            }
            for answer in probes {
                // The caller may no longer wait.
                let _ = answer.send(self.probe());
            }
        }
        self.checkpointer.finish(&self.connection);
    }

    /// The length of the write-ahead log in pages.
    pub(super) fn wal_pages(&self) -> &Arc<AtomicU32> {
        &self.wal_pages
    }

    /// Appends the commits of a group that the disk has room for, and answers all its callers.
    pub(super) fn commit(&mut self, group: Vec<QueuedCommit>) {
        let room = self.disk.room(&self.path);
        let (group, refused): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|queued| room.admits(queued.commit.priority));
        if !refused.is_empty() {
            self.outage.report(Cause::Full, &StoreError::Full);
        }
        for queued in refused {
            queued.answer(Err(StoreError::Full));
        }
        if group.is_empty() {
            return;
        }
        match self.transact_in_place(&group) {
            Ok(results) => self.publish(group, results),
            Err(error) => self.fail(group, error),
        }
        match room {
            Room::Enough => self.outage.report_recovery(),
            // Moves the new pages into the database, so that the write-ahead log starts over instead of growing.
            Room::Reserve | Room::Exhausted => checkpoint(&self.connection),
        }
    }

    /// Whether the writer could append an ordinary commit. After a failed transaction it writes a page to find out.
    fn probe(&mut self) -> Result<(), StoreError> {
        if let Err(displaced) = self.check_open_files() {
            self.outage.report(Cause::Displaced, &displaced);
            return Err(displaced);
        }
        if !self.disk.room(&self.path).admits(Priority::Ordinary) {
            self.outage.report(Cause::Full, &StoreError::Full);
            return Err(StoreError::Full);
        }
        if self.outage.last_failed {
            schema::touch(&self.connection)?;
            self.outage.last_failed = false;
        }
        self.outage.report_recovery();
        Ok(())
    }

    /// Checks before and after the transaction that it reaches the files at the log's path: what it writes to other
    /// files is lost.
    fn transact_in_place(&mut self, group: &[QueuedCommit]) -> Result<Vec<CommitResult>, StoreError> {
        self.check_open_files()?;
        let results = self.transact(group)?;
        self.check_open_files()?;
        Ok(results)
    }

    fn check_open_files(&self) -> Result<(), StoreError> {
        match self.open_files.displaced() {
            Some(file) => Err(StoreError::Displaced { file: file.to_owned() }),
            None => Ok(()),
        }
    }

    fn transact(&mut self, group: &[QueuedCommit]) -> Result<Vec<CommitResult>, StoreError> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
        let ends = match self.ends {
            Some(ends) => ends,
            None => TableEnds::load(&transaction)?,
        };
        let mut open = Group::new(&transaction, &mut self.heads, ends).map_err(store_error)?;
        let appended = group.iter().map(|queued| open.append(&queued.commit, &queued.metadata));
        let results = appended.collect::<rusqlite::Result<_>>().map_err(store_error)?;
        let ends = open.ends();
        drop(open);
        transaction.commit().map_err(store_error)?;
        self.ends = Some(ends);
        Ok(results)
    }

    /// Shows the new events to readers first and answers callers second: a caller with an answer finds its events.
    fn publish(&mut self, group: Vec<QueuedCommit>, results: Vec<CommitResult>) {
        self.outage.last_failed = false;
        let before = *self.head.borrow();
        let head = self.ends.map_or(before, |ends| ends.position);
        let mut events = Vec::with_capacity((head - before) as usize);
        let mut answers = Vec::with_capacity(group.len());
        for (queued, result) in zip(group, results) {
            if let Ok(Appended::Committed { position }) = result {
                let first = position + 1 - queued.metadata.len() as u64;
                events.extend(queued.commit.recorded_from(first));
            }
            answers.push((queued.answer, result));
        }
        if head > before {
            self.lock_file.note_head(head);
            self.recent.push(events);
            self.head.send_replace(head);
        }
        for (answer, result) in answers {
            // The caller may no longer wait.
            let _ = answer.send(result);
        }
    }

    /// Answers every caller of a group whose transaction failed. It is rolled back already, by SQLite or when it was
    /// dropped.
    fn fail(&mut self, group: Vec<QueuedCommit>, error: StoreError) {
        match error {
            StoreError::Full => self.outage.report(Cause::Full, &error),
            StoreError::Displaced { .. } => self.outage.report(Cause::Displaced, &error),
            _ => tracing::error!(%error, source = ?std::error::Error::source(&error), "a transaction failed"),
        }
        self.heads.forget();
        self.ends = None;
        self.outage.last_failed = true;
        let error = Arc::new(error);
        for queued in group {
            queued.answer(Err(match &*error {
                StoreError::Full => StoreError::Full,
                StoreError::Displaced { file } => StoreError::Displaced { file: file.clone() },
                StoreError::Damaged(_) => StoreError::Damaged(Box::new(Arc::clone(&error))),
                _ => StoreError::Unavailable(Box::new(Arc::clone(&error))),
            }));
        }
    }
}

/// How many of the waiting commits go into the next transaction: at least one.
fn group_size(waiting: &[QueuedCommit]) -> usize {
    let mut events = 0;
    let fits = waiting.iter().take_while(|queued| {
        events += queued.metadata.len();
        events <= MAX_GROUP_EVENTS
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests;
