//! The edge of Mission Control: REST, command line and workers. Thin: it parses, asks the rules, and renders.

pub mod extract;
pub mod layers;
pub mod problem;
