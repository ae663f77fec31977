//! One transaction of the domain: what a command reads, what it decides, and the state after that.
//!
//! An operation asks the transaction for aggregates and lets it execute commands on them. Every answer shows what the
//! transaction has decided so far, so that each rule sees the effects of the one before it. Whoever runs the transaction
//! appends its changes in one commit, or discards all of them.
//!
//! ```
//! use mc_domain::{
//!     actor::Actor,
//!     aggregate::CommandContext,
//!     ids::{AgentId, TaskId},
//!     operation::claim_task,
//!     transaction::{InMemory, Transaction},
//!     values::Name,
//! };
//!
//! let context = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
//! let (task, agent) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
//! let mut states = InMemory::default();
//! let mut tx = Transaction::new(&mut states, context);
//! assert!(claim_task(&mut tx, task, agent).is_err(), "there is no such task");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod tests;

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, LazyLock},
};

use chrono::{DateTime, NaiveDate, Utc};

use crate::{
    actor::Actor,
    agent::Agent,
    aggregate::{Aggregate, CommandContext},
    approval::Approval,
    ids::{AgentId, ProjectId},
    policy::document::PolicyLimits,
    project::Project,
    recorded::{AnyEvent, StreamId, Streamed},
    rejection::{NotLoaded, Rejection},
    run::Run,
    task::Task,
    values::Name,
};

/// One aggregate as a transaction sees it: which one, at which version, in which state.
#[derive(Debug, PartialEq)]
pub struct Entity<A: Aggregate> {
    /// The identity: the second half of the stream's name.
    pub id: A::Id,
    /// How many events the state is folded from; 0 before the first one.
    pub version: u64,
    /// The folded state, shared with the cache it came from.
    pub state: Arc<A>,
}

impl<A: Aggregate> Clone for Entity<A> {
    fn clone(&self) -> Self {
        Self { id: self.id.clone(), version: self.version, state: Arc::clone(&self.state) }
    }
}

impl<A: Aggregate> Deref for Entity<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}

impl<A: Aggregate> Entity<A> {
    /// An aggregate before its first event.
    pub fn new(id: A::Id) -> Self {
        Self { id, version: 0, state: Arc::new(A::default()) }
    }

    /// The same aggregate with `events` folded onto it, as many versions later.
    #[must_use]
    pub fn after<'a>(&self, events: impl IntoIterator<Item = &'a A::Event>) -> Self {
        let mut version = self.version;
        let state = events.into_iter().fold((*self.state).clone(), |state, event| {
            version += 1;
            state.evolve(event)
        });
        Self { id: self.id.clone(), version, state: Arc::new(state) }
    }
}

/// The events that one transaction adds to one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The stream that gets the events.
    pub stream: StreamId,
    /// The version that the stream has before them; the commit holds only if it still has it.
    pub after: u64,
    /// The project that the events belong to; none for what concerns all projects.
    pub project: Option<ProjectId>,
    /// The events in the order of their decision; at least one.
    pub events: Vec<AnyEvent>,
}

type State = Arc<dyn Any + Send + Sync>;
type Advance = fn(&(dyn Any + Send + Sync), &[AnyEvent]) -> State;

/// A folded stream whose aggregate type only its reader knows.
#[derive(Clone)]
pub struct Loaded {
    version: u64,
    state: State,
    advance: Advance,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Loaded {
    /// A stream of `A` without events.
    pub fn absent<A: Streamed>() -> Self {
        Self { version: 0, state: Arc::new(A::default()), advance: advance::<A> }
    }

    /// How many events it is folded from.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The same stream after `events`. Events of other aggregate types count, and leave the state alone.
    #[must_use]
    pub fn after(&self, events: &[AnyEvent]) -> Self {
        let version = self.version + events.len() as u64;
        Self { version, state: (self.advance)(&*self.state, events), advance: self.advance }
    }

    /// The aggregate that the stream folds to.
    ///
    /// # Panics
    /// When the stream is not one of `A`: its name starts with the aggregate's type, so that is a mistake of the source.
    pub fn entity<A: Aggregate>(&self, id: A::Id) -> Entity<A> {
        let state = Arc::clone(&self.state).downcast::<A>();
        Entity { id, version: self.version, state: state.expect("a stream's name says its aggregate's type") }
    }
}

impl<A: Streamed> From<&Entity<A>> for Loaded {
    fn from(entity: &Entity<A>) -> Self {
        Self { version: entity.version, state: Arc::clone(&entity.state) as State, advance: advance::<A> }
    }
}

fn advance<A: Streamed>(state: &(dyn Any + Send + Sync), events: &[AnyEvent]) -> State {
    let state = state.downcast_ref::<A>().expect("a stream's name says its aggregate's type").clone();
    Arc::new(events.iter().filter_map(A::event).fold(state, A::evolve))
}

/// Where a transaction gets its aggregates: a repository's unit of work, or [`InMemory`].
pub trait Source {
    /// The stream as it is now, `absent` when it has no events. Answers nothing when it must be read first: the source
    /// notes the stream, and whoever runs the transaction reads it and starts over.
    fn load(&mut self, stream: &StreamId, absent: fn() -> Loaded) -> Option<Loaded>;
}

/// A source that has everything in memory: a stream it does not hold has no events. For tests, and for services that
/// keep their own states.
#[derive(Debug, Clone, Default)]
pub struct InMemory(BTreeMap<StreamId, Loaded>);

impl InMemory {
    /// Holds `entity` from now on, in place of what it held of that stream.
    pub fn put<A: Streamed>(&mut self, entity: &Entity<A>) {
        self.0.insert(StreamId::of::<A>(&entity.id), Loaded::from(entity));
    }

