//! Commands against the log: load what a decision needs, decide, commit, and decide again when someone was faster.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use mc_domain::{
    actor::ActorKind,
    aggregate::{Aggregate, CommandContext},
    effect,
    ids::{CommandId, EventId},
    operation::{Change, Decision, Entity, Load},
    recorded::{AnyEvent, Metadata, StreamId, Streamed},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    runtime::Handle,
    sync::{Mutex as AsyncMutex, RwLock},
};
use uuid::Uuid;

use crate::{
    codec,
    error::StoreError,
    log::{
        Answered, Append, Appended, Commit, EventLog, Fingerprint, Guard, Idempotency, MAX_PAGE_EVENTS,
        Priority,
    },
};

/// How often a command is decided anew when streams it rests on have moved.
pub const MAX_ATTEMPTS: usize = 16;
/// How often an agent's command is overtaken before it is decided alone. An operator's, and a worker's, is from the first
/// time on: what touches many streams would else never meet them all at rest while agents work.
pub const AGENT_ATTEMPTS_AMONG_OTHERS: usize = 8;
/// How many aggregates are kept folded; the cache starts over when it is full.
pub const MAX_CACHED_AGGREGATES: usize = 200_000;

/// How many queues those wait in who were overtaken once; two streams rarely share one.
const OVERTAKEN_QUEUES: usize = 64;

/// A command's circumstances: all its events carry them.
#[derive(Debug, Clone)]
pub struct CommandEnvelope {
    /// When, and by whom.
    pub context: CommandContext,
    /// The key it came with, and what it asks.
    pub key: Option<(String, Fingerprint)>,
}

impl CommandEnvelope {
    /// A command without an idempotency key.
    pub fn new(context: CommandContext) -> Self {
        Self { context, key: None }
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed<T> {
    /// What it answers.
    pub value: T,
    /// The log position the answer reflects.
    pub position: u64,
    /// Whether this is the answer to an earlier command under the same key.
    pub replayed: bool,
}

/// Loads aggregates, and commits what is decided on them.
///
/// ```
/// use std::sync::Arc;
///
/// use mc_domain::{
///     actor::Actor, aggregate::{Aggregate, CommandContext}, operation::Decision,
///     project::{Command, Profile, Project}, values::{Name, Slug},
/// };
/// use mc_store::{error::StoreError, memory::MemoryLog, repository::{CommandEnvelope, Repository}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let repository = Repository::new(Arc::new(MemoryLog::new()));
/// let moment = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
/// let (slug, name) = (Slug::new("openclaw")?, Name::new("OpenClaw")?);
/// let id = uuid::Uuid::now_v7().into();
///
/// let created = repository
///     .execute(&CommandEnvelope::new(context.clone()), |unit| {
///         let project = unit.load::<Project>(&id)?;
///         let create = Command::Create { slug: slug.clone(), profile: Profile::new(name.clone()) };
///         let events = project.decide(create, &context).expect("a new project can be created");
///         Ok::<_, StoreError>((Decision::of(&project, Some(id), events), ()))
///     })
///     .await?;
/// assert_eq!(created.position, 1);
/// # Ok(())
/// # }
/// ```
pub struct Repository {
    log: Arc<dyn EventLog>,
    cache: Arc<Cache>,
    overtaken: Vec<AsyncMutex<()>>,
    /// Held for reading by each commit, and for writing by a command that is decided alone. It is fair: whoever wants to be
    /// alone waits for the commits under way and not for those that come after.
    floor: Arc<RwLock<()>>,
}

/// What a commit holds of the floor, to its end: for reading among others, for writing when it is alone.
type Turn = Arc<dyn Send + Sync>;

#[derive(Clone)]
struct Cached {
    version: u64,
    state: Arc<dyn Any + Send + Sync>,
    advance: Advance,
}

/// Folds more events onto a state whose type only the loader knew.
type Advance = fn(&(dyn Any + Send + Sync), &[AnyEvent]) -> Arc<dyn Any + Send + Sync>;
/// Reads and folds a stream whose type only the asker knew.
type Fetch = for<'a> fn(&'a Repository, &'a StreamId) -> BoxFuture<'a, Result<Cached, StoreError>>;

impl Repository {
    /// A repository on `log`.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        let overtaken = (0..OVERTAKEN_QUEUES).map(|_| AsyncMutex::new(())).collect();
        Self { log, cache: Arc::default(), overtaken, floor: Arc::default() }
    }

    /// The log underneath.
    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.log
    }

