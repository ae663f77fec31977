//! The views that follow a simulation, to be compared with a fold from the beginning.

use mc_domain::recorded::{AnyEvent, Recorded};
use mc_projections::views::Views;

/// The views as far as the simulation has come.
#[derive(Default)]
pub struct Watched(Views);

impl Watched {
    pub fn apply(&mut self, recorded: &Recorded<AnyEvent>) {
        self.0.apply(recorded);
    }

    /// Views that followed the log are the views that read it from the beginning.
    pub fn equals_a_fresh_fold(&self, history: &[Recorded<AnyEvent>]) {
        let mut fresh = Views::default();
        history.iter().for_each(|recorded| fresh.apply(recorded));
        assert!(self.0 == fresh, "the views differ from a fresh fold of the log");
    }
}
