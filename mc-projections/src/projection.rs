//! The trait of all projections: a fold of recorded events.

use mc_domain::recorded::{AnyEvent, Recorded};
use serde::{Serialize, de::DeserializeOwned};

/// A fold of the log that answers one kind of question.
///
/// It does no I/O, reads no clock and never fails: what was recorded is history, and an event about something unknown
/// changes nothing. Two laws make snapshots possible. Folding on from a stored state gives the same state as folding
/// everything; and storing a state and reading it back, between any two events, changes nothing.
///
/// ```
/// use mc_domain::recorded::{AnyEvent, Recorded};
/// use mc_projections::{projection::Projection, script::Script};
/// use serde::{Deserialize, Serialize};
///
/// /// How many agents were ever registered?
/// #[derive(Default, Serialize, Deserialize)]
/// struct Registrations(u64);
///
/// impl Projection for Registrations {
///     const NAME: &'static str = "registrations";
///     const VERSION: u32 = 1;
///
///     fn apply(&mut self, event: &Recorded<AnyEvent>) {
///         let registered = matches!(event.event, AnyEvent::Agent(mc_domain::agent::Event::Registered { .. }));
///         self.0 += u64::from(registered);
///     }
/// }
///
/// assert_eq!(Script::new().fold::<Registrations>().0, 0);
/// ```
pub trait Projection: Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name under which snapshots of its state are stored.
    const NAME: &'static str;
    /// The version of its state's shape and meaning, from 1. A snapshot of another version is dropped.
    const VERSION: u32;

    /// Changes the state by the next event of the log.
    fn apply(&mut self, event: &Recorded<AnyEvent>);

    /// The state after all `events`, which begin with the first of the log.
    fn fold<'a>(events: impl IntoIterator<Item = &'a Recorded<AnyEvent>>) -> Self {
        let mut state = Self::default();
        events.into_iter().for_each(|event| state.apply(event));
        state
    }
}
