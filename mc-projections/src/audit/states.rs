//! What the entities are like, as far as the log was gone through: the streams met last.

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
    shown::{Form, Shown},
};
use crate::{agents, projection::Projection, projects::Projects, tasks, views::Views};

/// The streams one generation remembers; there are two of each kind. Ten megabytes' worth.
pub(super) const STREAMS_PER_GENERATION: usize = 4_096;
/// From this version on a stream is long: what is expensive to read again is not driven out by what is not.
const LONG_VERSION: u64 = 200;
/// How many streams are read at a time.
const READS_AT_ONCE: usize = 4;

/// The streams met last; what was not met during a whole generation is forgotten, and read again when needed.
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

/// A stream up to some version.
#[derive(Debug)]
struct Known {
    version: u64,
    fold: Fold,
    /// What it is like then; nothing before that was asked for.
    shown: Option<Shown>,
}

/// The fold of one stream: the view that the REST answers show of it, or else what the rules read of it.
#[derive(Debug)]
enum Fold {
    Project(Box<Projects>),
    Agent(Option<Box<agents::Row>>),
    Task(Option<Box<tasks::Row>>),
    Other(Option<Box<AnyState>>),
}

impl States {
    /// Makes sure that the streams of a stretch are known up to where it begins.
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

    /// What the entity was like before the event, and is like after it.
    pub(super) fn evolve(&mut self, event: &Recorded<AnyEvent>, views: &Views) -> (Shown, &Shown) {
        // The stretch may have begun in the generation that is the old one by now.
        let known = self.take(&event.stream).unwrap_or_else(|| Known::new(&event.stream));
        let kept = self.generations(&known);
        let known = kept.young.entry(event.stream.clone()).or_insert(known);
        let before = known.shown.take().unwrap_or_else(|| known.fold.show(&event.stream, views));
        known.fold.apply(event);
        known.version = event.version;
        (before, known.shown.insert(known.fold.show(&event.stream, views)))
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
        Self { version: 0, fold: Fold::new(&stream.aggregate_type), shown: None }
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

    /// What the entity is like, field by field.
    fn show(&self, stream: &StreamId, views: &Views) -> Shown {
        match self {
            Self::Project(projects) => {
                let view = stream.aggregate_id.parse().ok().and_then(|id| projects.view(id));
                view.map(|view| Shown::of(&view, Form::View)).unwrap_or_default()
            }
            // Without silence there is none that is too long: whether it is, time says, not the event.
            Self::Agent(row) => {
                let view = row
                    .as_ref()
                    .map(|row| row.view(row.own_standing(), row.updated_at(), None, TimeDelta::MAX / 4));
                view.map(|view| Shown::of(&view, Form::View)).unwrap_or_default()
            }
            Self::Task(row) => {
                row.as_ref().map(|row| Shown::of(&row.view(&views.agents), Form::View)).unwrap_or_default()
            }
            Self::Other(state) => {
                let text = state.as_ref().and_then(|state| {
                    let mut text = Vec::with_capacity(256);
                    state.serialize(&mut serde_json::Serializer::new(&mut text)).ok()?;
                    String::from_utf8(text).ok()
                });
                text.map(|text| Shown::new(text, Form::State)).unwrap_or_default()
            }
        }
    }
}
