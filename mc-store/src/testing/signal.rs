//! Signals to a server and its processes.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Sends a signal to a process; nothing happens when it is gone.
pub(super) fn send(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let _ = kill_process(process.expect("a process has a positive number"), signal);
}

/// The processes that a process has started and that have not ended; none on a system that does not list them, where
/// those of PostgreSQL end by themselves soon after the first.
pub(super) fn children(process: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Stops a process from starting others, then sends a signal to those it has started, and last to itself.
pub(super) fn send_to_all(process: u32, signal: Signal) {
    send(process, Signal::STOP);
    for child in children(process) {
        send(child, signal);
    }
    send(process, signal);
}
