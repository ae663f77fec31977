//! `mission-control workers`: follows the workers of a running server, and logs a line for each of their turns.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use clap::Args;
use serde_json::Value;

use super::{Failure, client::Client};
use crate::{
    config::{self, CredentialOptions, DEFAULT_SERVER, LogOptions},
    serve::Signals,
    workers::{LINES, Line},
};

/// How often the server is asked; the workers take turns of ten seconds and more.
const EVERY: Duration = Duration::from_secs(5);

pub(super) const HELP: &str = "\
Examples:
  mission-control workers
  mission-control workers --server http://api:3000 --credential-file operator-credential | grep HeartbeatMonitor
  mission-control workers --log debug                          Every worker, also those that say little
  mission-control workers --once                               What each did last, and no more

The workers are a part of the server: one process has the store. This command asks the server every five seconds when each of
them took its last turn, and logs the line that the server logs itself. So the log of a container shows the workers alone. A
worker that is late is an ERROR, a server that does not answer a WARN, and both are told again when they are over.

A server that asks for credentials tells of its workers to operators, auditors and monitors only: --credential-file.

Ctrl-C and SIGTERM end it at once.

Exit status: 0 it ended as asked, 1 the credential cannot be used, or with --once there is no answer, 2 wrong usage.";

/// The server whose workers are followed.
#[derive(Debug, Clone, Args)]
pub(super) struct WorkersOptions {
    /// The address of the server.
    #[arg(long, env = "MC_SERVER", value_name = "URL", default_value = DEFAULT_SERVER, value_parser = config::server)]
    server: String,

    /// Ask once, log what each worker did last, and end.
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    credential: CredentialOptions,

    #[command(flatten)]
    pub(super) log: LogOptions,
}

/// Follows the workers until a signal ends it.
pub(super) fn run(options: &WorkersOptions) -> Result<(), Failure> {
    let client = Client::new(&options.server).bearing(options.credential.secret()?.as_ref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(error, None))?;
    let ended = runtime.block_on(follow(Arc::new(client), options.once));
    // A call may be under way that nobody waits for any more.
    runtime.shutdown_background();
    ended
}

async fn follow(client: Arc<Client>, once: bool) -> Result<(), Failure> {
    let mut signals = Signals::listen().map_err(|error| Failure::new(error, None))?;
    let mut seen = Seen::default();
    loop {
        let asking = Arc::clone(&client);
        let asked = tokio::task::spawn_blocking(move || asking.try_get("/health"));
        let answer = tokio::select! {
            asked = asked => asked.unwrap_or_else(|panicked| Err(Failure::new(panicked, None))),
            () = signals.next() => return Ok(()),
        };
        match answer {
            Ok(answer) => seen.look(&answer.body),
            Err(failure) if once => return Err(failure),
            Err(failure) => seen.lose(&failure),
        }
        if once {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = signals.next() => return Ok(()),
        }
    }
}

/// What was told already, so that nothing is told twice.
#[derive(Default)]
struct Seen {
    ticks: BTreeMap<String, String>,
    late: BTreeMap<String, bool>,
    is_lost: bool,
    is_silent: bool,
}

impl Seen {
    /// Tells what is new in the server's report.
    fn look(&mut self, report: &Value) {
        if std::mem::take(&mut self.is_lost) {
            tracing::info!("the server answers again");
        }
        let workers = report["workers"].as_object();
        let is_silent = workers.is_none();
        if is_silent && !self.is_silent {
            tracing::warn!(
                "the server tells nothing of its workers: it takes the credential of an operator, an auditor or a monitor, \
                 in --credential-file"
            );
        }
        self.is_silent = is_silent;
        for (name, worker) in workers.into_iter().flatten() {
            self.look_at(name, worker);
        }
    }

    fn look_at(&mut self, name: &str, worker: &Value) {
        if let Some(tick) = worker["lastTick"].as_str()
            && self.ticks.get(name).is_none_or(|seen| seen != tick)
        {
            self.ticks.insert(name.to_owned(), tick.to_owned());
            tell(name, tick);
        }
        let is_late = worker["late"] == true;
        let was_late = self.late.insert(name.to_owned(), is_late).unwrap_or_default();
        match (was_late, is_late) {
            (false, true) => {
                tracing::error!(worker = name, "the worker misses its turns, or is behind with its work")
            }
            (true, false) => tracing::info!(worker = name, "the worker is in time again"),
            (true, true) | (false, false) => {}
        }
    }

    /// Tells that there is no answer, once.
    fn lose(&mut self, failure: &Failure) {
        if !std::mem::replace(&mut self.is_lost, true) {
            tracing::warn!("{failure}");
        }
    }
}

/// The line that the server logs at such a turn.
fn tell(name: &str, tick: &str) {
    match LINES.iter().find(|line| line.worker == name) {
        Some(Line { says, is_told: true, .. }) => tracing::info!(at = tick, "{says}"),
        Some(Line { says, is_told: false, .. }) => tracing::debug!(at = tick, "{says}"),
        None => tracing::info!(worker = name, at = tick, "took its turn"),
    }
}
