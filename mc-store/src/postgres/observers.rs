//! Those who are shown what other nodes append.

use std::{
    fmt,
    sync::{PoisonError, RwLock},
};

use crate::{log::StoredEvent, nodes::Observer};

/// The observers of a log.
#[derive(Default)]
pub(super) struct Observers(RwLock<Vec<Observer>>);

impl Observers {
    pub(super) fn add(&self, observer: Observer) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    /// Shows a page of events to all of them.
    pub(super) fn show(&self, events: &[StoredEvent]) {
        for observer in &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            observer(events);
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observers")
    }
}
