//! Several servers on one database, under load, while everything breaks that can: nothing that was acknowledged is lost or there
//! twice, whoever asks again is answered the same, races have one winner, and all nodes show the same.
//!
//! `NODES_SEED=7 NODES_SECONDS=60 cargo test -p mc-server --test nodes -- --nocapture` repeats the clients' choices of a run,
//! lets them work for a minute in each trial, and prints the figures.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod checks;
mod client;
mod cluster;
mod faults;
mod figures;
mod follower;
mod ledger;
mod load;
mod node;
mod random;
mod trial;
mod wire;
mod witness;
