//! Commands against the log: load what a decision needs, decide, commit, and decide again when someone was faster.

mod cache;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use mc_domain::{
    actor::ActorKind,
    aggregate::CommandContext,
    effect,
    ids::{CommandId, CredentialId, EventId},
    recorded::{AnyEvent, Metadata, StreamId, Streamed},
    transaction::{Change, Entity, Finished, Loaded, Source, Transaction},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    runtime::Handle,
    sync::{Mutex as AsyncMutex, RwLock},
};
use uuid::Uuid;

use self::cache::Cache;
use crate::{
    codec,
    error::StoreError,
    log::{
        Answered, Append, Appended, Commit, EventLog, Fingerprint, Guard, Idempotency, MAX_PAGE_EVENTS,
        Priority, StoredEvent,
    },
    nodes::Lease,
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
    /// The credential it came by; nothing where none was asked for.
    pub credential: Option<CredentialId>,
    /// The lease under which it is given, for what only the leading node may do.
    pub lease: Option<Lease>,
}

impl CommandEnvelope {
    /// A command without an idempotency key, which came by no credential.
    pub fn new(context: CommandContext) -> Self {
        Self { context, key: None, credential: None, lease: None }
    }

    /// The same command under a lease.
    #[must_use]
    pub fn under_lease(self, lease: Option<Lease>) -> Self {
        Self { lease, ..self }
    }

    /// The same command under `key`, asking for what `fingerprint` is of.
    #[must_use]
    pub fn under_key(self, key: String, fingerprint: Fingerprint) -> Self {
        Self { key: Some((key, fingerprint)), ..self }
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
///     actor::Actor, aggregate::CommandContext, operation::create_project,
///     project::Profile, values::{Name, Slug},
/// };
/// use mc_store::{error::StoreError, memory::MemoryLog, repository::{CommandEnvelope, Repository}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let repository = Repository::new(Arc::new(MemoryLog::new()));
/// let context = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
/// let (slug, name) = (Slug::new("openclaw")?, Name::new("OpenClaw")?);
/// let id = uuid::Uuid::now_v7().into();
///
/// let created = repository
///     .execute(&CommandEnvelope::new(context), |tx| {
///         create_project(tx, id, slug.clone(), Profile::new(name.clone()))
///             .map_err(|refused| StoreError::Invalid { reason: refused.to_string() })
///     })
///     .await?;
/// assert_eq!(created.position, 2);
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

impl Repository {
    /// A repository on `log`. Where other nodes append to it too, what they append makes the folded states out of date that
    /// it touches, before the head of the log moves past it.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        let overtaken = (0..OVERTAKEN_QUEUES).map(|_| AsyncMutex::new(())).collect();
        let cache = Arc::<Cache>::default();
        if let Some(nodes) = log.nodes() {
            let cache = Arc::clone(&cache);
            nodes.observe(Arc::new(move |events| cache.observe(events)));
        }
        Self { log, cache, overtaken, floor: Arc::default() }
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
            None => self.fetch(&stream, Loaded::absent::<A>).await?,
        };
        Ok(cached.entity(id.clone()))
    }

    /// One aggregate as it was at a position of the log.
    ///
    /// # Errors
    /// What reading its stream says ([`EventLog::read_stream`]).
    pub async fn load_at<A: Streamed>(&self, id: &A::Id, position: u64) -> Result<Entity<A>, StoreError> {
        let folded = self.fold(&StreamId::of::<A>(id), Loaded::absent::<A>, position).await?;
        Ok(folded.entity(id.clone()))
    }

