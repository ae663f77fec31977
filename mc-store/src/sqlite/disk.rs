//! How much room the disk of a log has left, and which commits may still use it.

use std::{fmt, path::Path, sync::Arc};

use crate::log::Priority;

/// The free bytes below which the writer takes only containment. The write-ahead log and the index by stream grow into
/// them until somebody makes room.
pub(super) const RESERVE_BYTES: u64 = 64 * 1024 * 1024;
/// The free bytes below which the writer takes nothing: SQLite needs them to keep what it has.
pub(super) const FLOOR_BYTES: u64 = 8 * 1024 * 1024;

/// Answers how many bytes the disk of a file has left for this user; nothing when the system does not tell.
type FreeBytes = dyn Fn(&Path) -> Option<u64> + Send + Sync;

/// How a log finds out what room its disk has. The default asks the operating system.
#[derive(Clone)]
pub struct Disk(Arc<FreeBytes>);

/// The room on a disk, in levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// [`RESERVE_BYTES`] or more: every commit may be written.
    Enough,
    /// Below [`RESERVE_BYTES`]: only containment may use the rest.
    Reserve,
    /// Below [`FLOOR_BYTES`]: no commit may be written.
    Exhausted,
}

impl Disk {
    /// A disk whose free bytes `free_bytes` answers, given the path of the database; for tests.
    pub fn new(free_bytes: impl Fn(&Path) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(free_bytes))
    }

    /// The room on the disk of the file at `path`, `Enough` when the system does not tell.
    pub(super) fn room(&self, path: &Path) -> Room {
        match (self.0)(path) {
            Some(free) if free < FLOOR_BYTES => Room::Exhausted,
            Some(free) if free < RESERVE_BYTES => Room::Reserve,
            Some(_) | None => Room::Enough,
        }
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new(free_bytes)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}

impl Room {
    /// Whether a commit of this priority may be written.
    pub(super) fn admits(self, priority: Priority) -> bool {
        match (self, priority) {
            (Self::Enough, _) | (Self::Reserve, Priority::Containment) => true,
            (Self::Reserve, Priority::Ordinary) | (Self::Exhausted, _) => false,
        }
    }
}

#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Tells nothing: this system has no such question.
#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
