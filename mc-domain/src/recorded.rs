//! Events as the log holds them: a fact, its place, and the circumstances it was recorded in.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::{Aggregate, Event},
    alert::{self, Alert},
    approval::{self, Approval},
    budget::{self, Budget},
    credential::{self, Credential},
    ids::{CommandId, CredentialId, EventId, ProjectId},
    notification::{self, Notification},
    policy::{self, Policy},
    project::{self, Project},
    reservation::{self, Reservation},
    run::{self, Run},
    standup::{self, Standup},
    task::{self, Task},
};

/// The name of a stream: `<aggregate_type>-<aggregate_id>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamId {
    /// The type of the aggregate, such as `task`.
    pub aggregate_type: Cow<'static, str>,
    /// The identity of the aggregate, as its type prints it.
    pub aggregate_id: String,
}

impl StreamId {
    /// The stream of the aggregate with this identity.
    pub fn of<A: Aggregate>(id: &A::Id) -> Self {
        Self { aggregate_type: Cow::Borrowed(A::TYPE), aggregate_id: id.to_string() }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.aggregate_type, self.aggregate_id)
    }
}

/// The circumstances of a recorded event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The identity of this event, unique over all logs.
    pub event_id: EventId,
    /// When it was decided, UTC, to the microsecond.
    pub recorded_at: DateTime<Utc>,
    /// The actor that gave the command.
    pub actor: Actor,
    /// The project it belongs to; nothing for what concerns all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// The command that caused it; the same for all events of one commit.
    pub command_id: CommandId,
    /// The key the command came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The credential that the command came by; nothing where none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
}

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded<E> {
    /// The place in the whole log, from 1, without holes.
    pub position: u64,
    /// The stream that it belongs to, one for each aggregate.
    pub stream: StreamId,
    /// The place in its stream, from 1, without holes.
    pub version: u64,
    /// What happened, as its aggregate recorded it.
    pub event: E,
    /// Who, when and why: what is recorded beside the fact.
    pub metadata: Metadata,
}

/// An aggregate of this domain: its events are among [`AnyEvent`].
pub trait Streamed: Aggregate {
    /// The event, if it is one of this aggregate's.
    fn event(any: &AnyEvent) -> Option<&Self::Event>;
}

macro_rules! any_event {
    ($($(#[$doc:meta])* $aggregate:ident($module:ident),)+) => {
        /// An event of any aggregate, for what reads the whole log.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnyEvent {
            $($(#[$doc])* $aggregate($module::Event),)+
        }

        impl AnyEvent {
            /// Every aggregate type that has events.
            pub const AGGREGATE_TYPES: &'static [&'static str] = &[$($aggregate::TYPE,)+];

            /// The stored name, such as `task.claimed`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$aggregate(event) => event.name(),)+
                }
            }

            /// The type of its aggregate, such as `task`: the first half of its stream's name.
            pub fn aggregate_type(&self) -> &'static str {
                match self {
                    $(Self::$aggregate(_) => $aggregate::TYPE,)+
                }
            }

            /// The version of the payload's shape.
            pub fn version(&self) -> u32 {
                match self {
                    $(Self::$aggregate(event) => event.version(),)+
                }
            }

            /// The payload, through `serializer`.
            ///
            /// # Errors
            /// What the serializer says.
            pub fn serialize_payload<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$aggregate(event) => event.serialize(serializer),)+
                }
            }

            /// Reads a payload of one aggregate type; nothing for a type this domain does not know.
            ///
            /// # Errors
            /// What the deserializer says.
            pub fn deserialize_payload<'de, D: serde::Deserializer<'de>>(
                aggregate_type: &str,
                deserializer: D,
            ) -> Result<Option<Self>, D::Error> {
                match aggregate_type {
                    $($aggregate::TYPE => $module::Event::deserialize(deserializer).map(Self::$aggregate).map(Some),)+
                    _ => Ok(None),
                }
            }
        }

        /// The state of any aggregate, for what folds the whole log.
        #[derive(Debug, Clone, PartialEq)]
        pub enum AnyState {
            $($(#[$doc])* $aggregate($aggregate),)+
        }

        impl AnyState {
            /// An aggregate of that type before its first event; nothing for a type this domain does not know.
            pub fn new(aggregate_type: &str) -> Option<Self> {
                match aggregate_type {
                    $($aggregate::TYPE => Some(Self::$aggregate($aggregate::default())),)+
                    _ => None,
                }
            }

            /// The state after one more recorded event; one of another aggregate changes nothing.
            #[must_use]
            pub fn evolve(self, event: &AnyEvent) -> Self {
                match self {
                    $(Self::$aggregate(state) => Self::$aggregate(match $aggregate::event(event) {
                        Some(event) => state.evolve(event),
                        None => state,
                    }),)+
                }
            }

            /// The state, through `serializer`.
            ///
            /// # Errors
            /// What the serializer says.
            pub fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$aggregate(state) => serde::Serialize::serialize(state, serializer),)+
                }
            }
        }

        $(
            impl Streamed for $aggregate {
                fn event(any: &AnyEvent) -> Option<&Self::Event> {
                    if let AnyEvent::$aggregate(event) = any { Some(event) } else { None }
                }
            }

            impl From<$module::Event> for AnyEvent {
                fn from(event: $module::Event) -> Self {
                    Self::$aggregate(event)
                }
            }
        )+
    };
}

any_event! {
    /// The project aggregate: see [`crate::project`].
    Project(project),
    /// The agent aggregate: see [`crate::agent`].
    Agent(agent),
    /// The task aggregate: see [`crate::task`].
    Task(task),
    /// The approval aggregate: see [`crate::approval`].
    Approval(approval),
    /// The policy aggregate: see [`crate::policy`].
    Policy(policy),
    /// The reservation aggregate: see [`crate::reservation`].
    Reservation(reservation),
    /// The alert aggregate: see [`crate::alert`].
    Alert(alert),
    /// The budget aggregate: see [`crate::budget`].
    Budget(budget),
    /// The run aggregate: see [`crate::run`].
    Run(run),
    /// The standup aggregate: see [`crate::standup`].
    Standup(standup),
    /// The notification aggregate: see [`crate::notification`].
    Notification(notification),
    /// The credential aggregate: see [`crate::credential`].
    Credential(credential),
}
