//! Projections of eventually, driven from a log.

use std::{
    collections::HashMap,
    convert::Infallible,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

use eventually::{
    projection::Projection, store::Persisted, subscription::Subscription, versioning::Versioned,
};
use futures_util::{FutureExt, StreamExt, future, future::BoxFuture};
use mc_domain::aggregate::Aggregate;

/// Why [`drive`] ended before its subscription.
#[derive(Debug, thiserror::Error)]
pub enum DriveError<S, P> {
    /// The subscription failed.
    #[error("the subscription failed")]
    Subscription(#[source] S),
    /// The projection failed with an event, which comes again at the next start.
    #[error("the projection failed")]
    Projection(#[source] P),
}

/// Feeds `projection` the events of `subscription`, and moves the checkpoint behind each one once it is projected.
///
/// It returns when the subscription ends, which on a log it does when the log is closed. Dropping the future stops it; an
/// event that was being projected then comes again at the next start.
///
/// # Errors
/// - [`DriveError::Subscription`] when no further event can be read, or the checkpoint cannot be moved.
/// - [`DriveError::Projection`] when the projection fails.
pub async fn drive<S, P>(subscription: &S, projection: &mut P) -> Result<(), DriveError<S::Error, P::Error>>
where
    S: Subscription,
    P: Projection<SourceId = S::SourceId, Event = S::Event>,
{
    let mut events = subscription.resume().await.map_err(DriveError::Subscription)?;
    while let Some(event) = events.next().await {
        let event = event.map_err(DriveError::Subscription)?;
        let position = event.sequence_number();
        projection.project(event).await.map_err(DriveError::Projection)?;
        subscription.checkpoint(position).await.map_err(DriveError::Subscription)?;
    }
    Ok(())
}

/// The state of every aggregate of one type, folded from its events. An event that comes again changes nothing.
///
/// Clones show the same states, so that one can be asked while another is driven.
#[derive(Debug)]
pub struct States<A: Aggregate>(Arc<RwLock<Folded<A>>>);

/// Each aggregate's version and state.
type Folded<A> = HashMap<<A as Aggregate>::Id, (u32, A)>;

impl<A: Aggregate> States<A>
where
    A::Id: Eq + Hash,
{
    /// The state of the aggregate with this identity; the one before its first event when none was projected.
    pub fn get(&self, id: &A::Id) -> A {
        let states = self.0.read().unwrap_or_else(PoisonError::into_inner);
        states.get(id).map(|(_, state)| state.clone()).unwrap_or_default()
    }

    fn evolve(&self, event: &Persisted<A::Id, A::Event>) {
        let mut states = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (version, state) = states.entry(event.source_id().clone()).or_default();
        if event.version() > *version {
            *version = event.version();
            *state = std::mem::take(state).evolve(event);
        }
    }
}

impl<A: Aggregate> Projection for States<A>
where
    A::Id: Eq + Hash,
{
    type SourceId = A::Id;
    type Event = A::Event;
    type Error = Infallible;

    fn project<'a>(&'a mut self, event: Persisted<A::Id, A::Event>) -> BoxFuture<'a, Result<(), Infallible>> {
        self.evolve(&event);
        future::ready(Ok(())).boxed()
    }
}

impl<A: Aggregate> Default for States<A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<A: Aggregate> Clone for States<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
