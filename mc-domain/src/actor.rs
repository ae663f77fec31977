//! Actors: whoever gives a command, and is named in what is recorded of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ids::AgentId, values::Name};

/// Who gave a command: a human operator, an agent, or a worker of ours that acts on a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
pub enum Actor {
    /// A human operator, by name; upper and lower case are one.
    Human(Name),
    /// An agent, by its identity.
    Agent(AgentId),
    /// A worker of the control plane, by name.
    System(Name),
}

/// The three kinds of actor, as the transition table speaks of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A human operator, who may do what is imposed on agents.
    Human,
    /// An agent, which acts within its role.
    Agent,
    /// A worker of the control plane, which acts by a rule.
    System,
}

impl Actor {
    /// Which kind of actor this is.
    pub fn kind(&self) -> ActorKind {
        match self {
            Self::Human(_) => ActorKind::Human,
            Self::Agent(_) => ActorKind::Agent,
            Self::System(_) => ActorKind::System,
        }
    }

    /// Whether both are one and the same: names compare as [`Name::is`] says.
    ///
    /// ```
    /// use mc_domain::{actor::Actor, values::Name};
    ///
    /// let human = |name| Name::new(name).map(Actor::Human);
    /// assert!(human("Sofie")?.is(&human("sofie")?));
    /// assert!(!human("Sofie")?.is(&human("Ada")?));
    /// # Ok::<(), mc_domain::values::InvalidText>(())
    /// ```
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Human(one), Self::Human(other)) | (Self::System(one), Self::System(other)) => {
                one.is(other)
            }
            (Self::Agent(one), Self::Agent(other)) => one == other,
            (Self::Human(_) | Self::Agent(_) | Self::System(_), _) => false,
        }
    }

    /// The agent, if it is one.
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Agent(id) => Some(*id),
            Self::Human(_) | Self::System(_) => None,
        }
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Agent => "agent",
            Self::System => "system",
        })
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Human(name) => write!(f, "{name}"),
            Self::Agent(id) => write!(f, "agent {id}"),
            Self::System(name) => write!(f, "system {name}"),
        }
    }
}
