//! A task.
mod event;
mod values;
use crate::aggregate::{Aggregate, Moment};
pub use event::*;
use serde::*;
pub use values::*;
/// x
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// x
    #[default]
    A,
}
/// x
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {}
impl Aggregate for Task {
    const TYPE: &'static str = "task";
    type Id = crate::ids::TaskId;
    type Command = ();
    type Event = Event;
    type Rejection = Rejection;
    fn decide(&self, _: (), _: &Moment) -> Result<Vec<Event>, Rejection> {
        Ok(vec![])
    }
    fn evolve(self, _: &Event) -> Self {
        self
    }
}
