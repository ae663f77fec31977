//! How much room the disk of a log has left, and who may still use it.

use std::{fmt, path::Path, sync::Arc};

use crate::log::Priority;

/// The free bytes below which only containment is written: what the write-ahead log and the index by stream may grow by
/// until somebody has made room.
pub(super) const RESERVE_BYTES: u64 = 64 * 1024 * 1024;
/// The free bytes below which nothing is written: what SQLite itself needs to keep what it has.
pub(super) const FLOOR_BYTES: u64 = 8 * 1024 * 1024;

/// Tells how many bytes the disk of a file has left for this user; nothing where the system does not say.
type FreeBytes = dyn Fn(&Path) -> Option<u64> + Send + Sync;

/// How the disk of a log is asked for its room.
#[derive(Clone)]
pub struct Disk(Arc<FreeBytes>);

/// Who may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Everybody.
    Enough,
    /// What contains: the reserve is being used.
    Reserve,
    /// Nobody.
    Exhausted,
}

impl Disk {
    /// A disk that is asked in another way, as a test does.
    pub fn new(free_bytes: impl Fn(&Path) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(free_bytes))
    }

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

/// Nobody is asked here.
#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
