//! The views of Mission Control: folds of the log, and the runner that keeps them current.
//!
//! Everything that REST answers is a fold of the log. A [`projection::Projection`] is one such fold; [`views::Views`] holds
//! all of them at one position. [`runner::Runner`] follows the log and hands out [`runner::Projected`], through which
//! callers read the views and wait for their own writes. The types that views serialise are the bodies of the REST
//! answers, so there is no second layer of them. Nothing here reads a clock: "now" comes with the question. Threads,
//! timelines and the older activity are kept as positions, and [`history`] reads their events from the log.
//!
//! Two modules save every view from saying the same again: `catalogue` has a row per event that says where the event is
//! shown, and `list` is the engine that filters, sorts and pages all lists.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mc_domain::{
//!     actor::Actor, aggregate::CommandContext, operation::create_project, project::Profile, values::{Name, Slug},
//! };
//! use mc_projections::runner::Runner;
//! use mc_store::{error::StoreError, log::EventLog, memory::MemoryLog, repository::{CommandEnvelope, Repository}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
//! let (repository, views) = (Repository::new(Arc::clone(&log)), Runner::start(log));
//! let context = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
//! let (id, slug, name) = (uuid::Uuid::now_v7().into(), Slug::new("openclaw")?, Name::new("OpenClaw")?);
//! let created = repository
//!     .execute(&CommandEnvelope::new(context), |tx| {
//!         create_project(tx, id, slug.clone(), Profile::new(name.clone()))
//!             .map_err(|refused| StoreError::Invalid { reason: refused.to_string() })
//!     })
//!     .await?;
//!
//! // Read your writes: wait for the position that the write was answered with.
//! views.wait_for(created.position).await?;
//! assert_eq!(views.read(|views| views.projects.view(id).map(|view| view.name.to_string())), Some("OpenClaw".to_owned()));
//! # Ok(())
//! # }
//! ```

pub mod activity;
pub mod agents;
pub mod alerts;
pub mod approvals;
pub mod as_of;
pub mod audit;
pub mod board;
mod catalogue;
pub mod costs;
pub mod credentials;
pub mod dollars;
pub mod entries;
mod event_data;
pub mod history;
pub mod hours;
pub mod instant;
#[cfg(test)]
mod laws;
mod list;
mod merge;
pub mod messages;
pub mod metrics;
pub mod notifications;
mod ordered_index;
mod owner_index;
pub mod page;
pub mod policy;
pub mod projection;
pub mod projects;
pub mod report;
pub mod runner;
pub mod runs;
pub mod script;
pub mod standup;
pub mod summary;
mod table;
pub mod tasks;

pub mod timeline;
pub mod views;
