//! `mission-control health`: asks a server whether it is well, and says so by its exit status.

use std::fmt;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{Failure, client::Client, store::Output};
use crate::config::{self, DEFAULT_SERVER, LogOptions, NoCredentialOptions};

pub(super) const HELP: &str = "\
Examples:
  mission-control health                                       Ask http://127.0.0.1:3000
  mission-control health --server http://127.0.0.1:8080 --json

It needs no credential and shows none. Made for the health check of a container.

Exit status: 0 it is well, 1 a part of it fails, it still reads its log, or it does not answer, 2 wrong usage.";

/// The server that is asked.
#[derive(Debug, Clone, Args)]
pub(super) struct HealthOptions {
    /// The address of the server.
    #[arg(long, env = "MC_SERVER", value_name = "URL", default_value = DEFAULT_SERVER, value_parser = config::server)]
    server: String,

    #[command(flatten)]
    _credential: NoCredentialOptions,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    pub(super) log: LogOptions,
}

/// What `GET /health` answers.
#[derive(Serialize)]
#[serde(transparent)]
struct Report(Value);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.0["services"].as_object().into_iter().flatten();
        let services: Vec<_> = services
            .map(|(service, state)| format!("{service} {}", state.as_str().unwrap_or("unknown")))
            .collect();
        write!(f, "{}: {}", self.status(), services.join(", "))
    }
}

impl Report {
    fn status(&self) -> &str {
        self.0["status"].as_str().unwrap_or("unknown")
    }
}

/// Asks, prints the answer, and fails where it is not well.
pub(super) fn run(options: &HealthOptions) -> Result<(), Failure> {
    let client = Client::new(&options.server);
    let answer = client.try_get("/health")?;
    if answer.body["services"].is_null() {
        return answer.accepted().map(drop);
    }
    let (is_well, report) = (answer.is_success(), Report(answer.body));
    options.output.print(&report)?;
    if is_well {
        return Ok(());
    }
    Err(Failure::new(format!("the server at {} is not well: {}", client.base(), report.status()), None))
}
