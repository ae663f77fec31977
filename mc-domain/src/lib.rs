//! The rules of Mission Control: what may happen to projects, agents and tasks, decided by pure functions.
//!
//! One module per aggregate; each has its state, its commands, its events, `decide` and `evolve`. What must hold
//! together over several of them is an [`operation`], which runs in a [`transaction`]. Nothing here reads a clock, draws an
//! identifier, stores or sends anything: the time and the actor come with an [`aggregate::CommandContext`], new identifiers
//! with the command. The [`prelude`] has what a service that embeds the domain uses throughout; the feature `testing` has
//! given, when and then for its tests (`spec`).
//!
//! ```
//! use mc_domain::{
//!     actor::Actor,
//!     aggregate::{Aggregate, CommandContext},
//!     ids::ProjectId,
//!     task::{Command, Details, Event, Status, Task, TaskType},
//!     values::Name,
//! };
//!
//! let sofie = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
//! let project = ProjectId::new(uuid::Uuid::from_u128(1));
//! let details = Details::titled("Research competitor pricing", TaskType::CustomerResearch)?;
//!
//! let events = Task::default().decide(Command::Create { project, details, parent: None }, &sofie)?;
//! assert_eq!(Task::fold(&events).status(), Some(Status::Inbox));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod actor;
pub mod agent;
pub mod aggregate;
pub mod alert;
pub mod approval;
pub mod budget;
mod consequence;
pub mod content_hash;
pub mod credential;
pub mod effect;
pub mod ids;
pub mod json;
pub mod markdown;
pub mod money;
pub mod notification;
pub mod operation;
pub mod policy;
pub mod policy_limits;
pub mod prelude;
pub mod process;
pub mod project;
pub mod reach;
pub mod recorded;
pub mod rejection;
pub mod reservation;
pub mod risk;
pub mod role;
pub mod run;
#[cfg(any(test, feature = "testing"))]
pub mod spec;
pub mod standup;
pub mod task;
pub mod task_type;
pub mod text;
pub mod transaction;
pub mod values;
