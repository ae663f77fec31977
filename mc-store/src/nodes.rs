//! Several servers on one log: what a log that others append to offers beside [`EventLog`](crate::log::EventLog).
//!
//! A *node* is a process that has the log open. Every node folds the whole log; one of them at a time *leads*, which means
//! that it runs the workers.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, watch};

use crate::{error::StoreError, event::StoredEvent};

/// The most bytes of a message between nodes.
pub const MAX_MESSAGE_BYTES: usize = 7_000;

/// What the leading node holds: the right to do what only one node does. Its number is a fencing token: each new leader gets a
/// higher one, and the log refuses commits under an older one ([`StoreError::Deposed`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease(pub u64);

/// What takes in the events of other nodes; the log calls it with each page, in order, before its head moves past them.
pub type Observer = Arc<dyn Fn(&[StoredEvent]) + Send + Sync>;

/// A turn among all nodes ([`Nodes::turn`]). It lasts until it is dropped.
pub struct Turn {
    /// The head of the log when the turn began. Whoever counts in views must wait until they have reached it.
    pub position: u64,
    _held: Box<dyn Any + Send>,
}

impl Turn {
    /// A turn that lasts as long as `held` is there.
    pub fn new(position: u64, held: impl Any + Send) -> Self {
        Self { position, _held: Box::new(held) }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("position", &self.position).finish_non_exhaustive()
    }
}

/// What the nodes on one log need of it.
pub trait Nodes: Send + Sync {
    /// Competes for the lead from now on, until the log is closed. The receiver shows this node's lease; nothing while another
    /// node leads. After the leading node has gone or stands still, another one leads within 10 seconds.
    fn campaign(&self) -> watch::Receiver<Option<Lease>>;

    /// Waits until no other node has a turn of the same number, and takes one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    fn turn(&self, number: i64) -> BoxFuture<'_, Result<Turn, StoreError>>;

    /// Sends a message, at most [`MAX_MESSAGE_BYTES`] long, to the other nodes. Nobody confirms it: it is lost for those who
    /// are out of touch, and it is not part of the log.
    fn tell(&self, message: String);

    /// Receives the messages of the other nodes.
    fn heard(&self) -> broadcast::Receiver<Arc<str>>;

    /// Has `observer` called with what other nodes append from now on.
    fn observe(&self, observer: Observer);

    /// How long this node has been unable to ask for what others append; nothing while it can.
    fn out_of_touch(&self) -> Option<Duration>;
}
