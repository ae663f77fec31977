//! Who calls, what they may do, and in which projects.
//!
//! | part | answers |
//! |---|---|
//! | [`Secret`] | what a bearer shows, and only its hash is kept of |
//! | [`mod@file`] | how a bearer keeps it |
//! | `issue` | how one comes into being, and ends, by whoever has the store |
//! | `address` | whether one stands in an address, where it does not belong |
//! | `admission` | whose credential a request shows, or why it is none |
//! | [`Caller`] | who acts by a request, and in which projects |
//! | [`Needs`] | what a route asks of its caller; a column of the table of routes |
//! | [`Limits`] | how often a credential may call, and an address fail |
//! | `pool` | how such a limit counts the calls to all nodes |
//! | `uses` | when each credential was used last |
//!
//! As long as no credential was ever issued, whoever reaches the server is its operator: that is how it starts on
//! loopback, and why it does not start on another address ([`App::is_open`](crate::app::App::is_open)).

pub(crate) mod address;
mod admission;
mod caller;
pub mod file;
mod guarded;
mod issue;
mod limits;
mod needs;
mod pool;
mod secret;
mod uses;

pub(crate) use admission::{Admission, SESSION_COOKIES};
pub use caller::Caller;
pub(crate) use guarded::{Guarded, refused};
pub(crate) use issue::{issue, revoke};
pub use limits::Limits;
pub use needs::Needs;
pub use secret::{MalformedSecret, Secret};
pub(crate) use uses::Use;

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use self::{limits::Limiters, uses::Uses};
use crate::{nodes::Item, problem::Kind};

/// What the server knows of its callers beside the log.
#[derive(Debug)]
pub(crate) struct Access {
    limiters: OnceLock<Limiters>,
    uses: Uses,
    /// Whether there may be other nodes, which callers turn to as well.
    is_shared: bool,
    /// Whether it is told in `/health` that everyone may do everything although the address is not loopback.
    exposed: AtomicBool,
}

impl Access {
    /// Nobody has called yet. `is_shared` says whether there may be other nodes, which callers turn to as well.
    pub(crate) fn new(is_shared: bool) -> Self {
        let (limiters, exposed) = (OnceLock::new(), AtomicBool::new(false));
        Self { limiters, uses: Uses::new(is_shared), is_shared, exposed }
    }

    /// Holds callers to these limits from now on; once.
    pub(crate) fn keep_within(&self, limits: Limits) {
        let _ = self.limiters.set(Limiters::new(limits, self.is_shared));
    }

    fn limiters(&self) -> &Limiters {
        self.limiters.get_or_init(|| Limiters::new(Limits::default(), self.is_shared))
    }

    /// What was admitted since this was asked last, for the other nodes; nothing before the first request.
    pub(crate) fn admitted(&self) -> Vec<Item> {
        self.limiters.get().map(Limiters::admitted).unwrap_or_default()
    }

    /// Counts what another node admitted.
    pub(crate) fn charge(&self, admitted: &Item) {
        if let Some(limiters) = self.limiters.get() {
            limiters.charge(admitted);
        }
    }

    /// Counts a request that was refused because it showed no credential.
    pub(crate) fn note_missing(&self) {
        self.limiters().count(Kind::CredentialMissing);
    }

    /// When credentials and sessions were used last.
    pub(crate) fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Notes that the server listens on another address than loopback without asking for credentials.
    pub(crate) fn expose(&self) {
        self.exposed.store(true, Relaxed);
    }

    /// Whether the server listens on another address than loopback, and was told not to insist on credentials.
    pub(crate) fn is_exposed(&self) -> bool {
        self.exposed.load(Relaxed)
    }

    /// The figures of `/metrics` about callers, in the text format of Prometheus.
    pub(crate) fn write_to(&self, text: &mut String) {
        self.limiters().write_to(text);
    }
}