    /// One aggregate as it is held; before its first event where it is not.
    pub fn get<A: Streamed>(&self, id: &A::Id) -> Entity<A> {
        self.0
            .get(&StreamId::of::<A>(id))
            .map_or_else(|| Entity::new(id.clone()), |held| held.entity(id.clone()))
    }

    /// Takes in what a transaction decided.
    pub fn apply(&mut self, finished: Finished) {
        self.0.extend(finished.changes.into_iter().map(|(change, after)| (change.stream, after)));
    }
}

impl Source for InMemory {
    fn load(&mut self, stream: &StreamId, absent: fn() -> Loaded) -> Option<Loaded> {
        Some(self.0.get(stream).cloned().unwrap_or_else(absent))
    }
}

/// What a transaction decided, to be appended in one commit, and what that rests on.
#[derive(Debug)]
pub struct Finished {
    /// The changes in the order in which the streams were first changed, each with its stream after them.
    pub changes: Vec<(Change, Loaded)>,
    /// The streams that were only read, with the version that each must still have when the changes are appended.
    pub read: Vec<(StreamId, u64)>,
}

/// An aggregate whose state or identity says which project it belongs to.
pub trait InProject: Streamed {
    /// The project; none before the first event.
    fn project(&self, id: &Self::Id) -> Option<ProjectId>;
}

impl InProject for Project {
    fn project(&self, id: &ProjectId) -> Option<ProjectId> {
        Some(*id)
    }
}

impl InProject for Agent {
    fn project(&self, _: &Self::Id) -> Option<ProjectId> {
        self.registered().ok().map(|agent| agent.project)
    }
}

impl InProject for Task {
    fn project(&self, _: &Self::Id) -> Option<ProjectId> {
        self.present().ok().map(|task| task.project)
    }
}

impl InProject for Approval {
    fn project(&self, _: &Self::Id) -> Option<ProjectId> {
        self.requested().ok().map(|approval| approval.subject.project)
    }
}

impl InProject for Run {
    fn project(&self, _: &Self::Id) -> Option<ProjectId> {
        self.terms().map(|terms| terms.project)
    }
}

/// Who acts where something follows by a rule.
static RULES: LazyLock<Actor> =
    LazyLock::new(|| Actor::System(Name::new("rules").expect("it is a constant that is a name")));

/// What a command reads and decides, as one unit: see the [module](self).
pub struct Transaction<'a> {
    source: &'a mut dyn Source,
    context: CommandContext,
    streams: BTreeMap<StreamId, Stream>,
    changes: Vec<Change>,
    /// What to take back when an attempt fails, newest last; kept while one is under way.
    undo: Vec<Undo>,
    attempts: usize,
}

/// One stream of a transaction.
struct Stream {
    /// The version that the transaction read it at.
    read: u64,
    /// The stream after what was decided so far.
    now: Loaded,
    /// Where its change is among the changes, once it has one.
    change: Option<usize>,
}

impl Stream {
    fn read(now: Loaded) -> Self {
        Self { read: now.version, now, change: None }
    }
}

/// How one stream was before an addition.
struct Undo {
    stream: StreamId,
    before: Loaded,
    /// How many events the transaction had added to the stream.
    added: usize,
}

impl<'a> Transaction<'a> {
    /// A transaction on what `source` has, under `context`.
    pub fn new(source: &'a mut dyn Source, context: CommandContext) -> Self {
        Self { source, context, streams: BTreeMap::new(), changes: vec![], undo: vec![], attempts: 0 }
    }

    /// The circumstances that every command of the transaction is decided in.
    pub fn context(&self) -> &CommandContext {
        &self.context
    }

    /// Whoever gave the command, or [`Actor::System`] below [`Transaction::as_system`].
    pub fn actor(&self) -> &Actor {
        &self.context.actor
    }

    /// The time of the decision, UTC.
    pub fn now(&self) -> DateTime<Utc> {
        self.context.now
    }

