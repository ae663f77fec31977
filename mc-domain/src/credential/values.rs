//! What a credential is made of.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    actor::Actor,
    ids::AgentId,
    reach::Reach,
    values::{Name, string_enum},
};

string_enum! {
    /// What the bearer of a credential may do.
    Role {
        /// Everything in its projects.
        Operator = "operator",
        /// What the one agent that it belongs to may do.
        Agent = "agent",
        /// Reading and exporting.
        Auditor = "auditor",
        /// Reading the figures by which the server itself is watched.
        Monitor = "monitor",
    }
}

/// Who bears a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "role", content = "agentId", rename_all = "camelCase")]
pub enum Bearer {
    /// An operator: a human, by the name of the credential.
    Operator,
    /// That agent, and no other.
    Agent(AgentId),
    /// Somebody who reads and exports.
    Auditor,
    /// A program that watches the server.
    Monitor,
}

impl Bearer {
    /// What it may do.
    pub fn role(self) -> Role {
        match self {
            Self::Operator => Role::Operator,
            Self::Agent(_) => Role::Agent,
            Self::Auditor => Role::Auditor,
            Self::Monitor => Role::Monitor,
        }
    }

    /// The agent, if it is one.
    pub fn agent(self) -> Option<AgentId> {
        match self {
            Self::Agent(agent) => Some(agent),
            Self::Operator | Self::Auditor | Self::Monitor => None,
        }
    }
}

/// What a credential is good for: who bears it, where, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// What it is called. An operator acts under this name.
    pub name: Name,
    /// Who bears it.
    pub bearer: Bearer,
    /// The projects that it is good for.
    #[serde(default)]
    pub reach: Reach,
    /// From when on it is no longer good, UTC; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

impl Grant {
    /// Who acts by it: the agent that it belongs to, else a human of its name.
    pub fn actor(&self) -> Actor {
        match self.bearer {
            Bearer::Agent(agent) => Actor::Agent(agent),
            Bearer::Operator | Bearer::Auditor | Bearer::Monitor => Actor::Human(self.name.clone()),
        }
    }

    /// Whether its bearer governs: issues credentials and publishes policy, as an operator of all projects.
    pub fn governs(&self) -> bool {
        self.bearer == Bearer::Operator && self.reach == Reach::All
    }

    /// Whether it is over at `now` because its time is up.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// The SHA-256 of a secret (FIPS 180-4), in lower-case hexadecimal where it is written. A secret of 256 random bits needs no
/// slower hash: there is nothing to guess it by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretHash([u8; 32]);

/// The text is not a SHA-256 in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the hash of a secret is 64 lower-case hexadecimal digits")]
pub struct InvalidSecretHash;

impl SecretHash {
    /// The hash of a secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for SecretHash {
    type Err = InvalidSecretHash;

    fn from_str(text: &str) -> Result<Self, InvalidSecretHash> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(InvalidSecretHash),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(InvalidSecretHash);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for SecretHash {
    type Error = InvalidSecretHash;

    fn try_from(text: String) -> Result<Self, InvalidSecretHash> {
        text.parse()
    }
}

impl From<SecretHash> for String {
    fn from(hash: SecretHash) -> Self {
        hash.to_string()
    }
}

impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretHash({self})")
    }
}
