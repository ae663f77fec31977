//! `mission-control verify-db`: is the store as it has to be?

use std::{fmt, path::Path};

use clap::Args;
use mc_store::{
    sqlite::SqliteInspection,
    verify::{Report, verify},
};
use serde::Serialize;

use super::{
    Failure,
    store::{self, Meter, Output, count},
};
use crate::config::{LogOptions, StoreOptions};

pub(super) const HELP: &str = "\
Examples:
  mission-control verify-db                                    Check data/mission-control.db
  mission-control verify-db --store sqlite:/mnt/copy.db --json  Check a copy, and tell a program about it

It reads every row: whether the database is sound, whether events are missing from the log or from a stream, whether every
event can be read and every stream folded, whether idempotency keys lead to where they should. Nothing is changed, and a
server may go on working meanwhile.

Exit status: 0 all is well, 1 something is wrong, or the store cannot be read.";

/// What to verify.
#[derive(Debug, Clone, Args)]
pub(super) struct VerifyOptions {
    #[command(flatten)]
    store: StoreOptions,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    pub(super) log: LogOptions,
}

#[derive(Serialize)]
struct Outcome<'a> {
    file: &'a Path,
    sound: bool,
    #[serde(flatten)]
    report: &'a Report,
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, report) = (self.file.display(), self.report);
        for finding in &report.findings {
            writeln!(f, "{finding}")?;
        }
        let listed = report.findings.len() as u64;
        if report.findings_total > listed {
            writeln!(f, "and {} more", report.findings_total - listed)?;
        }
        let (events, streams) = (count(report.events, "event"), count(report.streams, "stream"));
        let keys = count(report.idempotency_keys, "idempotency key");
        let verdict = match report.findings_total {
            0 => "all is well".to_owned(),
            problems => count(problems, "problem"),
        };
        write!(f, "{file}: {events} in {streams}, {keys}: {verdict}")
    }
}

/// Verifies the store and prints the report.
pub(super) fn run(options: &VerifyOptions) -> Result<(), Failure> {
    let path = store::file(&options.store)?;
    let inspection = SqliteInspection::open(path).map_err(|error| store::failed(&options.store, error))?;
    let mut meter = Meter::new("verify");
    let report = verify(&inspection, &mut |done, of| meter.tell(done, of));
    drop(meter);
    options.output.print(&Outcome { file: path, sound: report.is_sound(), report: &report })?;
    if report.is_sound() {
        return Ok(());
    }
    let advice = "Stop the server and restore a backup: mission-control restore --backup=./backups/latest.json --replace";
    let sentence = format!("the store {} has {}", path.display(), count(report.findings_total, "problem"));
    Err(Failure::new(sentence, Some(advice.to_owned())))
}
