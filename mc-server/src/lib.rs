//! The edge of Mission Control: REST, command line and workers. Thin: it parses, asks the rules, and renders.
//!
//! [`routes`] has the whole table of the interface, [`state::App`] is what every handler works with, [`workers`] are the
//! loops that act on time, and [`serve`] puts them together. A server in a process of one's own is a router:
//!
//! ```
//! use std::sync::Arc;
//!
//! use mc_domain::values::Name;
//! use mc_server::{health::Health, routes, state::{App, system_clock}};
//! use mc_store::memory::MemoryLog;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (log, operator) = (Arc::new(MemoryLog::new()), Name::new("Sofie")?);
//! let app = App::recover(log, operator, system_clock(), Health::starting(), Default::default()).await?;
//! assert_eq!(app.log().head(), 2, "the default project and its name");
//! let router = routes::recovered_service(app);
//! # drop(router);
//! # Ok(())
//! # }
//! ```

mod answer;
pub mod archive;
pub mod cli;
pub mod config;
pub mod connections;
mod decide;
pub mod events;
pub mod extract;
pub mod health;
mod latency;
pub mod layers;
mod lookup;
mod mentions;
pub mod problem;
mod refusal;
pub mod requests;
pub mod routes;
pub mod seed;
pub mod serve;
pub mod span;
pub mod state;
mod turns;
pub mod webhook;
pub mod workers;

/// A write allocates on one thread and is freed on another, the writer of the log, and the C library's allocators make
/// the threads wait for each other over that. Without huge pages (`no_thp`), which make a small server a large one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
