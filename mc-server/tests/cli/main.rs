//! The program as a whole: what it prints, where, how it ends, and what it never loses.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod connections;
mod crash;
mod credentials;
mod exposure;
mod life;
mod program;
mod store;
mod usage;
