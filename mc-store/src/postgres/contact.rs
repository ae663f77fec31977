//! Whether this node is in touch with the database.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a node may be silent until it counts as out of touch: it asks twice a second.
const SILENCE: Duration = Duration::from_secs(3);

/// How long commits wait for a database that has gone away; later ones are refused at once until it is back.
pub(super) const PATIENCE_WITH_OUTAGE: Duration = Duration::from_secs(5);

/// When the database answered last.
#[derive(Debug)]
pub(super) struct Contact(Mutex<State>);

#[derive(Debug)]
struct State {
    last: Instant,
    /// Whether the connection broke and no new one was made since.
    is_broken: bool,
    /// Whether those who wait for the database have been told that it is away.
    is_given_up: bool,
}

impl Default for Contact {
    fn default() -> Self {
        Self(Mutex::new(State { last: Instant::now(), is_broken: false, is_given_up: false }))
    }
}

impl Contact {
    /// The database has answered.
    pub(super) fn made(&self) {
        let mut state = self.lock();
        if state.is_given_up {
            tracing::info!("the database answers again");
        }
        *state = State { last: Instant::now(), is_broken: false, is_given_up: false };
    }

    /// The connection broke.
    pub(super) fn lost(&self, error: &sqlx::Error) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.is_broken, true) {
            tracing::warn!(%error, "the connection to the database broke");
        }
    }

    /// Gives the database up when it has not answered for [`PATIENCE_WITH_OUTAGE`]: nobody waits for it from now on.
    pub(super) fn give_up_in_time(&self) {
        let mut state = self.lock();
        if state.last.elapsed() >= PATIENCE_WITH_OUTAGE && !std::mem::replace(&mut state.is_given_up, true) {
            tracing::error!(
                "the database does not answer, so nothing can be recorded; reads show what was known last"
            );
        }
    }

    /// Whether the database was given up, and has not answered since.
    pub(super) fn is_given_up(&self) -> bool {
        self.lock().is_given_up
    }

    /// How long the database has not answered; nothing while all is well.
    pub(super) fn out_of_touch(&self) -> Option<Duration> {
        let state = self.lock();
        let silent = state.last.elapsed();
        (state.is_broken || silent > SILENCE).then_some(silent)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