    /// The day of the decision in UTC: the day that daily budgets are charged on.
    pub fn today(&self) -> NaiveDate {
        self.context.now.date_naive()
    }

    /// The limits of the policy in force.
    pub fn policy(&self) -> &PolicyLimits {
        &self.context.policy
    }

    /// One aggregate after what was decided so far; before its first event when its stream has none. The commit holds only
    /// if nobody else adds to it meanwhile.
    ///
    /// # Errors
    /// [`NotLoaded`] when it must be read first. Pass it on: the transaction is run again once it is there.
    pub fn get<A: Streamed>(&mut self, id: &A::Id) -> Result<Entity<A>, NotLoaded> {
        self.read::<A>(&StreamId::of::<A>(id), id)
    }

    fn read<A: Streamed>(&mut self, stream: &StreamId, id: &A::Id) -> Result<Entity<A>, NotLoaded> {
        if let Some(known) = self.streams.get(stream) {
            return Ok(known.now.entity(id.clone()));
        }
        let loaded = self.source.load(stream, Loaded::absent::<A>).ok_or(NotLoaded(()))?;
        let entity = loaded.entity(id.clone());
        self.streams.insert(stream.clone(), Stream::read(loaded));
        Ok(entity)
    }

    /// A registered agent.
    ///
    /// # Errors
    /// [`Rejection::UnknownAgent`] when it is not registered, [`Rejection::NotLoaded`] as for [`Transaction::get`].
    pub fn agent(&mut self, id: AgentId) -> Result<Entity<Agent>, Rejection> {
        let agent = self.get::<Agent>(&id)?;
        if agent.registered().is_ok() { Ok(agent) } else { Err(Rejection::UnknownAgent(id)) }
    }

    /// An aggregate whose identity is taken for new, so that nothing is read; the commit fails where it is not. What is known
    /// of it already is kept.
    pub fn create<A: Streamed>(&mut self, id: A::Id) -> Entity<A> {
        let stream = StreamId::of::<A>(&id);
        self.streams.entry(stream).or_insert_with(|| Stream::read(Loaded::absent::<A>())).now.entity(id)
    }

    /// Decides `command` on `entity` as it is now, and adds nothing: for a decision that others still change.
    /// [`Transaction::record`] adds its events.
    ///
    /// # Errors
    /// What the aggregate refuses.
    pub fn decide<A>(&mut self, entity: &Entity<A>, command: A::Command) -> Result<Vec<A::Event>, Rejection>
    where
        A: Streamed,
        Rejection: From<A::Rejection>,
    {
        let now = self.get::<A>(&entity.id)?;
        Ok(now.decide(command, &self.context)?)
    }

    /// Decides `command` on `entity` as it is now, adds its events, and answers the aggregate after them.
    ///
    /// # Errors
    /// What the aggregate refuses.
    pub fn execute<A>(&mut self, entity: &Entity<A>, command: A::Command) -> Result<Entity<A>, Rejection>
    where
        A: InProject,
        Rejection: From<A::Rejection>,
        AnyEvent: From<A::Event>,
    {
        let stream = StreamId::of::<A>(&entity.id);
        let now = self.read::<A>(&stream, &entity.id)?;
        let events = now.decide(command, &self.context)?;
        Ok(self.add(stream, now, events, project_of))
    }

    /// As [`Transaction::execute`], for an aggregate that does not say which project it belongs to.
    ///
    /// # Errors
    /// What the aggregate refuses.
    pub fn execute_in<A>(
        &mut self,
        project: Option<ProjectId>,
        entity: &Entity<A>,
        command: A::Command,
    ) -> Result<Entity<A>, Rejection>
    where
        A: Streamed,
        Rejection: From<A::Rejection>,
        AnyEvent: From<A::Event>,
    {
        let stream = StreamId::of::<A>(&entity.id);
        let now = self.read::<A>(&stream, &entity.id)?;
        let events = now.decide(command, &self.context)?;
        Ok(self.add(stream, now, events, |_, _| project))
    }

    /// Adds `events` that `entity` decided, and answers the aggregate after them.
    ///
    /// # Errors
    /// [`NotLoaded`] as for [`Transaction::get`].
    pub fn record<A>(&mut self, entity: &Entity<A>, events: Vec<A::Event>) -> Result<Entity<A>, NotLoaded>
    where
        A: InProject,
        AnyEvent: From<A::Event>,
    {
        let stream = StreamId::of::<A>(&entity.id);
        let now = self.read::<A>(&stream, &entity.id)?;
        Ok(self.add(stream, now, events, project_of))
    }

