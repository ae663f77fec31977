//! The edge of Mission Control: REST, command line and workers. Thin: it parses, asks the rules, and renders.

mod answer;
pub mod cli;
pub mod config;
mod decide;
pub mod events;
pub mod extract;
pub mod health;
pub mod layers;
mod lookup;
pub mod problem;
mod refusal;
pub mod routes;
pub mod seed;
pub mod serve;
pub mod state;
pub mod workers;
