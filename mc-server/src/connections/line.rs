//! The state of one connection, shared with those that may have to end it.

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard},
};

use axum::http::StatusCode;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{LAST_CALL, Limits, counts::Ended};

/// A client that takes at least this much of an answer within the time for it reads.
const LEAST_PROGRESS_BYTES: usize = 16 * 1024;

/// One connection: between requests, taking one in, or answering one.
pub(super) struct Line {
    number: u64,
    peer: IpAddr,
    state: Mutex<State>,
    /// Cancelled when the connection has to end, with the server or to make room.
    ends: CancellationToken,
}

struct State {
    phase: Phase,
    /// Whether the body of the request that is worked on is still arriving, and since when.
    body_since: Option<Instant>,
    /// Since when the client takes nothing of what is ready for it.
    blocked_since: Option<Instant>,
    /// What it took since then, in bytes; less than [`LEAST_PROGRESS_BYTES`].
    taken_bytes: usize,
    /// When the server began to shut down; `None` while it serves.
    draining_since: Option<Instant>,
    /// The status by which the HTTP implementation refused what is no request, which is not sent yet.
    refusal: Option<StatusCode>,
    makes_room: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has arrived yet on a new connection.
    Fresh { since: Instant },
    /// A part of the head of a request has arrived.
    Head { since: Instant },
    /// A request is worked on, or its answer is being made.
    Working,
    /// The answer is complete, but perhaps not sent.
    Answered,
    /// The last answer is sent, and no byte of the next request has arrived.
    Idle { since: Instant },
}

impl Line {
    pub(super) fn new(number: u64, peer: IpAddr, now: Instant, ends: CancellationToken) -> Self {
        let state = State {
            phase: Phase::Fresh { since: now },
            body_since: None,
            blocked_since: None,
            taken_bytes: 0,
            draining_since: None,
            refusal: None,
            makes_room: false,
        };
        Self { number, peer, state: Mutex::new(state), ends }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// By what the connections of its peer are counted.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    pub(super) fn ends(&self) -> &CancellationToken {
        &self.ends
    }

    /// Since when it waits for its client: for a request, for the rest of one, or for somebody who reads the answer.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        let state = self.state();
        match state.phase {
            Phase::Fresh { since } | Phase::Head { since } | Phase::Idle { since } => Some(since),
            Phase::Working | Phase::Answered => state.blocked_since.or(state.body_since),
        }
    }

    /// Ends the connection at once, to make room for another one.
    pub(super) fn make_room(&self) {
        self.state().makes_room = true;
        self.ends.cancel();
    }

    pub(super) fn makes_room(&self) -> bool {
        self.state().makes_room
    }

    /// The server ends; the times are shorter from now on.
    pub(super) fn drain(&self, now: Instant) {
        self.state().draining_since.get_or_insert(now);
    }

    /// Bytes of the client have arrived.
    pub(super) fn arrived(&self, now: Instant) {
        let mut state = self.state();
        if let Phase::Fresh { .. } | Phase::Idle { .. } = state.phase {
            state.phase = Phase::Head { since: now };
        }
    }

    /// The head of a request is complete, and a body comes after it or not.
    pub(super) fn begin(&self, now: Instant, has_body: bool) {
        let mut state = self.state();
        state.phase = Phase::Working;
        state.body_since = has_body.then_some(now);
    }

    /// The body has arrived, or nobody waits for it any more.
    pub(super) fn body_is_here(&self) {
        self.state().body_since = None;
    }

    /// Notes that the answer is complete: the connection is idle from now on.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        if state.phase == Phase::Working {
            state.phase = Phase::Answered;
        }
    }

    /// Everything that was ready for the client is on its way.
    pub(super) fn flushed(&self, now: Instant) {
        let mut state = self.state();
        state.taken();
        if state.phase == Phase::Answered {
            state.phase = Phase::Idle { since: now };
        }
    }

    /// The client takes so many bytes.
    pub(super) fn took(&self, bytes: usize) {
        let mut state = self.state();
        if state.blocked_since.is_some() {
            state.taken_bytes += bytes;
            if state.taken_bytes >= LEAST_PROGRESS_BYTES {
                state.taken();
            }
        }
    }

    /// The client takes nothing more for now.
    pub(super) fn blocked(&self, now: Instant) {
        self.state().blocked_since.get_or_insert(now);
    }

    /// Whether what is written now is no answer of ours but one of the HTTP implementation, to what is no request.
    pub(super) fn is_automatic(&self) -> bool {
        matches!(self.state().phase, Phase::Fresh { .. } | Phase::Head { .. } | Phase::Idle { .. })
    }

    /// What arrived is no request: remembers how to refuse it.
    pub(super) fn refuse(&self, status: StatusCode) {
        self.state().refusal.get_or_insert(status);
    }

    pub(super) fn refusal(&self) -> Option<StatusCode> {
        self.state().refusal
    }

    /// When it has to end if nothing happens until then; nothing while only the server is waited for.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        self.state().due(limits).map(|(at, _)| at)
    }

    /// Why it has to end now, if it has.
    pub(super) fn overdue(&self, limits: &Limits, now: Instant) -> Option<Overdue> {
        let state = self.state();
        let (at, why) = state.due(limits)?;
        let is_answerable = matches!(state.phase, Phase::Head { .. });
        (at <= now).then_some(Overdue { why, is_answerable })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the state of a connection")
    }
}

/// A connection whose time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overdue {
    pub(super) why: Ended,
    /// Whether the client began a request that can be refused.
    pub(super) is_answerable: bool,
}

impl State {
    fn taken(&mut self) {
        self.blocked_since = None;
        self.taken_bytes = 0;
    }

    fn due(&self, limits: &Limits) -> Option<(Instant, Ended)> {
        let (since, patience, why) = match self.phase {
            Phase::Fresh { since } | Phase::Head { since } => (since, limits.head, Ended::HeadTooSlow),
            Phase::Idle { since } => (since, limits.idle, Ended::Idle),
            Phase::Working | Phase::Answered => (self.blocked_since?, limits.write, Ended::NotRead),
        };
        let due = since + patience;
        let Some(draining) = self.draining_since else { return Some((due, why)) };
        let last = match self.phase {
            Phase::Fresh { .. } | Phase::Idle { .. } => draining,
            Phase::Head { .. } => draining + LAST_CALL,
            Phase::Working | Phase::Answered => since.max(draining) + LAST_CALL,
        };
        Some(if last < due { (last, Ended::Draining) } else { (due, why) })
    }
}
