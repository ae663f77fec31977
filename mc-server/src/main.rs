//! `mission-control`: serves, and works on the log.

use std::process::ExitCode;

fn main() -> ExitCode {
    mc_server::cli::run(std::env::args_os())
}
