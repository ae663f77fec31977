//! Who has a log open, for others to see.

use uuid::Uuid;

/// A server that has a log open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Identifies this opening; the holder answers it to whoever asks.
    pub id: Uuid,
    /// The address it listens on, such as `127.0.0.1:3000`.
    pub listen: String,
}
