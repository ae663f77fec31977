//! Turns: one at a time among those that a rule counts together, on all nodes.

use mc_store::nodes;
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::{app::App, problem::Problem};

/// The number of locks. Two that share one by chance wait for each other needlessly, which does no harm.
const STRIPES: usize = 64;

/// Where a decision rests on a count that the views keep, and not on a stream, those who are counted together take turns:
/// each sees what the one before it did, so that none of a crowd slips through together.
#[derive(Debug)]
pub(crate) struct Turns {
    stripes: Vec<Mutex<()>>,
}

/// The turn of whoever is counted with others; it lasts until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    _everywhere: Option<nodes::Turn>,
    _here: MutexGuard<'a, ()>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Mutex::default()).collect() }
    }
}

impl Turns {
    async fn here(&self, number: i64) -> MutexGuard<'_, ()> {
        let stripe = usize::try_from(number.rem_euclid(STRIPES as i64)).unwrap_or_default();
        self.stripes[stripe].lock().await
    }
}

impl App {
    /// Waits until it is the turn of whoever is counted with `whom`. The views then have what all those before it recorded,
    /// on whichever node.
    ///
    /// # Errors
    /// `store-unavailable` when the database does not answer, `position-not-reached` when the views take too long.
    pub(crate) async fn turn(&self, whom: Uuid) -> Result<Turn<'_>, Problem> {
        let number = number(whom);
        let here = self.turns().here(number).await;
        let Some(nodes) = self.log().nodes() else { return Ok(Turn { _everywhere: None, _here: here }) };
        let everywhere = nodes.turn(number).await?;
        self.reach_position(everywhere.position).await?;
        Ok(Turn { _everywhere: Some(everywhere), _here: here })
    }
}

/// The same on every node, whatever its version. Those that share one by chance wait for each other needlessly.
fn number(whom: Uuid) -> i64 {
    let (high, low) = whom.as_u64_pair();
    (high ^ low).cast_signed()
}
