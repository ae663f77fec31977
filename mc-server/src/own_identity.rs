//! The name under which the server itself acts, and the idempotency keys of what it does.

use mc_domain::{actor::Actor, values::Name};
use mc_store::log::Fingerprint;
use sha2::{Digest, Sha256};

/// The name under which the server itself acts.
pub const SERVER: &str = "mission-control";

/// The server's name as a value.
pub(crate) fn server_name() -> Name {
    Name::new(SERVER).expect("the server's name is one")
}

/// The server as the actor of what it does by rule.
pub(crate) fn server() -> Actor {
    Actor::System(server_name())
}

/// The idempotency key, with its fingerprint, under which the server's part `part` does `action` once. Keys of clients
/// contain no space, so none of them ever equals one of these.
pub(crate) fn own_key(part: &str, action: &str) -> (String, Fingerprint) {
    let key = format!("{SERVER} {part}/{action}");
    let fingerprint = Sha256::digest(&key).into();
    (key, fingerprint)
}
