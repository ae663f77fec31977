//! Given a history, when a command is given, then events, a rejection, or nothing: for one aggregate ([`given`]), and for
//! an operation over several of them ([`world`]).
//!
//! For the tests of services that embed the domain, with the feature `testing`; the domain's own tests use it too.
//!
//! ```
//! use mc_domain::{prelude::*, spec::{entity, given, stream, world}};
//!
//! let ada = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Ada")?));
//! let (id, at) = (ProjectId::new(uuid::Uuid::from_u128(1)), ada.now);
//! let (slug, profile) = (Slug::new("manuals")?, project::Profile::new(Name::new("Manuals")?));
//! let created = project::Event::Created { slug: slug.clone(), profile: profile.clone(), at };
//!
//! given::<Project>([]).when(&ada, project::Command::Create { slug, profile }).then([created.clone()]);
//!
//! let manuals = entity::<Project>(id, [created]);
//! let halt = project::Halt::Pause;
//! world([&manuals])
//!     .when(&ada, |tx| operation::halt_squad(tx, id, halt, None))
//!     .then([stream(&manuals, [project::Event::SquadPaused { halt, number: 1, reason: None, at }])]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![allow(clippy::unwrap_used)]

#[cfg(test)]
mod cast;

#[cfg(test)]
pub(crate) use cast::*;

use std::fmt::Debug;

use crate::{
    aggregate::{Aggregate, CommandContext},
    alert::Alert,
    recorded::{AnyEvent, StreamId, Streamed},
    rejection::Rejection,
    transaction::{Change, Entity, InMemory, Transaction},
};

/// One aggregate with a history.
#[derive(Debug)]
pub struct Given<A>(A);

/// The aggregate that `history` folds to.
pub fn given<A: Aggregate>(history: impl IntoIterator<Item = A::Event>) -> Given<A> {
    Given(A::fold(&history.into_iter().collect::<Vec<_>>()))
}

impl<A: Aggregate> Given<A> {
    /// Decides `command`.
    pub fn when(&self, context: &CommandContext, command: A::Command) -> Decided<A> {
        Decided(self.0.decide(command, context))
    }
}

/// What one aggregate decided.
#[derive(Debug)]
#[must_use = "nothing is asserted yet"]
pub struct Decided<A: Aggregate>(Result<Vec<A::Event>, A::Rejection>);

impl<A: Aggregate> Decided<A> {
    /// Asserts all of it, in order.
    ///
    /// # Panics
    /// When it is something else, or a rejection.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) {
        assert_eq!(self.0, Ok(events.into_iter().collect()));
    }

    /// Asserts that the command is accepted and changes nothing.
    ///
    /// # Panics
    /// When there are events, or a rejection.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// Asserts the rule that forbids the command.
    ///
    /// # Panics
    /// When the command is accepted, or another rule forbids it.
    #[track_caller]
    pub fn then_rejected(self, rejection: A::Rejection) {
        assert_eq!(self.0, Err(rejection));
    }
}

/// One aggregate with an identity, from its history.
pub fn entity<A: Aggregate>(id: A::Id, history: impl IntoIterator<Item = A::Event>) -> Entity<A> {
    Entity::<A>::new(id).after(&history.into_iter().collect::<Vec<_>>())
}

/// An entity of any type: what a [`World`] is made of.
pub trait Held {
    /// Puts a copy into `states`.
    fn put_into(&self, states: &mut InMemory);
}

impl<A: Streamed> Held for Entity<A> {
    fn put_into(&self, states: &mut InMemory) {
        states.put(self);
    }
}

/// Everything that an operation may ask for. What it does not hold has no events.
#[derive(Debug, Clone, Default)]
pub struct World(InMemory);

/// A world of these entities, and of no others.
pub fn world<const N: usize>(entities: [&dyn Held; N]) -> World {
    let mut world = World::default();
    entities.into_iter().for_each(|entity| entity.put_into(&mut world.0));
    world
}

impl World {
    /// The same world with `entity`, in place of what it held under that identity.
    #[must_use]
    pub fn with(mut self, entity: &impl Held) -> Self {
        entity.put_into(&mut self.0);
        self
    }

    /// One aggregate as it is now; before its first event where the world does not hold it.
    pub fn get<A: Streamed>(&self, id: &A::Id) -> Entity<A> {
        self.0.get(id)
    }

