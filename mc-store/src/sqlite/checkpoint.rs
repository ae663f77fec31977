//! Checkpoints: moving committed pages from the write-ahead log into the database, beside the commits.
//!
//! A thread with its own connection moves most pages while commits go on. Those commits add pages that this checkpoint
//! misses, so the writer then moves these few itself, between two groups. Only then can the write-ahead log start over,
//! and stay short under a load that never pauses.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::Connection;

use super::{
    connection,
    wal::{CHECKPOINT_PAGES, LONG_BYTES, PAGE_BYTES},
};
use crate::error::StoreError;

const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const CHECKPOINT_AND_TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// The thread that checkpoints for the writer, and when it does so.
#[derive(Debug)]
pub(super) struct Checkpointer {
    /// Nothing once the thread is to end.
    requests: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Whether the thread has finished a checkpoint that the writer has not followed up yet.
    has_finished: Arc<AtomicBool>,
    /// By how many pages the write-ahead log grows from one checkpoint to the next.
    pub(super) every_pages: u32,
    /// The length of the write-ahead log, in pages, from which on the next checkpoint is due.
    due_at_pages: u32,
    /// The length of the write-ahead log from which on the program's log warns of it.
    pub(super) long_bytes: u64,
    /// Whether that warning is given; until the write-ahead log is half as long.
    pub(super) is_long: bool,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let connection = connection::open_checkpointer(path)?;
        let has_finished = Arc::new(AtomicBool::new(false));
        let (requests, receiver) = sync_channel(1);
        let finished = Arc::clone(&has_finished);
        let thread = std::thread::Builder::new()
            .name("mc-store checkpoint".to_owned())
            .spawn(move || run(&connection, &receiver, &finished))
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        let (requests, thread) = (Some(requests), Some(thread));
        Ok(Self {
            requests,
            thread,
            has_finished,
            every_pages: CHECKPOINT_PAGES,
            due_at_pages: CHECKPOINT_PAGES,
            long_bytes: LONG_BYTES,
            is_long: false,
        })
    }

    /// Starts or completes a checkpoint when one is due. The writer calls this after every group, with its connection and
    /// the length of the write-ahead log.
    pub(super) fn after_group(&mut self, writer: &Connection, wal_pages: u32) {
        self.report_length(u64::from(wal_pages) * PAGE_BYTES);
        if wal_pages < self.every_pages {
            self.due_at_pages = self.every_pages;
        }
        if self.has_finished.swap(false, Ordering::AcqRel) {
            checkpoint(writer);
        } else if wal_pages >= self.due_at_pages
            && let Some(requests) = &self.requests
            && requests.try_send(()).is_ok()
        {
            // When a long read keeps the write-ahead log from starting over, checkpoints still keep their distance.
            self.due_at_pages = wal_pages.saturating_add(self.every_pages);
        }
    }

    /// Warns once of a write-ahead log that does not start over, and reports once that it has.
    fn report_length(&mut self, bytes: u64) {
        if bytes >= self.long_bytes && !self.is_long {
            self.is_long = true;
            tracing::warn!(
                bytes,
                "the write-ahead log cannot start over: another program has been reading the database for long; end it"
            );
        } else if self.is_long && bytes < self.long_bytes / 2 {
            self.is_long = false;
            tracing::info!(bytes, "the write-ahead log has started over");
        }
    }

    /// Ends the thread, then moves all pages and empties the write-ahead log.
    pub(super) fn finish(mut self, writer: &Connection) {
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked");
        }
        if let Err(error) = writer.query_row(CHECKPOINT_AND_TRUNCATE, [], |_| Ok(())) {
            warn(&error);
        }
    }
}

fn run(connection: &Connection, requests: &Receiver<()>, finished: &AtomicBool) {
    while requests.recv().is_ok() {
        checkpoint(connection);
        finished.store(true, Ordering::Release);
    }
}

/// Moves the pages that no reader still needs. A failure costs only space: the pages are safe in the write-ahead log,
/// and the next checkpoint moves them.
pub(super) fn checkpoint(connection: &Connection) {
    let moved =
        connection.prepare_cached(CHECKPOINT).and_then(|mut checkpoint| checkpoint.query_row([], |_| Ok(())));
    if let Err(error) = moved {
        warn(&error);
    }
}

fn warn(error: &rusqlite::Error) {
    tracing::warn!(%error, "the write-ahead log could not be checkpointed; the next checkpoint tries again");
}
