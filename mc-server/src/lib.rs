//! The edge of Mission Control: REST, command line and workers. Thin: it parses, asks the rules, and renders.

mod answer;
pub mod archive;
pub mod cli;
pub mod config;
mod decide;
pub mod events;
pub mod extract;
pub mod health;
mod latency;
pub mod layers;
mod lookup;
pub mod problem;
mod refusal;
pub mod requests;
pub mod routes;
pub mod seed;
pub mod serve;
pub mod span;
pub mod state;
pub mod workers;

/// A write allocates on one thread and is freed on another, the writer of the log, and the C library's allocators make
/// the threads wait for each other over that. Without huge pages (`no_thp`), which make a small server a large one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
