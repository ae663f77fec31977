//! The newest events in memory, for readers that follow the log closely.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::log::StoredEvent;

/// The most events in memory, unless the newest group alone has more.
const RECENT_EVENTS: usize = 8_192;
/// The most bytes of payloads in memory, unless the newest group alone has more.
const RECENT_PAYLOAD_BYTES: usize = 8 * 1024 * 1024;

/// The events at the end of the log, without holes; possibly none.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    /// In order of position. Shared, so that a reader clones events after it has released the lock.
    groups: VecDeque<Arc<Group>>,
    events: usize,
    payload_bytes: usize,
}

/// The events of one transaction.
#[derive(Debug)]
struct Group {
    /// At least one, in order of position.
    events: Vec<StoredEvent>,
    payload_bytes: usize,
}

impl Recent {
    /// Adds the events of one transaction. Forgets all earlier ones when these do not follow directly.
    pub(crate) fn push(&self, events: Vec<StoredEvent>) {
        if events.is_empty() {
            return;
        }
        let payload_bytes = events.iter().map(|event| event.payload.len()).sum();
        let dropped = self.lock().push(Group { events, payload_bytes });
        drop(dropped);
    }

    /// At most `limit` events above position `after`; nothing when the first of them is not in memory.
    pub(crate) fn read(&self, after: u64, limit: usize) -> Option<Vec<StoredEvent>> {
        let groups = self.lock().above(after, limit)?;
        let events = groups.iter().flat_map(|group| &group.events);
        Some(events.skip_while(|event| event.position <= after).take(limit).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Window> {
        self.0.lock().expect("nothing panics while it holds the window")
    }
}

impl Window {
    /// Returns the groups it forgets, so that the caller frees them outside the lock.
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

    /// The groups with the first `limit` events above position `after`.
    fn above(&self, after: u64, limit: usize) -> Option<Vec<Arc<Group>>> {
        let first = self.groups.front()?.first();
        if after.checked_add(1)? < first {
            return None;
        }
        let start = self.groups.partition_point(|group| group.last() <= after);
        let mut events = 0;
        let mut groups = Vec::new();
        // Of the first group, perhaps only some events lie above `after`.
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
