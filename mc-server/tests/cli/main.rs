//! The program as a whole: what it prints, where, how it ends, and what it never loses.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod connections;
mod copy;
mod crash;
mod credentials;
mod database;
mod exposure;
mod life;
mod passwords;
mod program;
mod sql;
mod store;
mod usage;
