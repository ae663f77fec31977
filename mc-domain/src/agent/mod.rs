//! An agent.
mod event;
mod values;
use crate::aggregate::{Aggregate, Moment};
pub use event::*;
use serde::*;
pub use values::*;
/// x
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Agent {
    /// x
    #[default]
    A,
}
/// x
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {}
impl Aggregate for Agent {
    const TYPE: &'static str = "agent";
    type Id = crate::ids::AgentId;
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
