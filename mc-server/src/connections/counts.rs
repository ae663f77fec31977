//! Counts how connections ended, for `/metrics` and for a line in the log from time to time.

use std::{
    fmt::Write,
    io,
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::Limits;

/// The shortest time between two lines of the log about the same.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Which limit on the number of connections is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The limit for the whole server.
    Server,
    /// The share of one peer address.
    Peer,
}

/// Why the server ends a connection by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The head of a request did not arrive in time.
    HeadTooSlow,
    /// No request began within the idle timeout.
    Idle,
    /// The client does not read its answer.
    NotRead,
    /// What arrived cannot be parsed as HTTP.
    Malformed,
    /// It waited for its client, and another connection needed its place.
    MadeRoom,
    /// The server shuts down and takes no more requests.
    Draining,
}

const ENDS: [(Ended, &str); 6] = [
    (Ended::HeadTooSlow, "head_timeout"),
    (Ended::Idle, "idle_timeout"),
    (Ended::NotRead, "write_timeout"),
    (Ended::Malformed, "malformed"),
    (Ended::MadeRoom, "made_room"),
    (Ended::Draining, "draining"),
];

/// The counters of all connections since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    accepted: AtomicU64,
    ended: [AtomicU64; ENDS.len()],
    refused_full: AtomicU64,
    refused_peer: AtomicU64,
    no_descriptor: AtomicU64,
    said_full: Throttle,
    said_no_descriptor: Throttle,
}

impl Counts {
    pub(super) fn accepted(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    pub(super) fn ended(&self, why: Ended) {
        self.ended[why as usize].fetch_add(1, Relaxed);
    }

    /// A connection was not taken, because nobody waits for its client whose place it could have.
    pub(super) fn refused(&self, full: Full, peer: SocketAddr, limits: Limits) {
        let (count, places, option) = match full {
            Full::Server => (&self.refused_full, limits.connections, "--max-connections"),
            Full::Peer => (&self.refused_peer, limits.per_peer, "--max-connections-per-peer"),
        };
        let refused = count.fetch_add(1, Relaxed) + 1;
        if self.said_full.is_time() {
            tracing::warn!(%peer, refused, "connections are refused: all {places} places are taken ({option})");
        }
    }

    /// A connection that waited for its client makes room for another one.
    pub(super) fn made_room(&self, full: Full, peer: SocketAddr, limits: Limits) {
        self.ended(Ended::MadeRoom);
        if self.said_full.is_time() {
            let ended = self.ended[Ended::MadeRoom as usize].load(Relaxed);
            let (places, option) = match full {
                Full::Server => (limits.connections, "--max-connections"),
                Full::Peer => (limits.per_peer, "--max-connections-per-peer"),
            };
            tracing::warn!(
                %peer,
                ended,
                "all {places} places for connections are taken ({option}): those that wait longest for their clients are ended"
            );
        }
    }

    /// The process cannot open any more files or sockets; the connection waits in the queue of the system.
    pub(super) fn no_descriptor(&self, error: &io::Error) {
        let times = self.no_descriptor.fetch_add(1, Relaxed) + 1;
        if self.said_no_descriptor.is_time() {
            tracing::error!(%error, times, "no connection can be taken: raise the limit of open files (ulimit -n)");
        }
    }

    /// Appends them in the text format of Prometheus, with how many connections are open of how many there may be.
    pub(super) fn write_to(&self, text: &mut String, open: usize, places: usize) {
        let of = |count: &AtomicU64| count.load(Relaxed);
        let gauge = |value: usize| vec![(None, value as u64)];
        let ended = ENDS.iter().zip(&self.ended).map(|((_, reason), count)| (Some(*reason), of(count)));
        let refused = vec![
            (Some("full"), of(&self.refused_full)),
            (Some("peer_full"), of(&self.refused_peer)),
            (Some("no_descriptor"), of(&self.no_descriptor)),
        ];
        for (name, help, kind, samples) in [
            ("mc_http_connections", "Connections that are open.", "gauge", gauge(open)),
            ("mc_http_connections_limit", "The most connections there may be.", "gauge", gauge(places)),
            (
                "mc_http_connections_accepted_total",
                "Connections that were taken.",
                "counter",
                vec![(None, of(&self.accepted))],
            ),
            ("mc_http_connections_refused_total", "Connections that were not taken.", "counter", refused),
            (
                "mc_http_connections_ended_total",
                "Connections that the server ended by itself.",
                "counter",
                ended.collect(),
            ),
        ] {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (reason, value) in samples {
                let _ = match reason {
                    Some(reason) => writeln!(text, "{name}{{reason=\"{reason}\"}} {value}"),
                    None => writeln!(text, "{name} {value}"),
                };
            }
        }
    }
}

/// Lets a line be logged at most once in every [`LOG_INTERVAL`].
#[derive(Debug, Default)]
struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    fn is_time(&self) -> bool {
        let mut logged_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = logged_at.is_none_or(|at| at.elapsed() >= LOG_INTERVAL);
        if is_time {
            *logged_at = Some(Instant::now());
        }
        is_time
    }
}
