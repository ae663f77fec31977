//! What the entities are like, as far as the log was gone through: the streams met last.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use mc_domain::{
    json::Json,
    recorded::{AnyEvent, AnyState, Recorded, StreamId},
};
use mc_store::{
    codec,
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS, StoredEvent},
};
use serde::{Serialize, Serializer};

use super::Audited;
use crate::{
    agents::Agents,
    projection::Projection,
    projects::Projects,
    tasks::Tasks,
    timeline::{AS_SENT, presented},
    views::Views,
};

/// The streams one generation remembers; there are two.
pub(super) const STREAMS_PER_GENERATION: usize = 1_024;
/// What every event changes, or time alone: it says nothing about what was done.
const ALWAYS_CHANGED: [&str; 3] = ["version", "updatedAt", "stale"];

/// The streams met last; what was not met during a whole generation is forgotten, and read again when needed.
#[derive(Debug, Default)]
pub(super) struct States {
    young: HashMap<StreamId, Known>,
    old: HashMap<StreamId, Known>,
}

/// A stream up to some version.
#[derive(Debug)]
struct Known {
    version: u64,
    fold: Fold,
    /// What it is like then; nothing before that was asked for.
    shown: Option<BTreeMap<String, Json>>,
}

/// The fold of one stream: the view that the REST answers show of it, or else what the rules read of it.
#[derive(Debug)]
enum Fold {
    Project(Box<Projects>),
    Agent(Box<Agents>),
    Task(Box<Tasks>),
    Other(Option<AnyState>),
}

impl States {
    /// Makes sure that the stream is known up to the event; those of the same stretch before it are yet to come.
    pub(super) async fn prepare(
        &mut self,
        log: &dyn EventLog,
        event: &StoredEvent,
        before: &[Audited],
    ) -> Result<(), StoreError> {
        let earlier = before.iter().filter(|earlier| earlier.stored.stream == event.stream).count() as u64;
        if earlier > 0 {
            return Ok(());
        }
        let version = event.version - 1;
        match self.take(&event.stream).filter(|known| known.version == version) {
            Some(known) => self.keep(event.stream.clone(), known),
            None => self.keep(event.stream.clone(), Known::read(log, &event.stream, version).await?),
        }
        Ok(())
    }

    /// What the entity was like before the event, and is like after it.
    pub(super) fn evolve(
        &mut self,
        event: &Recorded<AnyEvent>,
        views: &Views,
    ) -> (BTreeMap<String, Json>, &BTreeMap<String, Json>) {
        // The stretch may have begun in the generation that is the old one by now.
        let known = self.old.remove(&event.stream);
        let known = self
            .young
            .entry(event.stream.clone())
            .or_insert_with(|| known.unwrap_or_else(|| Known::new(&event.stream)));
        let at = event.metadata.recorded_at;
        let before = known.shown.take().unwrap_or_else(|| known.fold.show(&event.stream, views, at));
        known.fold.apply(event);
        known.version = event.version;
        (before, known.shown.insert(known.fold.show(&event.stream, views, at)))
    }

    fn take(&mut self, stream: &StreamId) -> Option<Known> {
        self.young.remove(stream).or_else(|| self.old.remove(stream))
    }

    fn keep(&mut self, stream: StreamId, known: Known) {
        if self.young.len() >= STREAMS_PER_GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(stream, known);
    }
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
            "agent" => Self::Agent(Box::default()),
            "task" => Self::Task(Box::default()),
            other => Self::Other(AnyState::new(other)),
        }
    }

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        match self {
            Self::Project(projects) => projects.apply(event),
            Self::Agent(agents) => agents.apply(event),
            Self::Task(tasks) => tasks.apply(event),
            Self::Other(state) => *state = state.take().map(|state| state.evolve(&event.event)),
        }
    }

    /// What the entity is like, field by field.
    fn show(&self, stream: &StreamId, views: &Views, at: DateTime<Utc>) -> BTreeMap<String, Json> {
        let id = &stream.aggregate_id;
        let shown = match self {
            Self::Project(projects) => id.parse().ok().and_then(|id| Some(Json::of(&projects.view(id)?))),
            Self::Agent(agents) => id.parse().ok().and_then(|id| Some(Json::of(&agents.view(id, at, None)?))),
            Self::Task(tasks) => {
                id.parse().ok().and_then(|id| Some(Json::of(&tasks.view(id, &views.agents)?)))
            }
            Self::Other(state) => state.as_ref().map(|state| Json::of(&State(state))),
        };
        let Some(Ok(shown)) = shown else { return BTreeMap::new() };
        let mut fields = match self {
            Self::Other(_) => unwrapped(shown),
            Self::Project(_) | Self::Agent(_) | Self::Task(_) => fields(shown),
        };
        ALWAYS_CHANGED.iter().for_each(|name| drop(fields.remove(*name)));
        fields
    }
}

/// What the rules read of an entity, as it is serialized.
struct State<'a>(&'a AnyState);

impl Serialize for State<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

fn fields(shown: Json) -> BTreeMap<String, Json> {
    match shown {
        Json::Object(fields) => fields,
        Json::Null => BTreeMap::new(),
        other => [("state".to_owned(), other)].into_iter().collect(),
    }
}

/// The state of an aggregate: a name, which becomes the field `state`, maybe with fields.
fn unwrapped(state: Json) -> BTreeMap<String, Json> {
    let mut parts = fields(presented(camel_case(state)));
    match (parts.len(), parts.iter_mut().next()) {
        (1, Some((name, Json::Object(fields)))) => {
            let name = Json::from(name.as_str());
            let mut fields = std::mem::take(fields);
            fields.entry("state".to_owned()).or_insert(name);
            fields
        }
        _ => parts,
    }
}

fn camel_case(value: Json) -> Json {
    let member = |(name, value): (String, Json)| match name.as_str() {
        AS_SENT => (name, value),
        _ => (camel(&name), camel_case(value)),
    };
    match value {
        Json::Object(fields) => Json::Object(fields.into_iter().map(member).collect()),
        Json::Array(items) => Json::Array(items.into_iter().map(camel_case).collect()),
        other => other,
    }
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}
