//! `mission-control archive`: tasks that have been closed for long leave the board and the lists.

use std::fmt;

use clap::Args;
use mc_domain::{actor::Actor, reach::Reach};
use mc_store::error::StoreError;
use serde::Serialize;
use serde_json::json;

use super::{
    Failure,
    place::{Place, failed},
    store::{HolderOptions, Output, at_rest, count, one_thread},
};
use crate::{
    access::Caller,
    app::App,
    archive::archive_closed,
    config::{LogOptions, OperatorOptions, StoreOptions},
    extract::IfMatch,
    refusal::Refused,
    span::Span,
};

pub(super) const HELP: &str = "\
Examples:
  mission-control archive --older-than=90d                  Archive what was done or canceled 90 days ago or longer
  mission-control archive --older-than=30d --server http://127.0.0.1:8080

An archived task is not on the board and not in the lists, and everything else stays as it was: it is found by its id and by
GET /api/tasks?archived=true, is in every export and backup, and comes back with POST /api/tasks/{task}/restore. Nothing is
deleted. While a server has the store, the command asks that server to do it, and no other one: --server is only needed
where that server cannot be reached at the address it listens on. In a database on a server it works beside the servers. From the first credential on the server asks for one of
an operator: --credential-file.

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

    #[command(flatten)]
    holder: HolderOptions,

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
    let place = Place::existing(&options.store.store)?;
    let operator = Actor::Human(options.operator.operator.clone());
    let archive = async |app: &App| {
        let call = app.call(&Caller::anybody(), None, operator, None, IfMatch::Any);
        archive_closed(app, options.older_than, &Reach::All, &call).await
    };
    let archived = match one_thread()?.block_on(at_rest(&options.store, &options.operator, archive)) {
        Ok(tasks) => tasks.len(),
        Err(Refused::Store(StoreError::Locked { .. })) => by_server(options, place)?,
        Err(Refused::Store(error)) => return Err(failed(&options.store.store, error)),
        Err(refused) => return Err(Failure::new(refused, None)),
    };
    options.output.print(&Outcome { archived, older_than: options.older_than.to_string() })
}

fn by_server(options: &ArchiveOptions, place: Place<'_>) -> Result<usize, Failure> {
    let client = options.holder.client(place)?;
    let request = json!({ "olderThan": options.older_than.to_string() });
    let answer = client.post("/api/maintenance/archive", &request)?;
    Ok(answer["archived"].as_u64().and_then(|archived| usize::try_from(archived).ok()).unwrap_or_default())
}
