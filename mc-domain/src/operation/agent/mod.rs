//! What is done with an agent.

mod correct_agent;
mod end_lease;
mod heartbeat;
mod liveness;
mod names;
mod pause_agent;
mod quarantine_agent;
mod register_agent;
mod restart_agent;
mod resume_agent;
mod sign_off_agent;
mod spawn_agent;

pub use correct_agent::{CorrectAgent, correct_agent};
pub use end_lease::{end_lease, lease_ends_at};
pub use heartbeat::{directives, heartbeat};
pub use liveness::{mark_heard, mark_stale};
pub use names::{Claims, Names};
pub use pause_agent::{drain_agent, pause_agent};
pub use quarantine_agent::quarantine_agent;
pub use register_agent::{RegisterAgent, change_profile, register_agent};
pub use restart_agent::restart_agent;
pub use resume_agent::resume_agent;
pub use sign_off_agent::sign_off_agent;
pub use spawn_agent::{SpawnAgent, retire_agent, spawn_agent};
