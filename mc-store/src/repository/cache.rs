//! The aggregates that are kept folded, each at the latest version that is known.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use mc_domain::{recorded::StreamId, transaction::Loaded};

use super::MAX_CACHED_AGGREGATES;
use crate::log::StoredEvent;

/// The folded aggregates, shared by everything that reads and commits.
#[derive(Default)]
pub(super) struct Cache(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    states: HashMap<StreamId, Loaded>,
    /// The least version that streams have which moved without this repository. What was read before that comes too late.
    floors: HashMap<StreamId, u64>,
    /// How often the floors were dropped.
    generation: Generation,
}

/// Between which two clearings of the cache something was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Generation(u64);

impl Cache {
    pub(super) fn get(&self, stream: &StreamId) -> Option<Loaded> {
        self.lock().states.get(stream).cloned()
    }

    /// What a read or a commit that begins now names when it has something to remember.
    pub(super) fn generation(&self) -> Generation {
        self.lock().generation
    }

    /// Keeps a folded state that was read or committed since `generation`, unless a later one is known, the stream has moved
    /// on meanwhile, or there is nothing in it.
    pub(super) fn remember(&self, stream: StreamId, folded: Loaded, generation: Generation) {
        let mut cache = self.lock();
        let (version, floor) = (folded.version(), cache.floors.get(&stream).copied().unwrap_or_default());
        let is_overtaken = cache.states.get(&stream).is_some_and(|known| known.version() > version);
        if version == 0 || version < floor || is_overtaken || generation != cache.generation {
            return;
        }
        cache.make_room();
        cache.floors.remove(&stream);
        cache.states.insert(stream, folded);
    }

    /// Takes notice of events that others appended.
    pub(super) fn observe(&self, events: &[StoredEvent]) {
        let mut cache = self.lock();
        events.iter().for_each(|event| cache.outdate(&event.stream, event.version));
    }

    /// Takes notice that a stream has at least this version, and forgets a folded state of an earlier one.
    pub(super) fn outdate(&self, stream: &StreamId, version: u64) {
        self.lock().outdate(stream, version);
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // A panic while it is held leaves whole entries behind, so what is there can be used.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn outdate(&mut self, stream: &StreamId, version: u64) {
        if self.states.get(stream).is_some_and(|known| known.version() >= version) {
            return;
        }
        self.states.remove(stream);
        if let Some(floor) = self.floors.get_mut(stream) {
            *floor = version.max(*floor);
            return;
        }
        self.make_room();
        self.floors.insert(stream.clone(), version);
    }

    /// Starts over when it is full. What is under way then is not remembered: the floors that would hold it back are gone.
    fn make_room(&mut self) {
        if self.states.len() + self.floors.len() >= MAX_CACHED_AGGREGATES {
            *self = Self { generation: Generation(self.generation.0 + 1), ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

    use std::sync::Arc;

    use mc_domain::{project::Project, transaction::Entity};
    use uuid::Uuid;

    use super::*;

    fn stream(n: usize) -> StreamId {
        StreamId { aggregate_type: "project".into(), aggregate_id: n.to_string() }
    }

    fn at(version: u64) -> Loaded {
        let (id, state) = (Uuid::nil().into(), Arc::new(Project::Absent));
        Loaded::from(&Entity::<Project> { id, version, state })
    }

    fn version(cache: &Cache) -> Option<u64> {
        cache.get(&stream(1)).map(|known| known.version())
    }

    #[test]
    fn what_was_read_before_a_stream_moved_is_not_remembered() {
        let cache = Cache::default();
        let reading = cache.generation();
        cache.outdate(&stream(1), 3);
        cache.remember(stream(1), at(2), reading);
        assert_eq!(version(&cache), None);
        cache.remember(stream(1), at(3), reading);
        assert_eq!(version(&cache), Some(3));
    }

    #[test]
    fn a_state_that_has_what_others_appended_stays() {
        let cache = Cache::default();
        cache.remember(stream(1), at(3), cache.generation());
        cache.outdate(&stream(1), 3);
        assert_eq!(version(&cache), Some(3));
        cache.outdate(&stream(1), 4);
        assert_eq!(version(&cache), None);
    }

    #[test]
    fn what_was_read_before_the_cache_started_over_is_not_remembered() {
        let cache = Cache::default();
        let reading = cache.generation();
        cache.outdate(&stream(1), 3);
        (2..2 + MAX_CACHED_AGGREGATES).for_each(|n| cache.outdate(&stream(n), 1));
        cache.remember(stream(1), at(2), reading);
        assert_eq!(version(&cache), None);
        cache.remember(stream(1), at(3), cache.generation());
        assert_eq!(version(&cache), Some(3));
    }
}
