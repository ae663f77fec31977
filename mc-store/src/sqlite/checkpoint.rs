//! Moving committed pages from the write-ahead log into the database, off the commit path.
//!
//! A second connection moves the bulk while commits go on. Commits meanwhile add pages that this pass does not move,
//! so the writer moves those few itself, between two groups; only then can the write-ahead log start over and stay
//! small under a load that never pauses.

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

use super::schema;
use crate::error::StoreError;

/// The pages (4 KiB each) in the write-ahead log that make a pass due. Commits beside a pass are slower, so passes
/// are rare; but the longer the write-ahead log, the longer a pass.
const CHECKPOINT_PAGES: u32 = 16_384;
/// The bytes of a page of the database.
pub(super) const PAGE_BYTES: u64 = 4_096;
/// The length of the write-ahead log that says that somebody keeps it from starting over: four times what it has
/// between two passes. Our own reads take far less long.
pub const LONG_BYTES: u64 = 4 * CHECKPOINT_PAGES as u64 * PAGE_BYTES;
/// What the write-ahead log is cut to when it starts over.
pub(super) const KEPT_BYTES: u64 = 2 * CHECKPOINT_PAGES as u64 * PAGE_BYTES;

const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const CHECKPOINT_AND_TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// The thread that checkpoints for the writer.
#[derive(Debug)]
pub(super) struct Checkpointer {
    /// Nothing once it was told to end.
    requests: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    passed: Arc<AtomicBool>,
    /// By how many pages the write-ahead log grows from pass to pass.
    pub(super) every_pages: u32,
    /// The length of the write-ahead log, in pages, from which on the next pass is due.
    due_at_pages: u32,
    /// The length of the write-ahead log from which on it is told of.
    pub(super) long_bytes: u64,
    /// Whether it was told of, until it is short again.
    pub(super) is_long: bool,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let connection = schema::open_checkpointer(path)?;
        let passed = Arc::new(AtomicBool::new(false));
        let (requests, receiver) = sync_channel(1);
        let done = Arc::clone(&passed);
        let thread = std::thread::Builder::new()
            .name("mc-store checkpoint".to_owned())
            .spawn(move || run(&connection, &receiver, &done))
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        let (requests, thread) = (Some(requests), Some(thread));
        Ok(Self {
            requests,
            thread,
            passed,
            every_pages: CHECKPOINT_PAGES,
            due_at_pages: CHECKPOINT_PAGES,
            long_bytes: LONG_BYTES,
            is_long: false,
        })
    }

    /// Called by the writer between two groups, with the length of the write-ahead log.
    pub(super) fn tend(&mut self, writer: &Connection, wal_pages: u32) {
        self.watch(u64::from(wal_pages) * PAGE_BYTES);
        if wal_pages < self.every_pages {
            self.due_at_pages = self.every_pages;
        }
        if self.passed.swap(false, Ordering::AcqRel) {
            checkpoint(writer);
        } else if wal_pages >= self.due_at_pages
            && let Some(requests) = &self.requests
            && requests.try_send(()).is_ok()
        {
            // Where a long read keeps the write-ahead log from starting over, passes still keep their distance.
            self.due_at_pages = wal_pages.saturating_add(self.every_pages);
        }
    }

    /// Tells, once, of a write-ahead log that does not start over, and once when it has.
    fn watch(&mut self, bytes: u64) {
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

    /// Ends the thread and moves everything.
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

fn run(connection: &Connection, requests: &Receiver<()>, passed: &AtomicBool) {
    while requests.recv().is_ok() {
        checkpoint(connection);
        passed.store(true, Ordering::Release);
    }
}

/// A failure costs nothing but space: what is in the write-ahead log is safe there, and the next pass takes it along.
pub(super) fn checkpoint(connection: &Connection) {
    let moved = connection.prepare_cached(CHECKPOINT).and_then(|mut pass| pass.query_row([], |_| Ok(())));
    if let Err(error) = moved {
        warn(&error);
    }
}

fn warn(error: &rusqlite::Error) {
    tracing::warn!(%error, "the write-ahead log could not be checkpointed; the next pass tries again");
}
