//! What the commands that work on a store at rest have in common.

use std::{fmt, io, io::Write, sync::Arc};

use clap::Args;
use mc_store::Store;
use serde::Serialize;
use serde_json::json;
use tokio::runtime::{self, Runtime};
use tokio_util::sync::CancellationToken;

use super::{Failure, client::Client, place::Place};
use crate::{
    app::{App, system_clock},
    config::{self, CredentialOptions, OperatorOptions, StoreOptions},
    health::Health,
    refusal::Refused,
    serve::reachable,
};

/// How the outcome of a subcommand is printed: for people or as JSON.
#[derive(Debug, Clone, Args)]
pub(super) struct Output {
    /// Print the outcome as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

impl Output {
    /// Prints the outcome, to standard output.
    pub(super) fn print(&self, outcome: &(impl Serialize + fmt::Display)) -> Result<(), Failure> {
        let text = match self.json {
            true => serde_json::to_string(outcome).map_err(|error| Failure::new(error, None))?,
            false => outcome.to_string(),
        };
        match writeln!(io::stdout(), "{text}") {
            // Whoever wanted to read it has gone.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            printed => printed.map_err(|error| Failure::new(error, None)),
        }
    }
}

/// What a command that works on a store by itself runs on. One thread: what follows the log ends before the log does, and
/// finds nothing odd.
pub(super) fn one_thread() -> Result<Runtime, Failure> {
    runtime::Builder::new_current_thread().enable_all().build().map_err(|error| Failure::new(error, None))
}

/// Opens a store, which no server has unless it is a database, works on it, and closes it.
pub(super) async fn at_rest<T>(
    store: &StoreOptions,
    operator: &OperatorOptions,
    work: impl AsyncFnOnce(&App) -> Result<T, Refused>,
) -> Result<T, Refused> {
    let log = Store::open(store.store.reveal())?;
    let (health, shutdown) = (Health::starting(), CancellationToken::new());
    let operator = operator.operator.clone();
    let app = App::recover(Arc::clone(&log), operator, system_clock(), health, shutdown).await?;
    let done = work(&app).await;
    drop(app);
    log.close().await;
    done
}

/// The server that is asked where it has the store, and what it is shown.
#[derive(Debug, Clone, Args)]
pub(super) struct HolderOptions {
    /// The server to ask when it has the store; otherwise the one that says it has it.
    #[arg(long, env = "MC_SERVER", value_name = "URL", value_parser = config::server)]
    server: Option<String>,

    #[command(flatten)]
    credential: CredentialOptions,
}

impl HolderOptions {
    /// The server that has the store open, by what the lock of the store says. No other one is asked, and none but this one
    /// sees the credential.
    pub(super) fn client(&self, place: Place<'_>) -> Result<Client, Failure> {
        let secret = self.credential.secret()?;
        let Some(holder) = place.holder() else {
            let advice = "Wait until that ends, and try again".to_owned();
            let what = format!("the store {place} is in use by a process that is no server");
            return Err(Failure::new(what, Some(advice)));
        };
        let client = Client::new(&self.server.clone().unwrap_or_else(|| url_of(&holder.listen)));
        if client.get("/readyz")?["store"] == json!(holder.id) {
            return Ok(client.bearing(secret.as_ref()));
        }
        let advice = "Name the server that has it with --server, or the other store with --store".to_owned();
        let what = format!("the server at {} has another store than {place}", client.base());
        Err(Failure::new(what, Some(advice)))
    }
}

/// Where a client of this machine reaches the server that says it listens there.
pub(super) fn url_of(listen: &str) -> String {
    match listen.parse().map(reachable) {
        Ok(address) => format!("http://{address}"),
        Err(_) => format!("http://{listen}"),
    }
}

/// A count with its noun, in the plural unless it is one.
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