    /// Adds `events` to one aggregate, whatever its rules say.
    pub fn record<A: Streamed>(&mut self, id: &A::Id, events: impl IntoIterator<Item = A::Event>) {
        let events: Vec<_> = events.into_iter().collect();
        self.0.put(&self.get::<A>(id).after(&events));
    }

    /// Runs `operation` in a transaction and leaves the world as it is: the answer has the world after it.
    pub fn when<T>(
        &self,
        context: &CommandContext,
        operation: impl FnOnce(&mut Transaction<'_>) -> Result<T, Rejection>,
    ) -> Answer<T> {
        let mut states = self.0.clone();
        let mut tx = Transaction::new(&mut states, context.clone());
        let result = operation(&mut tx);
        let finished = result.is_ok().then(|| tx.finish());
        let changes = finished.iter().flat_map(|finished| &finished.changes);
        let changes = changes.map(|(change, _)| change.clone()).collect();
        if let Some(finished) = finished {
            states.apply(finished);
        }
        Answer { result, changes, world: Self(states) }
    }

    /// Runs `operation` in a transaction and goes on with the world after it.
    ///
    /// # Errors
    /// What the operation refuses; the world stays as it is then.
    pub fn act<T>(
        &mut self,
        context: &CommandContext,
        operation: impl FnOnce(&mut Transaction<'_>) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let answer = self.when(context, operation);
        *self = answer.world;
        answer.result
    }
}

/// What an operation answered, what it changed, and the world after that.
#[derive(Debug)]
#[must_use = "nothing is asserted yet"]
pub struct Answer<T> {
    result: Result<T, Rejection>,
    changes: Vec<Change>,
    world: World,
}

impl<T: Debug> Answer<T> {
    /// Asserts all of what was decided, stream by stream, but for the alerts, which need tests of their own.
    ///
    /// # Panics
    /// When it is something else, or the operation refused.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = (StreamId, Vec<AnyEvent>)>) {
        self.result.unwrap();
        let changes = self.changes.into_iter().filter(|change| change.stream.aggregate_type != Alert::TYPE);
        let actual: Vec<_> = changes.map(|Change { stream, events, .. }| (stream, events)).collect();
        assert_eq!(actual, expected.into_iter().collect::<Vec<_>>());
    }

    /// Asserts that the operation is accepted and changes nothing but alerts.
    ///
    /// # Panics
    /// When it changes something, or refused.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// Asserts the rule that forbids the operation.
    ///
    /// # Panics
    /// When it is accepted, or another rule forbids it.
    #[track_caller]
    pub fn then_rejected(self, rejection: impl Into<Rejection>) {
        assert_eq!(self.result.unwrap_err(), rejection.into());
    }

    /// Whether the operation was accepted.
    pub fn is_ok(&self) -> bool {
        self.result.is_ok()
    }

    /// The value, or why it refused.
    ///
    /// # Errors
    /// What the operation refuses.
    pub fn result(self) -> Result<T, Rejection> {
        self.result
    }

    /// What was decided, stream by stream in the order in which they were first changed, alerts included.
    ///
    /// # Panics
    /// When the operation refused.
    #[track_caller]
    pub fn changes(&self) -> &[Change] {
        self.result.as_ref().unwrap();
        &self.changes
    }

    /// The events of all changes.
    ///
    /// # Panics
    /// When the operation refused.
    #[track_caller]
    pub fn events(&self) -> impl Iterator<Item = &AnyEvent> {
        self.changes().iter().flat_map(|change| &change.events)
    }

    /// The world after the operation.
    ///
    /// # Panics
    /// When the operation refused.
    #[track_caller]
    pub fn world(self) -> World {
        self.result.unwrap();
        self.world
    }

    /// One aggregate after the operation.
    ///
    /// # Panics
    /// When the operation refused.
    #[track_caller]
    pub fn after<A: Streamed>(self, id: &A::Id) -> Entity<A> {
        self.world().get(id)
    }
}

/// The events that one stream is expected to get.
pub fn stream<A: Aggregate>(
    entity: &Entity<A>,
    events: impl IntoIterator<Item = A::Event>,
) -> (StreamId, Vec<AnyEvent>)
where
    AnyEvent: From<A::Event>,
{
    (StreamId::of::<A>(&entity.id), events.into_iter().map(AnyEvent::from).collect())
}
