//! `mission-control credential list`.

use std::fmt;

use clap::Args;
use mc_projections::{page::MAX_LIMIT, views::Views};
use serde::Serialize;
use serde_json::Value;

use super::unless_held;
use crate::{
    app::App,
    cli::{
        Failure,
        place::Place,
        store::{HolderOptions, Output, at_rest, count, one_thread},
    },
    config::{LogOptions, OperatorOptions, StoreOptions},
    problem::{Kind, Problem},
};

/// Which credentials are listed.
#[derive(Debug, Clone, Args)]
pub(super) struct ListOptions {
    /// List those as well that were revoked.
    #[arg(long)]
    all: bool,

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

/// Credentials as REST answers them.
#[derive(Serialize)]
#[serde(transparent)]
struct Listed(Vec<Value>);

/// Lists them, by what the store says or the server that has it.
pub(super) fn run(options: &ListOptions) -> Result<(), Failure> {
    let place = Place::existing(&options.store.store)?;
    let list = async |app: &App| {
        let now = app.now();
        Ok(app.read(|views| listed(views, options.all, now)).await??)
    };
    let done = one_thread()?.block_on(at_rest(&options.store, &options.operator, list));
    let credentials = match unless_held(&options.store, done)? {
        Some(credentials) => credentials,
        None => by_server(options, place)?,
    };
    options.output.print(&Listed(credentials))
}

fn listed(views: &Views, all: bool, now: chrono::DateTime<chrono::Utc>) -> Result<Vec<Value>, Problem> {
    let ids = views.credentials.ids(all).into_iter();
    let all = ids.filter_map(|id| views.credentials.view(id, &views.agents, now, None));
    all.map(|view| serde_json::to_value(view).map_err(|_| Problem::of(Kind::Internal))).collect()
}

fn by_server(options: &ListOptions, place: Place<'_>) -> Result<Vec<Value>, Failure> {
    let client = options.holder.client(place)?;
    let all = if options.all { "&all=true" } else { "" };
    client.get_all(&format!("/api/credentials?limit={MAX_LIMIT}{all}"))
}

/// The columns, with the field of each.
const COLUMNS: [(&str, &str); 8] = [
    ("ID", "id"),
    ("NAME", "name"),
    ("ROLE", "role"),
    ("STATUS", "status"),
    ("EXPIRES", "expiresAt"),
    ("LAST USED", "lastUsedAt"),
    ("AGENT", "agentId"),
    ("PROJECTS", "projectIds"),
];

impl fmt::Display for Listed {
    /// A table whose columns are as wide as what is in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = COLUMNS.map(|(head, _)| head.to_owned());
        let rows = self.0.iter().map(|credential| COLUMNS.map(|(_, field)| cell(field, &credential[field])));
        let rows: Vec<_> = std::iter::once(heads).chain(rows).collect();
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
        for row in rows.iter().filter(|_| !self.0.is_empty()) {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        write!(f, "{}", count(self.0.len() as u64, "credential"))
    }
}

/// A field as a cell of the table; times to the minute.
fn cell(field: &str, value: &Value) -> String {
    match (field, value) {
        ("projectIds", Value::Array(ids)) => {
            ids.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        ("projectIds", _) => "all".to_owned(),
        ("expiresAt" | "lastUsedAt", Value::String(at)) => {
            at.get(..16).map_or_else(|| at.clone(), |minute| format!("{}Z", minute.replace('T', " ")))
        }
        ("expiresAt" | "lastUsedAt", _) => "never".to_owned(),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Null) => "-".to_owned(),
        (_, other) => other.to_string(),
    }
}
