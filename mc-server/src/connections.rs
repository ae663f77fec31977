//! The connections of the server: how many there may be, how long each may wait for its client, and who makes room.
//!
//! A client that sends half a request, nothing at all, or does not read its answer costs a place and a descriptor. Each of
//! these waits has a limit ([`Limits`]), and where all places are taken the connection that has waited longest for its
//! client makes room for a new one. What is being worked on is never cut for that; where nothing waits, the new
//! connection is refused with 503.

mod counts;
mod descriptors;
mod line;
mod listen;
mod serve;
#[cfg(test)]
mod tests;
mod watched;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::http::Extensions;
use tokio::{sync::Notify, task::JoinHandle, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use descriptors::Descriptors;
pub(crate) use listen::{accept, bind};

use counts::{Counts, Ended, Full};
use line::Line;

/// The most connections there are by default, however many descriptors the process may have.
pub const DEFAULT_MAX_CONNECTIONS: usize = 4_096;
/// The share of all places that the connections of one peer may take by default: one of this many. Peers on loopback
/// have no share, because everybody on this machine, a proxy before all, comes from the same address.
pub const PEER_SHARE: usize = 2;
/// The share of all places that event streams may take: one of this many.
pub const STREAM_SHARE: usize = 2;
/// How long a request that is still arriving, and an answer that nobody reads, may take once the server has to end.
pub const LAST_CALL: Duration = Duration::from_secs(1);
/// The most connections that were told to end and are not closed yet before new ones have to wait for them.
const MAX_LEAVING: usize = 16;
/// How long the server waits for one of them at most.
const MAX_WAIT_FOR_ROOM: Duration = Duration::from_millis(100);

/// Who is at the other end of the connection a request came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// The address that a request with these extensions came from; nothing where it came over no connection.
    pub(crate) fn address_of(extensions: &Extensions) -> Option<IpAddr> {
        extensions.get::<Self>().map(|peer| peer.0.ip())
    }
}

/// How many connections there may be, and how long each may wait for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at a time, at least one.
    pub connections: usize,
    /// The most connections at a time from one address that is not loopback; of IPv6, from one network of 64 bits.
    pub per_peer: usize,
    /// How long the head of a request may take, from its first byte, or from the beginning of the connection.
    pub head: Duration,
    /// How long the body of a request may take, from the end of its head.
    pub body: Duration,
    /// How long a connection may be idle after an answer.
    pub idle: Duration,
    /// How long a client may take none of an answer that is ready for it.
    pub write: Duration,
}

impl Limits {
    /// The most event streams at a time, so that they never take all places.
    pub fn streams(&self) -> usize {
        (self.connections / STREAM_SHARE).max(1)
    }
}

/// The connections that are open, within their limits.
pub(crate) struct Connections {
    limits: Limits,
    counts: Counts,
    open: Mutex<Open>,
    /// Told whenever a connection has closed.
    closed: Notify,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

#[derive(Default)]
struct Open {
    lines: HashMap<u64, Arc<Line>>,
    by_peer: HashMap<IpAddr, usize>,
    last_number: u64,
    /// Connections that were told to make room and still have their descriptor.
    leaving: usize,
}

/// A place among the connections, which is free again when this is dropped.
struct Place {
    connections: Arc<Connections>,
    line: Arc<Line>,
}

impl Connections {
    /// None yet. All that there will be end with `shutdown`.
    pub(crate) fn new(limits: Limits, shutdown: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            limits,
            counts: Counts::default(),
            open: Mutex::default(),
            closed: Notify::new(),
            tasks: TaskTracker::new(),
            shutdown,
        })
    }

    /// Waits until no new connection is accepted, which is when `door` ends, and the last one has closed.
    pub(crate) async fn ended(&self, door: JoinHandle<()>) {
        if door.await.is_err() {
            tracing::error!("the task that accepts connections broke down");
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Appends what is known of them in the text format of Prometheus.
    pub(crate) fn write_to(&self, text: &mut String) {
        let open = self.open().lines.len();
        self.counts.write_to(text, open, self.limits.connections);
    }

    /// A place for a connection from `peer`, if need be that of one that waits for its client.
    fn admit(self: &Arc<Self>, peer: SocketAddr) -> Result<Place, Full> {
        let now = Instant::now();
        let peer_key = key(peer.ip());
        let mut open = self.open();
        loop {
            let of_peer = open.by_peer.get(&peer_key).copied().unwrap_or_default();
            let (full, whose) = if !peer_key.is_loopback() && of_peer >= self.limits.per_peer {
                (Full::Peer, Some(peer_key))
            } else if open.lines.len() >= self.limits.connections {
                (Full::Server, None)
            } else {
                break;
            };
            if !open.make_room(whose) {
                return Err(full);
            }
            self.counts.made_room(full, peer, self.limits);
        }
        open.last_number += 1;
        let number = open.last_number;
        let line = Arc::new(Line::new(number, peer_key, now, self.shutdown.child_token()));
        open.lines.insert(number, Arc::clone(&line));
        *open.by_peer.entry(peer_key).or_default() += 1;
        self.counts.accepted();
        Ok(Place { connections: Arc::clone(self), line })
    }

    /// Ends the connection that has waited longest for its client, if one does: descriptors have run out.
    fn relieve(&self) {
        if self.open().make_room(None) {
            self.counts.ended(Ended::MadeRoom);
        }
    }

    /// Waits while many connections that made room are not closed yet: a new one would need descriptors beyond the limit.
    async fn room(&self) {
        while self.open().leaving >= MAX_LEAVING {
            if tokio::time::timeout(MAX_WAIT_FOR_ROOM, self.closed.notified()).await.is_err() {
                return;
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("nothing panics while it holds the connections")
    }
}

impl Open {
    /// Ends the connection that has waited longest for its client, of one peer or of all; says whether there was one.
    fn make_room(&mut self, peer: Option<IpAddr>) -> bool {
        let of_peer = |line: &&Arc<Line>| peer.is_none_or(|peer| line.peer() == peer);
        let waiting = self.lines.values().filter(of_peer);
        let waiting = waiting.filter_map(|line| Some((line.waits_since()?, line.number())));
        let Some((_, number)) = waiting.min() else { return false };
        let Some(line) = self.remove(number) else { return false };
        line.make_room();
        self.leaving += 1;
        true
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Line>> {
        let line = self.lines.remove(&number)?;
        if let Some(count) = self.by_peer.get_mut(&line.peer()) {
            *count -= 1;
            if *count == 0 {
                self.by_peer.remove(&line.peer());
            }
        }
        Some(line)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        if open.remove(self.line.number()).is_none() {
            open.leaving -= 1;
        }
        drop(open);
        self.connections.closed.notify_one();
    }
}

/// By what the connections of a peer are counted. A machine has as many IPv6 addresses as it likes in its network.
fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}
