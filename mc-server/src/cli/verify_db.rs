//! `mission-control verify-db`: verifies that the store is complete and undamaged.

use std::{fmt, path::Path};

use clap::Args;
use mc_store::verify::{Finding, Problem, Report};
use serde::Serialize;

use super::{
    Failure,
    place::{Place, failed},
    store::{Output, count},
};
use crate::{
    config::{LogOptions, NoCredentialOptions, StoreOptions},
    serve::restore_command,
    store_url::StoreUrl,
};

pub(super) const HELP: &str = "\
Examples:
  mission-control verify-db                                    Check data/mission-control.db
  mission-control verify-db --store sqlite:/mnt/copy.db --json  Check a copy, and tell a program about it
  mission-control verify-db --store postgres://auditor@db/missions   Check a database on a server

It reads every row: whether the database is sound, whether events are missing from the log or from a stream or are there
twice, whether every event can be read and may come where it is, whether every stream can be folded, whether idempotency
keys lead to where they should. It warns of times in the future, of events of other services, and of what a server puts
back by itself, and of events that were there when the store was last written to and are no longer. Nothing is changed, and
a server may go on working meanwhile. The store may be on media that can only be read, as long as it was closed well.

What it cannot find is a text that somebody rewrote by hand and left readable: events are not chained by hashes. A backup
is: compare with one where that matters.

Exit status: 0 all is well, 1 something is wrong, or the store cannot be read.";

/// The store to verify, and the form of the report.
#[derive(Debug, Clone, Args)]
pub(super) struct VerifyOptions {
    #[command(flatten)]
    store: StoreOptions,

    #[command(flatten)]
    _credential: NoCredentialOptions,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    pub(super) log: LogOptions,
}

#[derive(Serialize)]
struct Outcome<'a> {
    store: Place<'a>,
    /// Nothing for a database on a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Path>,
    sound: bool,
    #[serde(flatten)]
    report: &'a Report,
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (store, report) = (self.store, self.report);
        for finding in &report.findings {
            writeln!(f, "{finding}")?;
        }
        unlisted(f, report.findings_total, &report.findings)?;
        for warning in &report.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        unlisted(f, report.warnings_total, &report.warnings)?;
        if report.foreign_events > 0 {
            let foreign = count(report.foreign_events, "event");
            writeln!(
                f,
                "warning: {foreign} of aggregates that are none of Mission Control, not looked into"
            )?;
        }
        let (events, streams) = (count(report.events, "event"), count(report.streams, "stream"));
        let keys = count(report.idempotency_keys, "idempotency key");
        let verdict = match (report.findings_total, report.warnings_total) {
            (0, 0) => "all is well".to_owned(),
            (0, warnings) => format!("no damage, {}", count(warnings, "warning")),
            (problems, _) => count(problems, "problem"),
        };
        write!(f, "{store}: {events} in {streams}, {keys}: {verdict}")
    }
}

/// How many more there are than are listed.
fn unlisted(f: &mut fmt::Formatter<'_>, total: u64, listed: &[Finding]) -> fmt::Result {
    match total - listed.len() as u64 {
        0 => Ok(()),
        more => writeln!(f, "and {more} more"),
    }
}

/// Verifies the store and prints the report.
pub(super) fn run(options: &VerifyOptions) -> Result<(), Failure> {
    let url = &options.store.store;
    let store = Place::existing(url)?;
    let report = store.verify("verify").map_err(|error| failed(url, error))?;
    let (file, sound) = (store.file(), report.is_sound());
    options.output.print(&Outcome { store, file, sound, report: &report })?;
    unsound(url, &report).map_or(Ok(()), Err)
}

/// The failure of a command on a store in which something is wrong.
pub(super) fn unsound(url: &StoreUrl, report: &Report) -> Option<Failure> {
    let first = report.findings.first()?;
    let advice = match report.findings.iter().find(|finding| finding.problem == Problem::Newer) {
        Some(_) => "Use the newer version of mission-control that wrote it".to_owned(),
        None => format!("Stop the server and restore a backup: {}", restore_command(url)),
    };
    let problems = count(report.findings_total, "problem");
    let place = Place::of(url).map_or_else(|_| url.to_string(), |place| place.to_string());
    let sentence = format!("the store {place} has {problems}, the first: {first}");
    Some(Failure::new(sentence, Some(advice)))
}
