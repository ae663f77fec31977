//! `mission-control archive`: tasks that have been closed for long leave the board and the lists.

use std::{fmt, path::Path};

use clap::Args;
use mc_domain::{actor::Actor, reach::Reach};
use mc_store::{error::StoreError, sqlite};
use serde::Serialize;
use serde_json::json;

use super::{
    Failure,
    client::Client,
    store::{self, Output, at_rest, count, failed, one_thread},
};
use crate::{
    access::Caller,
    app::App,
    archive::archive_closed,
    config::{self, LogOptions, OperatorOptions, StoreOptions},
    extract::IfMatch,
    refusal::Refused,
    serve::reachable,
    span::Span,
};

pub(super) const HELP: &str = "\
Examples:
  mission-control archive --older-than=90d                  Archive what was done or canceled 90 days ago or longer
  mission-control archive --older-than=30d --server http://127.0.0.1:8080

An archived task is not on the board and not in the lists, and everything else stays as it was: it is found by its id and by
GET /api/tasks?archived=true, is in every export and backup, and comes back with POST /api/tasks/{task}/restore. Nothing is
deleted. While a server has the store, the command asks that server to do it, and no other one: --server is only needed
where that server cannot be reached at the address it listens on.

Exit status: 0 success, 1 the store or the server cannot be reached, 2 wrong usage.";

/// The age from which tasks are archived, and the store that has them.
#[derive(Debug, Clone, Args)]
pub(super) struct ArchiveOptions {
    /// How long a task must have been done or canceled: a number with d, h, m or s.
    #[arg(long, value_name = "SPAN", default_value = "90d")]
    older_than: Span,

    #[command(flatten)]
    store: StoreOptions,

    #[command(flatten)]
    operator: OperatorOptions,

    /// The server to ask when it has the store; otherwise the one that says it has it.
    #[arg(long, env = "MC_SERVER", value_name = "URL", value_parser = config::server)]
    server: Option<String>,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    pub(super) log: LogOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    archived: usize,
    older_than: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { archived, older_than } = self;
        write!(
            f,
            "{} archived that had been closed for {older_than} or longer",
            count(*archived as u64, "task")
        )
    }
}

/// Archives in the store itself, or through the server that has it open, and prints how many.
pub(super) fn run(options: &ArchiveOptions) -> Result<(), Failure> {
    let path = store::existing_file(&options.store)?;
    let operator = Actor::Human(options.operator.operator.clone());
    let archive = async |app: &App| {
        let call = app.call(&Caller::anybody(), None, operator, None, IfMatch::Any);
        archive_closed(app, options.older_than, &Reach::All, &call).await
    };
    let archived = match one_thread()?.block_on(at_rest(&options.store, &options.operator, archive)) {
        Ok(tasks) => tasks.len(),
        Err(Refused::Store(StoreError::Locked { .. })) => by_server(options, path)?,
        Err(Refused::Store(error)) => return Err(failed(&options.store, error)),
        Err(refused) => return Err(Failure::new(refused, None)),
    };
    options.output.print(&Outcome { archived, older_than: options.older_than.to_string() })
}

fn by_server(options: &ArchiveOptions, path: &Path) -> Result<usize, Failure> {
    let client = server_of(options, path)?;
    let request = json!({ "olderThan": options.older_than.to_string() });
    let answer = client.post("/api/maintenance/archive", &request)?;
    Ok(answer["archived"].as_u64().and_then(|archived| usize::try_from(archived).ok()).unwrap_or_default())
}

/// The server that has the store open, by what the lock of the store says; no other one is asked.
fn server_of(options: &ArchiveOptions, path: &Path) -> Result<Client, Failure> {
    let Some(holder) = sqlite::holder(path) else {
        let advice = "Wait until that ends, and try again".to_owned();
        let what = format!("the store {} is in use by a process that is no server", path.display());
        return Err(Failure::new(what, Some(advice)));
    };
    let listens = || match holder.listen.parse().map(reachable) {
        Ok(address) => format!("http://{address}"),
        Err(_) => format!("http://{}", holder.listen),
    };
    let server = options.server.clone().unwrap_or_else(listens);
    let client = Client::new(&server);
    if client.get("/readyz")?["store"] == json!(holder.id) {
        return Ok(client);
    }
    let advice = "Name the server that has it with --server, or the other store with --store".to_owned();
    Err(Failure::new(
        format!("the server at {server} has another store than {}", path.display()),
        Some(advice),
    ))
}