    /// Runs a command in a transaction and commits what it decided.
    ///
    /// `decide` is pure and may be called several times: what is not in memory yet is read between two calls, and a stream
    /// that the decision rests on may have moved before the commit. Under an idempotency key the value is kept with the
    /// events, and a repeat gets it back without deciding anything.
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
        envelope: &CommandEnvelope,
        mut decide: impl FnMut(&mut Transaction<'_>) -> Result<T, E> + Send,
    ) -> Result<Executed<T>, E>
    where
        T: Serialize + DeserializeOwned + Send,
        E: From<StoreError> + Send,
    {
        if let Some(first) = self.first_answer(envelope).await? {
            return Ok(first);
        }
        let (mut queue, mut alone) = (None, None::<Turn>);
        for attempt in 1.. {
            let (value, finished) = self.decide(envelope, &mut decide).await?;
            let turn: Turn = match &alone {
                Some(alone) => Arc::clone(alone),
                None => Arc::new(Arc::clone(&self.floor).read_owned().await),
            };
            match self.commit(envelope, finished, &value, turn).await {
                Ok(Appended::Committed { position }) => {
                    return Ok(Executed { value, position, replayed: false });
                }
                Ok(Appended::Replayed(first)) => return Ok(replay(first)?),
                Err(StoreError::Conflict { stream, .. }) if attempt < MAX_ATTEMPTS => {
                    // Whoever was overtaken queues up for the stream, so that each of a crowd gets its turn.
                    drop(queue.take());
                    if alone.is_none() && attempt >= attempts_among_others(envelope) {
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
        envelope: &CommandEnvelope,
    ) -> Result<Option<Executed<T>>, StoreError> {
        let Some((key, fingerprint)) = &envelope.key else { return Ok(None) };
        match self.log.answered(key).await? {
            None => Ok(None),
            Some(first) if first.fingerprint == *fingerprint => replay(first).map(Some),
            Some(_) => Err(StoreError::KeyReused { key: key.clone() }),
        }
    }

    /// Runs the transaction until everything it asks for is in memory.
    async fn decide<T, E: From<StoreError>>(
        &self,
        envelope: &CommandEnvelope,
        decide: &mut (impl FnMut(&mut Transaction<'_>) -> Result<T, E> + Send),
    ) -> Result<(T, Finished), E> {
        let mut read_set = ReadSet::new();
        loop {
            match self.run(envelope, decide, &read_set) {
                Ok(decided) => return decided,
                Err((stream, absent)) => {
                    let loaded = self.fetch(&stream, absent).await?;
                    read_set.insert(stream, loaded);
                }
            }
        }
    }

    /// Runs the transaction once: what it answers and decides, or the stream that must be read first.
    fn run<T, E>(
        &self,
        envelope: &CommandEnvelope,
        decide: &mut impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
        read_set: &ReadSet,
    ) -> Result<Result<(T, Finished), E>, Missing> {
        let mut unit = UnitOfWork { cache: &self.cache, read_set, missing: None };
        let mut tx = Transaction::new(&mut unit, envelope.context.clone());
        let value = decide(&mut tx);
        let finished = tx.finish();
        match unit.missing {
            Some(missing) => Err(missing),
            None => Ok(value.map(|value| (value, finished))),
        }
    }

    async fn commit<T: Serialize>(
        &self,
        envelope: &CommandEnvelope,
        Finished { changes, read }: Finished,
        value: &T,
        turn: Turn,
    ) -> Result<Appended, StoreError> {
        if changes.is_empty() && envelope.key.is_none() {
            return Ok(Appended::Committed { position: self.log.head() });
        }
        let command_id = CommandId::new(Uuid::now_v7());
        let appends = changes.iter().map(|(change, _)| append(envelope, command_id, change)).collect();
        let guards = read.into_iter().map(|(stream, expected)| Guard { stream, expected }).collect();
        let idempotency = envelope.key.as_ref().map(|key| idempotency(key, value)).transpose()?;
        let priority = priority(&changes);
        let (log, cache, lease) = (Arc::clone(&self.log), Arc::clone(&self.cache), envelope.lease);
        let generation = cache.generation();
        let append = async move {
            let appended = log.append(Commit { appends, guards, idempotency, priority, lease }).await;
            match &appended {
                Ok(Appended::Committed { .. }) => {
                    for (change, after) in changes {
                        cache.remember(change.stream, after, generation);
                    }
                }
                // It may be in the log now, so what is folded may be out of date.
                Err(StoreError::Undecided) => {
                    changes.iter().for_each(|(change, _)| cache.outdate(&change.stream, change.after + 1));
                }
                Err(StoreError::Conflict { stream, actual, .. }) => cache.outdate(stream, *actual),
                Ok(Appended::Replayed(_)) | Err(_) => {}
            }
            drop(turn);
            appended
        };
        ToTheEnd(Some(Box::pin(append))).await
    }

    /// Reads a stream and keeps it folded.
    async fn fetch(&self, stream: &StreamId, absent: fn() -> Loaded) -> Result<Loaded, StoreError> {
        let generation = self.cache.generation();
        let fetched = self.fold(stream, absent, u64::MAX).await?;
        self.cache.remember(stream.clone(), fetched.clone(), generation);
        Ok(fetched)
    }

    /// Folds a stream up to the log position `last`, page by page.
    async fn fold(&self, stream: &StreamId, absent: fn() -> Loaded, last: u64) -> Result<Loaded, StoreError> {
        let mut folded = absent();
        loop {
            let page = self.log.read_stream(stream, folded.version(), MAX_PAGE_EVENTS).await?;
            let wanted = page.iter().take_while(|stored| stored.position <= last);
            let events = wanted.map(decode).collect::<Result<Vec<_>, _>>()?;
            if !events.is_empty() {
                folded = folded.after(&events);
            }
            if page.len() < MAX_PAGE_EVENTS || page.last().is_some_and(|stored| stored.position >= last) {
                return Ok(folded);
            }
        }
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

/// The streams that were read for one command, besides those in the cache.
type ReadSet = HashMap<StreamId, Loaded>;

/// One run of a transaction: what it asks for comes from the cache or the read set, and what is missing there is noted.
struct UnitOfWork<'a> {
    cache: &'a Cache,
    read_set: &'a ReadSet,
    missing: Option<Missing>,
}

/// A stream that is not in memory, and what it is before its first event.
type Missing = (StreamId, fn() -> Loaded);

impl Source for UnitOfWork<'_> {
    fn load(&mut self, stream: &StreamId, absent: fn() -> Loaded) -> Option<Loaded> {
        let known = self.cache.get(stream).or_else(|| self.read_set.get(stream).cloned());
        if known.is_none() {
            self.missing = Some((stream.clone(), absent));
        }
        known
    }
}

/// An event of a stream that an aggregate of this domain was asked for by.
fn decode(stored: &StoredEvent) -> Result<AnyEvent, StoreError> {
    codec::decode_event(stored)?.ok_or_else(|| StoreError::Corrupt {
        position: stored.position,
        reason: format!("no aggregate of this domain has a stream {}", stored.stream),
    })
}

fn append(envelope: &CommandEnvelope, command_id: CommandId, change: &Change) -> Append {
    let metadata = || Metadata {
        event_id: EventId::new(Uuid::now_v7()),
        recorded_at: envelope.context.now,
        actor: envelope.context.actor.clone(),
        project: change.project,
        command_id,
        idempotency_key: envelope.key.as_ref().map(|(key, _)| key.clone()),
        credential: envelope.credential,
    };
    let events = change.events.iter().map(|event| codec::encode_any(event, metadata())).collect();
    Append { stream: change.stream.clone(), expected: change.after, events }
}

fn priority(changes: &[(Change, Loaded)]) -> Priority {
    match effect::contains(changes.iter().flat_map(|(change, _)| &change.events)) {
        true => Priority::Containment,
        false => Priority::Ordinary,
    }
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
fn attempts_among_others(envelope: &CommandEnvelope) -> usize {
    match envelope.context.actor.kind() {
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
