//! The edge of Mission Control: REST, command line and workers. Thin: it parses, asks the rules, and renders.

pub mod events;
pub mod extract;
pub mod health;
pub mod layers;
pub mod problem;
pub mod routes;
pub mod state;
