//! The lengths of the write-ahead log at which something happens.

/// The bytes of a page of the database.
pub(super) const PAGE_BYTES: u64 = 4_096;
/// By how many pages the write-ahead log grows before a checkpoint is due. Commits beside a checkpoint are slower, so
/// checkpoints are rare; but the longer the write-ahead log, the longer a checkpoint takes.
pub(super) const CHECKPOINT_PAGES: u32 = 16_384;
/// The length that SQLite cuts the write-ahead log to when it starts over: twice what it has between two checkpoints.
pub(super) const KEPT_BYTES: u64 = 2 * CHECKPOINT_PAGES as u64 * PAGE_BYTES;
/// The length of the write-ahead log from which on it is too long: four times what it has between two checkpoints.
/// Another program must then have been reading the database for long; our own reads take far less.
pub const LONG_BYTES: u64 = 4 * CHECKPOINT_PAGES as u64 * PAGE_BYTES;
