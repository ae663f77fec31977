//! The notifications that wait for delivery: for each recipient, in the order in which they are due.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use mc_domain::ids::{NotificationId, ProjectId};
use serde::{Deserialize, Serialize};

/// Orders the notifications of one recipient: by the time they are due, and then as they were queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) due_at_micros: i64,
    pub(super) position: u64,
}

/// The notifications that are queued and have not arrived.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Waiting {
    places: BTreeMap<NotificationId, Place>,
    /// For each recipient, as text, those that wait; a lane is removed with its last notification.
    lanes: BTreeMap<String, BTreeSet<(Place, NotificationId)>>,
}

/// The notifications that are due for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The recipient, in the form that [`mc_domain::notification::Recipient`] prints.
    pub recipient: String,
    /// The time since which the first of them has been due.
    pub since: DateTime<Utc>,
    /// What is due, in the order of delivery; at least one.
    pub due: Vec<Due>,
}

/// A notification that is due for delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The identity by which [`super::Notifications::view`] answers its content.
    pub id: NotificationId,
    /// The project that it belongs to; absent when it concerns all projects.
    pub project: Option<ProjectId>,
    /// When it expires unless it was delivered before.
    pub expires_at: DateTime<Utc>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = NotificationId> {
        self.places.keys().copied()
    }

    /// Notes where a notification to `recipient` waits now; nothing once it has stopped waiting.
    pub(super) fn note(&mut self, recipient: &str, id: NotificationId, place: Option<Place>) {
        let before = match place {
            Some(place) => self.places.insert(id, place),
            None => self.places.remove(&id),
        };
        if before == place {
            return;
        }
        let lane = self.lanes.entry(recipient.to_owned()).or_default();
        if let Some(before) = before {
            lane.remove(&(before, id));
        }
        lane.extend(place.map(|place| (place, id)));
        if lane.is_empty() {
            self.lanes.remove(recipient);
        }
    }

    pub(super) fn first_due(&self) -> Option<DateTime<Utc>> {
        let firsts = self.lanes.values().filter_map(BTreeSet::first);
        firsts.map(|(place, _)| place.due_at_micros).min().and_then(DateTime::from_timestamp_micros)
    }

    /// The same for those that are `wanted`, found by looking at all that wait.
    pub(super) fn first_due_of(&self, wanted: impl Fn(NotificationId) -> bool) -> Option<DateTime<Utc>> {
        let places = self.places.iter().filter(|(id, _)| wanted(**id));
        places.map(|(_, place)| place.due_at_micros).min().and_then(DateTime::from_timestamp_micros)
    }

    pub(super) fn due(
        &self,
        now: DateTime<Utc>,
        each: usize,
        known: impl Fn(NotificationId) -> Option<Due>,
    ) -> Vec<Lane> {
        let now_micros = now.timestamp_micros();
        let lanes = self.lanes.iter().filter_map(|(recipient, lane)| {
            let first = lane.first()?.0.due_at_micros;
            let due = lane.iter().take_while(|(place, _)| place.due_at_micros <= now_micros).take(each);
            let due: Vec<_> = due.filter_map(|(_, id)| known(*id)).collect();
            let since = DateTime::from_timestamp_micros(first)?;
            (!due.is_empty()).then(|| Lane { recipient: recipient.clone(), since, due })
        });
        lanes.collect()
    }
}