    /// As [`Transaction::record`], for an aggregate that does not say which project it belongs to.
    ///
    /// # Errors
    /// [`NotLoaded`] as for [`Transaction::get`].
    pub fn record_in<A>(
        &mut self,
        project: Option<ProjectId>,
        entity: &Entity<A>,
        events: Vec<A::Event>,
    ) -> Result<Entity<A>, NotLoaded>
    where
        A: Streamed,
        AnyEvent: From<A::Event>,
    {
        let stream = StreamId::of::<A>(&entity.id);
        let now = self.read::<A>(&stream, &entity.id)?;
        Ok(self.add(stream, now, events, |_, _| project))
    }

    /// Adds events to a stream; `project` says which project they belong to, from the aggregate before and after them.
    fn add<A>(
        &mut self,
        stream: StreamId,
        before: Entity<A>,
        events: Vec<A::Event>,
        project: impl FnOnce(&Entity<A>, &Entity<A>) -> Option<ProjectId>,
    ) -> Entity<A>
    where
        A: Streamed,
        AnyEvent: From<A::Event>,
    {
        if events.is_empty() {
            return before;
        }
        let Some(known) = self.streams.get_mut(&stream) else {
            unreachable!("a stream is read before it is changed")
        };
        let after = before.after(&events);
        if self.attempts > 0 {
            let added = known.change.map_or(0, |at| self.changes[at].events.len());
            self.undo.push(Undo { stream: stream.clone(), before: Loaded::from(&before), added });
        }
        known.now = Loaded::from(&after);
        let events = events.into_iter().map(AnyEvent::from);
        match known.change {
            Some(at) => self.changes[at].events.extend(events),
            None => {
                known.change = Some(self.changes.len());
                let (project, events) = (project(&before, &after), events.collect());
                self.changes.push(Change { stream, after: before.version, project, events });
            }
        }
        after
    }

    /// What was decided on one aggregate so far, in order.
    pub fn decided<A: Streamed>(&self, id: &A::Id) -> impl Iterator<Item = &A::Event> {
        let known = self.streams.get(&StreamId::of::<A>(id));
        let change = known.and_then(|known| known.change).map(|at| &self.changes[at]);
        change.into_iter().flat_map(|change| &change.events).filter_map(A::event)
    }

    /// The same transaction for what follows from a command by a rule, and is not its actor's to do. What runs through it
    /// is decided as by the system; the actor returns when it is dropped. Every event of the commit still names the command's
    /// actor in its metadata.
    pub fn as_system(&mut self) -> AsSystem<'_, 'a> {
        let actor = std::mem::replace(&mut self.context.actor, RULES.clone());
        AsSystem { tx: self, actor: Some(actor) }
    }

    /// Runs `part` and takes back what it decided when it refuses. Whoever goes on after the refusal of more than one decision
    /// uses it.
    ///
    /// # Errors
    /// What `part` says.
    pub fn attempt<T, E>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let begun = self.undo.len();
        self.attempts += 1;
        let result = part(self);
        self.attempts -= 1;
        if result.is_err() {
            self.undo.split_off(begun).into_iter().rev().for_each(|undo| self.take_back(undo));
        }
        if self.attempts == 0 {
            self.undo.clear();
        }
        result
    }

    fn take_back(&mut self, Undo { stream, before, added }: Undo) {
        let Some(known) = self.streams.get_mut(&stream) else { return };
        known.now = before;
        match (known.change, added) {
            // It is the last one: what came after it is taken back already.
            (Some(at), 0) => {
                self.changes.truncate(at);
                known.change = None;
            }
            (Some(at), added) => self.changes[at].events.truncate(added),
            (None, _) => {}
        }
    }

    /// What was decided so far, stream by stream, in the order in which the streams were first changed.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Ends the transaction: what it decided, and what that rests on.
    pub fn finish(mut self) -> Finished {
        let changes = std::mem::take(&mut self.changes).into_iter();
        let changes = changes.filter_map(|change| {
            let stream = self.streams.remove(&change.stream)?;
            Some((change, stream.now))
        });
        let changes = changes.collect();
        Finished { changes, read: self.streams.into_iter().map(|(id, stream)| (id, stream.read)).collect() }
    }
}

/// The project of an aggregate's events: the one that it is in after them, or was in before its end.
fn project_of<A: InProject>(before: &Entity<A>, after: &Entity<A>) -> Option<ProjectId> {
    after.state.project(&after.id).or_else(|| before.state.project(&before.id))
}

/// A transaction that acts as the system until it is dropped ([`Transaction::as_system`]).
pub struct AsSystem<'t, 'a> {
    tx: &'t mut Transaction<'a>,
    actor: Option<Actor>,
}

impl<'a> Deref for AsSystem<'_, 'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Transaction<'a> {
        self.tx
    }
}

impl DerefMut for AsSystem<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.tx
    }
}

impl Drop for AsSystem<'_, '_> {
    fn drop(&mut self) {
        if let Some(actor) = self.actor.take() {
            self.tx.context.actor = actor;
        }
    }
}
