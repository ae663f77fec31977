//! The newest events, kept in memory for those who follow the log closely.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::log::StoredEvent;

/// The most events kept.
const RECENT_EVENTS: usize = 8_192;
/// The most bytes that the payloads kept may have together; the newest group is kept whatever it has.
const RECENT_PAYLOAD_BYTES: usize = 8 * 1024 * 1024;

/// A window on the end of the log, without holes.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    /// In order; shared, so that a reader copies events after it has let go of the lock, not under it.
    groups: VecDeque<Arc<Group>>,
    events: usize,
    payload_bytes: usize,
}

#[derive(Debug)]
struct Group {
    /// Never empty.
    events: Vec<StoredEvent>,
    payload_bytes: usize,
}

impl Recent {
    /// Adds the events of one transaction. Where they do not follow those added before, those are forgotten.
    pub(super) fn push(&self, events: Vec<StoredEvent>) {
        if events.is_empty() {
            return;
        }
        let payload_bytes = events.iter().map(|event| event.payload.len()).sum();
        let dropped = self.lock().push(Group { events, payload_bytes });
        drop(dropped);
    }

    /// Up to `limit` events above position `after`; nothing when the first of them is no longer, or not yet, here.
    pub(super) fn read(&self, after: u64, limit: usize) -> Option<Vec<StoredEvent>> {
        let groups = self.lock().above(after, limit)?;
        let events = groups.iter().flat_map(|group| &group.events);
        Some(events.skip_while(|event| event.position <= after).take(limit).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Window> {
        self.0.lock().expect("nothing panics while it holds the window")
    }
}

impl Window {
    /// Returns what had to go, to be freed outside the lock.
    fn push(&mut self, group: Group) -> Vec<Arc<Group>> {
        let mut dropped = Vec::new();
        if self.groups.back().is_some_and(|last| last.last() + 1 != group.first()) {
            dropped.extend(std::mem::take(self).groups);
        }
        self.events += group.events.len();
        self.payload_bytes += group.payload_bytes;
        self.groups.push_back(Arc::new(group));
        while self.groups.len() > 1
            && (self.events > RECENT_EVENTS || self.payload_bytes > RECENT_PAYLOAD_BYTES)
            && let Some(oldest) = self.groups.pop_front()
        {
            self.events -= oldest.events.len();
            self.payload_bytes -= oldest.payload_bytes;
            dropped.push(oldest);
        }
        dropped
    }

    fn above(&self, after: u64, limit: usize) -> Option<Vec<Arc<Group>>> {
        let first = self.groups.front()?.first();
        if after.checked_add(1)? < first {
            return None;
        }
        let start = self.groups.partition_point(|group| group.last() <= after);
        let mut events = 0;
        let mut groups = Vec::new();
        // The first group may hold only one event above `after`.
        for group in self.groups.range(start..) {
            groups.push(Arc::clone(group));
            events += group.events.len().min((group.last() - after) as usize);
            if events >= limit {
                break;
            }
        }
        (!groups.is_empty()).then_some(groups)
    }
}

impl Group {
    fn first(&self) -> u64 {
        self.events.first().map_or(0, |event| event.position)
    }

    fn last(&self) -> u64 {
        self.events.last().map_or(0, |event| event.position)
    }
}
