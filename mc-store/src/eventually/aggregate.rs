//! The aggregates of this domain as those of eventually.

use std::{fmt, marker::PhantomData};

use futures_util::{FutureExt, future, future::BoxFuture};
use mc_domain::aggregate::{Aggregate, CommandContext};

/// An aggregate of this domain as one of eventually: it handles a command by deciding, and applies an event by evolving.
///
/// A command comes with the context that deciding needs. The store records the circumstances that it is made with, so a
/// service takes both from one place.
pub struct Decider<A>(PhantomData<fn() -> A>);

impl<A: Aggregate> eventually::aggregate::Aggregate for Decider<A>
where
    A::Id: Eq,
{
    type Id = A::Id;
    type State = A;
    type Event = A::Event;
    type Command = (A::Command, CommandContext);
    type Error = A::Rejection;

    fn apply(state: A, event: A::Event) -> Result<A, A::Rejection> {
        Ok(state.evolve(&event))
    }

    fn handle<'a, 's: 'a>(
        &'a self,
        _: &'s A::Id,
        state: &'s A,
        (command, context): Self::Command,
    ) -> BoxFuture<'a, Result<Option<Vec<A::Event>>, A::Rejection>> {
        let decided = state.decide(command, &context);
        future::ready(decided.map(|events| Some(events).filter(|events| !events.is_empty()))).boxed()
    }
}

impl<A> Default for Decider<A> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<A> Clone for Decider<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Decider<A> {}

impl<A: Aggregate> fmt::Debug for Decider<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decider({})", A::TYPE)
    }
}
