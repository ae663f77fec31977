//! From an operation to its answer: what it asks for is loaded, and where several follow each other in one commit, each
//! sees what was decided before it.

use mc_domain::{
    approval::{ActionType, ContentHash, canonical},
    operation::{Cast, Decision, Entity, Load, Rejection, with_cast},
    recorded::Streamed,
};
use mc_store::{error::StoreError, repository::Unit};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::state::Refused;

/// Asks an operation, with everything at hand that it turns out to need. What follows from numbers follows from those of
/// the policy in force, which come with the moment ([`crate::state::App::call`]).
///
/// # Errors
/// What the operation refuses, and what the log says.
pub fn ask<T>(
    unit: &mut Unit<'_>,
    operation: impl FnMut(&Cast) -> Result<T, Rejection>,
) -> Result<T, Refused> {
    with_cast(unit, Cast::default(), operation)
}

/// As [`ask`], on the state that `decided` leads to.
///
/// # Errors
/// As [`ask`].
pub fn ask_after<T>(
    unit: &mut Unit<'_>,
    decided: &Decision,
    operation: impl FnMut(&Cast) -> Result<T, Rejection>,
) -> Result<T, Refused> {
    with_cast(&mut After { unit, decided }, Cast::default(), operation)
}

/// Everything as it is after a decision that is still to be committed.
struct After<'a, 'u> {
    unit: &'a mut Unit<'u>,
    decided: &'a Decision,
}

impl Load for After<'_, '_> {
    type Error = StoreError;

    fn load<A: Streamed>(&mut self, id: &A::Id) -> Result<Entity<A>, StoreError> {
        Ok(self.unit.load::<A>(id)?.after_decision(self.decided))
    }
}

/// The SHA-256 of a text, for the rules, which have no cryptography of their own.
pub fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// What exactly an approval is for: the hash of the action and its payload.
pub fn content_hash(action: ActionType, payload: Option<&Value>) -> ContentHash {
    ContentHash::new(sha256(&canonical(action, payload)))
}
