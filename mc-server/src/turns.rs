//! Turns: one at a time among those that a rule counts together.

use std::hash::{BuildHasher, Hash, RandomState};

use tokio::sync::{Mutex, MutexGuard};

/// The number of locks. Two that share one by chance wait for each other needlessly, which does no harm.
const STRIPES: usize = 64;

/// Where a decision rests on a count that the views keep, and not on a stream, those who are counted together take turns:
/// each sees what the one before it did, so that none of a crowd slips through together.
#[derive(Debug)]
pub(crate) struct Turns {
    stripes: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Turns {
    /// Waits until it is the turn of whoever is counted with `whom`; it lasts as long as the guard.
    pub(crate) async fn of(&self, whom: impl Hash) -> MutexGuard<'_, ()> {
        let place = self.hasher.hash_one(whom) % STRIPES as u64;
        let stripe = usize::try_from(place).expect("it is less than the number of stripes");
        self.stripes[stripe].lock().await
    }
}
