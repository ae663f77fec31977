//! The files for containers: what they say is checked here, and what they start is started, without a container engine.
//!
//! No engine runs where these tests do. So nothing here shows that an image builds or that a network joins two containers;
//! what can be known without one is tested: every path, variable, option and subcommand in the files is one there is, and the
//! commands of both services do what they are for, with the container's paths in a directory of their own.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod compose;
mod dockerfile;
mod lint;
mod start;

use std::path::{Path, PathBuf};

/// The directory that the files for containers are in.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// One of those files.
fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}
