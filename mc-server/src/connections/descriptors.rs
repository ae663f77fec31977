//! How many files and sockets the process may have open.

use std::sync::OnceLock;

use super::{DEFAULT_MAX_CONNECTIONS, PEER_SHARE};

/// What the server needs beside connections: its store with readers and backups, the log, webhooks, and connections that
/// are being refused or are not closed yet.
const RESERVED: usize = 128;
/// Where the system sets no limit, or says none, this many count as there.
const ASSUMED: usize = 65_536;
/// The fewest connections the server works with.
const FEWEST_CONNECTIONS: usize = 8;

/// How many descriptors the process may have: its soft limit, raised to the hard one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors(pub usize);

impl Descriptors {
    /// Raises the limit, the first time, and says what it is.
    pub fn raised() -> Self {
        static RAISED: OnceLock<usize> = OnceLock::new();
        Self(*RAISED.get_or_init(raise))
    }

    /// The most connections there are places for. A reserve stays: half of few descriptors, `RESERVED` of many.
    pub fn places(self) -> usize {
        (self.0 - RESERVED.min(self.0 / 2)).max(FEWEST_CONNECTIONS)
    }

    /// How many connections there may be, where `wanted` says so or else by default.
    pub fn connections(self, wanted: Option<usize>) -> usize {
        wanted.unwrap_or(DEFAULT_MAX_CONNECTIONS).min(self.places())
    }

    /// How many of `connections` may be of one peer, where `wanted` says so or else by default.
    pub fn per_peer(connections: usize, wanted: Option<usize>) -> usize {
        wanted.unwrap_or(connections.div_ceil(PEER_SHARE)).min(connections)
    }
}

#[cfg(unix)]
fn raise() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let now = getrlimit(Resource::Nofile);
    let number =
        |limit: Option<u64>| limit.map_or(ASSUMED, |limit| usize::try_from(limit).unwrap_or(ASSUMED));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
    match raised {
        Ok(()) => number(now.maximum),
        // Some systems have a further limit of their own, below the hard one.
        Err(error) => {
            tracing::debug!(%error, "the limit of descriptors stays as it is");
            number(now.current)
        }
    }
}

#[cfg(not(unix))]
fn raise() -> usize {
    ASSUMED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_of_descriptors_stays() {
        for (descriptors, places) in [(1_048_576, 1_048_448), (1_024, 896), (256, 128), (64, 32), (0, 8)] {
            assert_eq!(Descriptors(descriptors).places(), places);
        }
    }

    #[test]
    fn what_is_wanted_counts_as_far_as_there_are_descriptors() {
        assert_eq!(Descriptors(1_048_576).connections(None), DEFAULT_MAX_CONNECTIONS);
        assert_eq!(Descriptors(1_024).connections(None), 896);
        assert_eq!(Descriptors(1_024).connections(Some(100)), 100);
        assert_eq!(Descriptors(1_024).connections(Some(5_000)), 896);
        assert_eq!((Descriptors::per_peer(100, None), Descriptors::per_peer(100, Some(7))), (50, 7));
        assert_eq!((Descriptors::per_peer(1, None), Descriptors::per_peer(10, Some(70))), (1, 10));
    }

    #[cfg(unix)]
    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        Descriptors::raised();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
