//! When each agent was last heard of, most of which is not in the log.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use mc_domain::ids::AgentId;

/// The latest heartbeats since the server started, those that reached other nodes included.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats {
    known: Mutex<Known>,
    /// Whether there may be other nodes to tell of them.
    is_shared: bool,
}

#[derive(Debug, Default)]
struct Known {
    last: HashMap<AgentId, DateTime<Utc>>,
    /// The agents that the other nodes are still to be told of.
    untold: HashSet<AgentId>,
}

impl Heartbeats {
    /// None yet. `is_shared` says whether other nodes are to be told of them.
    pub(crate) fn new(is_shared: bool) -> Self {
        Self { known: Mutex::default(), is_shared }
    }

    /// When an agent was last heard of, by the clock of this node.
    pub(crate) fn last(&self, agent: AgentId) -> Option<DateTime<Utc>> {
        self.lock().last.get(&agent).copied()
    }

    /// Notes a heartbeat that reached this node.
    pub(crate) fn note(&self, agent: AgentId, at: DateTime<Utc>) {
        let mut known = self.lock();
        known.note(agent, at);
        if self.is_shared {
            known.untold.insert(agent);
        }
    }

    /// Notes a heartbeat that another node told of.
    pub(crate) fn hear(&self, agent: AgentId, at: DateTime<Utc>) {
        self.lock().note(agent, at);
    }

    /// The agents that the other nodes were not told of yet, with their last heartbeats; they count as told from here on.
    pub(crate) fn take_untold(&self) -> Vec<(AgentId, DateTime<Utc>)> {
        let mut known = self.lock();
        let untold = std::mem::take(&mut known.untold);
        untold.into_iter().filter_map(|agent| Some((agent, *known.last.get(&agent)?))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note(&mut self, agent: AgentId, at: DateTime<Utc>) {
        let last = self.last.entry(agent).or_insert(at);
        *last = at.max(*last);
    }
}
