//! What every aggregate and every event is: the decider pattern in two traits.

use std::fmt::{Debug, Display};

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};

use crate::{actor::Actor, policy_limits::PolicyLimits};

/// The circumstances of a decision: when it is taken, by whom, and under which figures of the policy in force.
///
/// The domain reads no clock, no session and no settings; all come in with the command. `now` is cut to microseconds by
/// whoever builds it, so every database replays the same instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandContext {
    /// The time of the decision, UTC.
    pub now: DateTime<Utc>,
    /// The actor that gave the command; the rules ask it for its rights.
    pub actor: Actor,
    /// What the policy in force says in numbers.
    pub policy: PolicyLimits,
}

impl CommandContext {
    /// A decision by `actor` at `now`, under the default figures.
    pub fn new(now: DateTime<Utc>, actor: Actor) -> Self {
        Self { now, actor, policy: PolicyLimits::default() }
    }

    /// The same decision under `limits` instead of the default ones.
    #[must_use]
    pub fn under(self, limits: PolicyLimits) -> Self {
        Self { policy: limits, ..self }
    }

    /// The same decision taken by another actor.
    #[must_use]
    pub fn by(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }
}

/// A recorded fact: its stored name and version belong to the log's contract, not to the Rust type's name.
pub trait Event: Debug + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The stored name, `<aggregate>.<past participle>`, such as `task.claimed`.
    fn name(&self) -> &'static str;

    /// The version of the payload's shape, from 1. A changed shape gets the next one and an upcaster step.
    fn version(&self) -> u32 {
        1
    }
}

/// A consistency boundary: one stream of events, the state they fold to, and the decisions that add to it.
///
/// `Default` is the aggregate before its first event.
pub trait Aggregate:
    Debug + Default + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The aggregate type: first half of the stream's name.
    const TYPE: &'static str;
    /// What identifies one aggregate: second half of the stream's name.
    type Id: Debug + Display + Clone + PartialEq + Send + Sync + 'static;
    /// What may be asked of it.
    type Command: Debug + Send + Sync + 'static;
    /// What may have happened to it.
    type Event: Event;
    /// Why it may refuse: one variant per rule.
    type Rejection: std::error::Error + Clone + PartialEq + Send + Sync + 'static;

    /// Decides a command: the events it causes, none when it asks for what already is, or the rule against it.
    ///
    /// # Errors
    /// The rule that forbids the command in this state.
    fn decide(
        &self,
        command: Self::Command,
        context: &CommandContext,
    ) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// The state after one more recorded event. Total: history is never refused.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// The state after all `events`, from the beginning.
    #[must_use]
    fn fold<'a>(events: impl IntoIterator<Item = &'a Self::Event>) -> Self {
        events.into_iter().fold(Self::default(), Self::evolve)
    }
}