    /// One aggregate as it is now.
    ///
    /// # Errors
    /// What reading its stream says ([`EventLog::read_stream`]).
    pub async fn load<A: Streamed>(&self, id: &A::Id) -> Result<Entity<A>, StoreError> {
        let stream = StreamId::of::<A>(id);
        let cached = match self.cache.get(&stream) {
            Some(cached) => cached,
            None => self.fetch::<A>(&stream).await?,
        };
        Ok(cached.entity(id.clone()))
    }

    /// One aggregate as it was at a position of the log.
    ///
    /// # Errors
    /// What reading its stream says ([`EventLog::read_stream`]).
    pub async fn load_at<A: Streamed>(&self, id: &A::Id, position: u64) -> Result<Entity<A>, StoreError> {
        let folded = self.fold::<A>(&StreamId::of::<A>(id), position).await?;
        Ok(folded.entity(id.clone()))
    }

    /// Decides a command and commits what was decided.
    ///
    /// `decide` is pure: it asks the unit for what it needs, and may be called several times, because what is not in
    /// memory yet is read between two calls and because a stream it rests on may have moved before the commit. Under
    /// an idempotency key the value is kept with the events, and a repeat gets it back without deciding anything.
    ///
    /// A command that was overtaken is decided alone in the end: nothing is committed through this repository between its
    /// reading and its commit. An operator's or a worker's is at its second attempt, so that it never loses to the traffic
    /// of agents, however many streams it rests on.
    ///
    /// # Errors
    /// - What `decide` says.
    /// - [`StoreError::KeyReused`] when the key was used for another request.
    /// - [`StoreError::Conflict`] when the streams have moved [`MAX_ATTEMPTS`] times in a row, which only somebody who
    ///   appends to the log around this repository can bring about.
    /// - What the log says ([`EventLog::append`]).
    pub async fn execute<T, E>(
        &self,
        order: &CommandEnvelope,
        mut decide: impl FnMut(&mut UnitOfWork<'_>) -> Result<(Decision, T), E> + Send,
    ) -> Result<Executed<T>, E>
    where
        T: Serialize + DeserializeOwned + Send,
        E: From<StoreError> + Send,
    {
        if let Some(first) = self.first_answer(order).await? {
            return Ok(first);
        }
        let (mut queue, mut alone) = (None, None::<Turn>);
        for attempt in 1.. {
            let (read_set, decision, value) = self.decide(&mut decide).await?;
            let turn: Turn = match &alone {
                Some(alone) => Arc::clone(alone),
                None => Arc::new(Arc::clone(&self.floor).read_owned().await),
            };
            match self.commit(order, read_set, decision, &value, turn).await {
                Ok(Appended::Committed { position }) => {
                    return Ok(Executed { value, position, replayed: false });
                }
                Ok(Appended::Replayed(first)) => return Ok(replay(first)?),
                Err(StoreError::Conflict { stream, .. }) if attempt < MAX_ATTEMPTS => {
                    self.cache.forget(&stream);
                    // Whoever was overtaken queues up for the stream, so that each of a crowd gets its turn.
                    drop(queue.take());
                    if alone.is_none() && attempt >= attempts_among_others(order) {
                        alone = Some(Arc::new(Arc::clone(&self.floor).write_owned().await));
                    } else if alone.is_none() {
                        queue = Some(self.overtaken[queue_of(&stream)].lock().await);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn first_answer<T: DeserializeOwned>(
        &self,
        order: &CommandEnvelope,
    ) -> Result<Option<Executed<T>>, StoreError> {
        let Some((key, fingerprint)) = &order.key else { return Ok(None) };
        match self.log.answered(key).await? {
            None => Ok(None),
            Some(first) if first.fingerprint == *fingerprint => replay(first).map(Some),
            Some(_) => Err(StoreError::KeyReused { key: key.clone() }),
        }
    }

    /// Calls `decide` until everything it asks for is in memory.
    async fn decide<T, E: From<StoreError>>(
        &self,
        decide: &mut (impl FnMut(&mut UnitOfWork<'_>) -> Result<(Decision, T), E> + Send),
    ) -> Result<(ReadSet, Decision, T), E> {
        let mut read_set = ReadSet::new();
        loop {
            let mut unit = UnitOfWork { repository: self, read_set, missing: None };
            let decided = decide(&mut unit);
            let missing = unit.missing.take();
            read_set = unit.read_set;
            match missing {
                Some((stream, fetch)) => {
                    let fetched = fetch(self, &stream).await?;
                    read_set.insert(stream, fetched);
                }
                None => return decided.map(|(decision, value)| (read_set, decision, value)),
            }
        }
    }

    async fn commit<T: Serialize>(
        &self,
        order: &CommandEnvelope,
        read_set: ReadSet,
        decision: Decision,
        value: &T,
        turn: Turn,
    ) -> Result<Appended, StoreError> {
        let changes = decision.into_changes();
        if changes.is_empty() && order.key.is_none() {
            return Ok(Appended::Committed { position: self.log.head() });
        }
        let command_id = CommandId::new(Uuid::now_v7());
        let appends: Vec<_> = changes
            .iter()
            .map(|change| Ok(append(order, command_id, change, written(&read_set, change)?.version)))
            .collect::<Result<_, StoreError>>()?;
        let only_read = |stream: &StreamId| !changes.iter().any(|change| change.stream == *stream);
        let guards = read_set
            .iter()
            .filter(|(stream, _)| only_read(stream))
            .map(|(stream, pin)| Guard { stream: stream.clone(), expected: pin.version })
            .collect();
        let idempotency = order.key.as_ref().map(|key| idempotency(key, value)).transpose()?;
        let priority = priority(&changes);
        let (log, cache) = (Arc::clone(&self.log), Arc::clone(&self.cache));
        let append = async move {
            let appended = log.append(Commit { appends, guards, idempotency, priority }).await?;
            if let Appended::Committed { .. } = appended {
                for change in changes {
                    let folded = written(&read_set, &change)?.advanced(&change.events);
                    cache.remember(change.stream, folded);
                }
            }
            drop(turn);
            Ok(appended)
        };
        ToTheEnd(Some(Box::pin(append))).await
    }

    fn fetch<'a, A: Streamed>(&'a self, stream: &'a StreamId) -> BoxFuture<'a, Result<Cached, StoreError>> {
        Box::pin(async move {
            let fetched = self.fold::<A>(stream, u64::MAX).await?;
            self.cache.remember(stream.clone(), fetched.clone());
            Ok(fetched)
        })
    }

    async fn fold<A: Streamed>(&self, stream: &StreamId, last: u64) -> Result<Cached, StoreError> {
        let (mut version, mut state) = (0, A::default());
        loop {
            let page = self.log.read_stream(stream, version, MAX_PAGE_EVENTS).await?;
            for stored in page.iter().take_while(|stored| stored.position <= last) {
                state = state.evolve(&codec::decode(stored)?);
                version = stored.version;
            }
            if page.len() < MAX_PAGE_EVENTS || page.last().is_some_and(|stored| stored.position >= last) {
                return Ok(Cached { version, state: Arc::new(state), advance: advance::<A> });
            }
        }
    }
}

/// The aggregates that are kept folded.
#[derive(Default)]
struct Cache(Mutex<HashMap<StreamId, Cached>>);

impl Cache {
    fn get(&self, stream: &StreamId) -> Option<Cached> {
        self.lock().get(stream).cloned()
    }

    /// Keeps a folded state, unless a later one is known or there is nothing in the stream.
    fn remember(&self, stream: StreamId, folded: Cached) {
        let mut cache = self.lock();
        if folded.version == 0 || cache.get(&stream).is_some_and(|known| known.version > folded.version) {
            return;
        }
        if cache.len() >= MAX_CACHED_AGGREGATES {
            cache.clear();
        }
        cache.insert(stream, folded);
    }

    fn forget(&self, stream: &StreamId) {
        self.lock().remove(stream);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, Cached>> {
        // A panic while it is held leaves whole entries behind, so what is there can be used.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A commit under way. Whoever stops waiting for it does not take it back: it is in the log's queue already, so what the
/// cache must learn from it is learned all the same.
struct ToTheEnd(Option<BoxFuture<'static, Result<Appended, StoreError>>>);

impl Future for ToTheEnd {
    type Output = Result<Appended, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(append) = self.0.as_mut() else { return Poll::Pending };
        let done = append.as_mut().poll(context);
        if done.is_ready() {
            self.0 = None;
        }
        done
    }
}

impl Drop for ToTheEnd {
    fn drop(&mut self) {
        if let (Some(append), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(append);
        }
    }
}

/// What a decision rests on: the aggregates it asked for, each as it was when asked for first.
pub struct UnitOfWork<'a> {
    repository: &'a Repository,
    read_set: ReadSet,
    missing: Option<(StreamId, Fetch)>,
}

type ReadSet = BTreeMap<StreamId, Cached>;

impl UnitOfWork<'_> {
    /// One aggregate as it is now. The commit will hold only if it still is.
    ///
    /// # Errors
    /// [`StoreError::NotLoaded`] when it must be read first: pass it on, and you will be called again.
    pub fn load<A: Streamed>(&mut self, id: &A::Id) -> Result<Entity<A>, StoreError> {
        let stream = StreamId::of::<A>(id);
        if let Some(pin) = self.read_set.get(&stream) {
            return Ok(pin.entity(id.clone()));
        }
        match self.repository.cache.get(&stream) {
            Some(cached) => {
                let entity = cached.entity(id.clone());
                self.read_set.insert(stream, cached);
                Ok(entity)
            }
            None => {
                self.missing = Some((stream.clone(), Repository::fetch::<A>));
                Err(StoreError::NotLoaded { stream })
            }
        }
    }

    /// An aggregate under an identity that was just drawn, so that there is nothing to read.
    pub fn fresh<A: Streamed>(&mut self, id: A::Id) -> Entity<A> {
        let nothing = Cached { version: 0, state: Arc::new(A::default()), advance: advance::<A> };
        self.read_set.insert(StreamId::of::<A>(&id), nothing);
        Entity::new(id)
    }
}

impl Load for UnitOfWork<'_> {
    type Error = StoreError;

    fn load<A: Streamed>(&mut self, id: &A::Id) -> Result<Entity<A>, StoreError> {
        UnitOfWork::load(self, id)
    }
}

impl Cached {
    fn entity<A: Aggregate>(&self, id: A::Id) -> Entity<A> {
        let state = Arc::clone(&self.state).downcast::<A>();
        Entity { id, version: self.version, state: state.expect("a stream's name says its aggregate's type") }
    }

    fn advanced(&self, events: &[AnyEvent]) -> Self {
        let version = self.version + events.len() as u64;
        Self { version, state: (self.advance)(&*self.state, events), advance: self.advance }
    }
}

fn advance<A: Streamed>(state: &(dyn Any + Send + Sync), events: &[AnyEvent]) -> Arc<dyn Any + Send + Sync> {
    let state = state.downcast_ref::<A>().expect("a stream's name says its aggregate's type").clone();
    Arc::new(events.iter().filter_map(A::event).fold(state, A::evolve))
}

fn append(order: &CommandEnvelope, command_id: CommandId, change: &Change, expected: u64) -> Append {
    let metadata = || Metadata {
        event_id: EventId::new(Uuid::now_v7()),
        recorded_at: order.context.now,
        actor: order.context.actor.clone(),
        project: change.project,
        command_id,
        idempotency_key: order.key.as_ref().map(|(key, _)| key.clone()),
    };
    let events = change.events.iter().map(|event| codec::encode_any(event, metadata())).collect();
    Append { stream: change.stream.clone(), expected, events }
}

fn priority(changes: &[Change]) -> Priority {
    match effect::contains(changes.iter().flat_map(|change| &change.events)) {
        true => Priority::Containment,
        false => Priority::Ordinary,
    }
}

fn written<'a>(read_set: &'a ReadSet, change: &Change) -> Result<&'a Cached, StoreError> {
    read_set.get(&change.stream).ok_or_else(|| StoreError::Invalid {
        reason: format!("stream {} was decided on without being loaded", change.stream),
    })
}

fn idempotency<T: Serialize>(
    (key, fingerprint): &(String, Fingerprint),
    value: &T,
) -> Result<Idempotency, StoreError> {
    let answer = serde_json::to_string(value)
        .map_err(|error| StoreError::Invalid { reason: format!("its answer cannot be kept: {error}") })?;
    Ok(Idempotency { key: key.clone(), fingerprint: *fingerprint, answer })
}

fn replay<T: DeserializeOwned>(first: Answered) -> Result<Executed<T>, StoreError> {
    let Answered { position, answer, .. } = first;
    let value = serde_json::from_str(&answer)
        .map_err(|error| StoreError::Corrupt { position, reason: format!("answer of a command: {error}") })?;
    Ok(Executed { value, position, replayed: true })
}

/// How often a command is overtaken before it is decided alone.
fn attempts_among_others(order: &CommandEnvelope) -> usize {
    match order.context.actor.kind() {
        ActorKind::Human | ActorKind::System => 1,
        ActorKind::Agent => AGENT_ATTEMPTS_AMONG_OTHERS,
    }
}

fn queue_of(stream: &StreamId) -> usize {
    let mut hasher = DefaultHasher::new();
    stream.hash(&mut hasher);
    (hasher.finish() % OVERTAKEN_QUEUES as u64) as usize
}

#[cfg(test)]
mod tests;
