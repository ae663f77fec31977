//! The states of the entities whose streams the audit met last.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::TimeDelta;
use mc_domain::recorded::{AnyEvent, AnyState, Recorded, StreamId};
use mc_store::{
    codec,
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS},
};
use tokio::task::JoinSet;

use super::{
    Audited,
    snapshot::{EntitySnapshot, Form},
};
use crate::{agents, projection::Projection, projects::Projects, tasks, views::Views};

/// How many streams one generation remembers, about ten megabytes; each of two lengths has two generations.
pub(super) const STREAMS_PER_GENERATION: usize = 4_096;
/// A stream of this many events is long. Long streams are remembered apart, so that short ones, which are cheap to
/// read again, do not push them out.
const LONG_VERSION: u64 = 200;
/// How many tasks read missing streams at the same time.
const READS_AT_ONCE: usize = 4;

/// The streams met last. A stream that a whole generation did not meet is forgotten, and read again when needed.
#[derive(Debug, Default)]
pub(super) struct States {
    short: Generations,
    long: Generations,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<StreamId, Known>,
    old: HashMap<StreamId, Known>,
}

/// The fold of a stream up to some version.
#[derive(Debug)]
struct Known {
    version: u64,
    fold: Fold,
    /// The snapshot at that version; taken when an event first asks for it.
    snapshot: Option<EntitySnapshot>,
}

/// The fold of one stream: the view that REST answers show of it or, for aggregates without one, the state that the
/// rules read.
#[derive(Debug)]
enum Fold {
    Project(Box<Projects>),
    Agent(Option<Box<agents::Row>>),
    Task(Option<Box<tasks::Row>>),
    Other(Option<Box<AnyState>>),
}

impl States {
    /// Reads the missing streams of a stretch, up to where the stretch begins.
    pub(super) async fn prepare(
        &mut self,
        log: &Arc<dyn EventLog>,
        stretch: &[Audited],
    ) -> Result<(), StoreError> {
        let mut met = HashSet::new();
        let mut missing = Vec::new();
        for event in stretch.iter().filter(|event| event.recorded.is_some()) {
            let (stream, version) = (&event.stored.stream, event.stored.version - 1);
            if !met.insert(stream) {
                continue;
            }
            match self.take(stream).filter(|known| known.version == version) {
                Some(known) => self.keep(stream.clone(), known),
                None if version == 0 => self.keep(stream.clone(), Known::new(stream)),
                None => missing.push((stream.clone(), version)),
            }
        }
        let mut reads = JoinSet::new();
        for some in missing.chunks(missing.len().div_ceil(READS_AT_ONCE).max(1)) {
            reads.spawn(read(Arc::clone(log), some.to_vec()));
        }
        while let Some(read) = reads.join_next().await {
            let known = read.map_err(|broken| StoreError::Unavailable(broken.into()))??;
            known.into_iter().for_each(|(stream, known)| self.keep(stream, known));
        }
        Ok(())
    }

    /// Applies the event, and answers the snapshots of its entity before and after it.
    pub(super) fn evolve(
        &mut self,
        event: &Recorded<AnyEvent>,
        views: &Views,
    ) -> (EntitySnapshot, &EntitySnapshot) {
        // The stream may be in the old generation, when the young one filled up during the stretch.
        let known = self.take(&event.stream).unwrap_or_else(|| Known::new(&event.stream));
        let kept = self.generations(&known);
        let known = kept.young.entry(event.stream.clone()).or_insert(known);
        let before = known.snapshot.take().unwrap_or_else(|| known.fold.snapshot(&event.stream, views));
        known.fold.apply(event);
        known.version = event.version;
        (before, known.snapshot.insert(known.fold.snapshot(&event.stream, views)))
    }

    fn take(&mut self, stream: &StreamId) -> Option<Known> {
        let maps = [&mut self.short.young, &mut self.short.old, &mut self.long.young, &mut self.long.old];
        maps.into_iter().find_map(|map| map.remove(stream))
    }

    fn keep(&mut self, stream: StreamId, known: Known) {
        let kept = self.generations(&known);
        if kept.young.len() >= STREAMS_PER_GENERATION {
            kept.old = std::mem::take(&mut kept.young);
        }
        kept.young.insert(stream, known);
    }

    fn generations(&mut self, known: &Known) -> &mut Generations {
        if known.version < LONG_VERSION { &mut self.short } else { &mut self.long }
    }
}

async fn read(
    log: Arc<dyn EventLog>,
    streams: Vec<(StreamId, u64)>,
) -> Result<Vec<(StreamId, Known)>, StoreError> {
    let mut read = Vec::with_capacity(streams.len());
    for (stream, version) in streams {
        let known = Known::read(log.as_ref(), &stream, version).await?;
        read.push((stream, known));
    }
    Ok(read)
}

impl Known {
    fn new(stream: &StreamId) -> Self {
        Self { version: 0, fold: Fold::new(&stream.aggregate_type), snapshot: None }
    }

    async fn read(log: &dyn EventLog, stream: &StreamId, version: u64) -> Result<Self, StoreError> {
        let mut known = Self::new(stream);
        while known.version < version {
            let left = usize::try_from(version - known.version).unwrap_or(usize::MAX);
            let page = log.read_stream(stream, known.version, left.min(MAX_PAGE_EVENTS)).await?;
            let Some(last) = page.last() else { break };
            known.version = last.version;
            for stored in &page {
                if let Some(event) = codec::decode_any(stored)? {
                    known.fold.apply(&event);
                }
            }
        }
        Ok(known)
    }
}

impl Fold {
    fn new(aggregate_type: &str) -> Self {
        match aggregate_type {
            "project" => Self::Project(Box::default()),
            "agent" => Self::Agent(None),
            "task" => Self::Task(None),
            other => Self::Other(AnyState::new(other).map(Box::new)),
        }
    }

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        match self {
            Self::Project(projects) => projects.apply(event),
            Self::Agent(row) => *row = agents::Row::of_stream(row.take(), event),
            Self::Task(row) => *row = tasks::Row::of_stream(row.take(), event),
            Self::Other(state) => {
                *state = state.take().map(|state| Box::new(state.evolve(&event.event)));
            }
        }
    }

    /// Serialises the entity as it is now.
    fn snapshot(&self, stream: &StreamId, views: &Views) -> EntitySnapshot {
        match self {
            Self::Project(projects) => {
                let view = stream.aggregate_id.parse().ok().and_then(|id| projects.view(id));
                view.map(|view| EntitySnapshot::of(&view, Form::View)).unwrap_or_default()
            }
            // An endless patience keeps `stale` false: it changes with time and not with events.
            Self::Agent(row) => {
                let view = row
                    .as_ref()
                    .map(|row| row.view(row.own_standing(), row.updated_at(), None, TimeDelta::MAX / 4));
                view.map(|view| EntitySnapshot::of(&view, Form::View)).unwrap_or_default()
            }
            Self::Task(row) => row
                .as_ref()
                .map(|row| EntitySnapshot::of(&row.view(&views.agents), Form::View))
                .unwrap_or_default(),
            Self::Other(state) => {
                let text = state.as_ref().and_then(|state| {
                    let mut text = Vec::with_capacity(256);
                    state.serialize(&mut serde_json::Serializer::new(&mut text)).ok()?;
                    String::from_utf8(text).ok()
                });
                text.map(|text| EntitySnapshot::new(text, Form::State)).unwrap_or_default()
            }
        }
    }
}
