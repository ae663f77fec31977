//! The log of the program itself, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogFormat, LogOptions};

/// Logs from now on. A second start changes nothing.
pub(super) fn start(options: &LogOptions) {
    let filter = EnvFilter::new(&options.filter);
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(!plain && io::stderr().is_terminal())
        .log_internal_errors(false);
    let started = match options.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).try_init(),
    };
    // It has started before, in a test of this process.
    let _ = started;
}
