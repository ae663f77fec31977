//! The edge of Mission Control: REST, command line and workers. Thin: it parses, asks the rules, and renders.
//!
//! `routes` has the whole table of the interface, [`app::App`] is what every handler works with, [`workers`] are the
//! loops that act on time, and [`serve`] puts them together. A server in a process of one's own is a router:
//!
//! ```
//! use std::sync::Arc;
//!
//! use mc_domain::values::Name;
//! use mc_server::{app::{App, system_clock}, health::Health, service};
//! use mc_store::memory::MemoryLog;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (log, operator) = (Arc::new(MemoryLog::new()), Name::new("Sofie")?);
//! let app = App::recover(log, operator, system_clock(), Health::starting(), Default::default()).await?;
//! assert_eq!(app.log().head(), 2, "the default project and its name");
//! let router = service::recovered_service(app);
//! # drop(router);
//! # Ok(())
//! # }
//! ```

pub mod access;
mod answer;
pub mod app;
pub mod archive;
pub mod cli;
pub mod config;
pub mod connections;
pub mod events;
pub mod extract;
mod halt;
pub mod headers;
pub mod health;
mod latency;
pub mod layers;
mod logging;
mod lookup;
mod mentions;
pub mod nodes;
mod overrides;
pub mod own_identity;
mod page;
pub mod problem;
pub mod refusal;
pub mod requests;
mod route;
mod routes;
pub mod seed;
pub mod serve;
pub mod service;
pub mod span;
pub mod store_url;
mod web;
pub mod webhook;
pub mod workers;
mod write;

/// A write allocates on one thread and is freed on another, the writer of the log, and the C library's allocators make
/// the threads wait for each other over that. Without huge pages (`no_thp`), which make a small server a large one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
