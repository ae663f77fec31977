//! `mission-control copy`: the log in another store, of the same kind or of another.

use std::fmt;

use clap::Args;
use mc_store::{
    copy::{self, Copied, CopyError, Stage},
    error::StoreError,
};
use serde::Serialize;

use super::{
    Failure,
    place::{Place, failed},
    progress::Meter,
    store::{Output, count, one_thread},
    verify_db::unsound,
};
use crate::{
    config::{LogOptions, NoCredentialOptions},
    store_url::StoreUrl,
};

pub(super) const HELP: &str = "\
Examples:
  createdb missions
  mission-control copy --from sqlite:data/mission-control.db --to postgres://db/missions     To a database on a server
  mission-control copy --from postgres://db/missions --to sqlite:data/copy.db --json         And back

Every event keeps its position, its time and its payload, every idempotency key its answer. The source is verified first, and
may be served meanwhile: copied is the log as it is when the command begins. Run it again to bring over what was recorded since:
a destination that holds the beginning of the source, and nothing else, is continued, at once or not at all. Any other
destination is refused and stays as it is. To move, stop the servers, run it once more, and start them on the destination.

A copy that was killed goes on where it was when it runs again; until it has ended no server opens the destination (a new file
is called <name>.copying until then). At the end the whole destination is read back and compared with the source; the SHA-256
is of both. No server may have the destination open.

An address with a password belongs in MC_COPY_FROM or MC_COPY_TO, or the password in ~/.pgpass (PGPASSFILE).

Exit status: 0 both are the same, 1 the copy has not ended, 2 wrong usage.";

/// From where to where.
#[derive(Debug, Clone, Args)]
pub(super) struct CopyOptions {
    /// The store to copy: sqlite:PATH or postgres://USER@HOST/DATABASE.
    #[arg(long, env = "MC_COPY_FROM", hide_env_values = true, value_name = "URL")]
    from: StoreUrl,

    /// The store that is made or continued: sqlite:PATH or postgres://USER@HOST/DATABASE.
    #[arg(long, env = "MC_COPY_TO", hide_env_values = true, value_name = "URL")]
    to: StoreUrl,

    #[command(flatten)]
    _credential: NoCredentialOptions,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    pub(super) log: LogOptions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    from: Place<'a>,
    to: Place<'a>,
    events: u64,
    /// How many of them were in the destination before.
    events_before: u64,
    idempotency_keys: u64,
    sha256: String,
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, sha256, .. } = self;
        let (events, keys) = (count(self.events, "event"), count(self.idempotency_keys, "idempotency key"));
        writeln!(f, "{to}: {events} and {keys}, {} of them new", self.events - self.events_before)?;
        write!(f, "It is the same as {from}, by SHA-256 {sha256}")
    }
}

/// Copies, compares, and prints what both have.
pub(super) fn run(options: &CopyOptions) -> Result<(), Failure> {
    let CopyOptions { from, to, .. } = options;
    let (source, destination) = (Place::existing(from)?, Place::of(to)?);
    let log = source.reader().map_err(|error| failed(from, error))?;
    // Looked for after the log was opened, so nothing escapes it.
    let report = source.verify("verify the source").map_err(|error| failed(from, error))?;
    if let Some(unsound) = unsound(from, &report) {
        return Err(unsound);
    }
    let mut meters = Meters { stage: None, meter: None };
    let copied = one_thread()?.block_on(copy::copy(&*log, to.reveal(), &mut |stage, done, of| {
        meters.tell(stage, done, of);
    }));
    drop(meters);
    let Copied { events, idempotency_keys, events_before, sha256 } =
        copied.map_err(|error| refused(options, error))?;
    options.output.print(&Outcome {
        from: source,
        to: destination,
        events,
        events_before,
        idempotency_keys,
        sha256,
    })
}

/// One meter after the other, for each stage of the copy.
struct Meters {
    stage: Option<Stage>,
    meter: Option<Meter>,
}

impl Meters {
    fn tell(&mut self, stage: Stage, done: u64, of: u64) {
        if self.stage != Some(stage) {
            self.stage = Some(stage);
            // The last one goes before the next one is drawn.
            self.meter = None;
        }
        let what = match stage {
            Stage::Resuming => "compare what is there",
            Stage::Copying => "copy",
            Stage::Verifying => "compare",
        };
        self.meter.get_or_insert_with(|| Meter::new(what)).tell(done, of);
    }
}

fn refused(CopyOptions { from, to, .. }: &CopyOptions, error: CopyError) -> Failure {
    let advice = match error {
        CopyError::Source(error) => return failed(from, error),
        CopyError::Destination(error @ StoreError::Locked { .. }) => {
            return Failure::new(error, Some("Stop the servers that use it first".to_owned()));
        }
        CopyError::Destination(error @ StoreError::Occupied { .. }) => {
            return Failure::new(error, Some("Name another destination with --to".to_owned()));
        }
        CopyError::Destination(error) => return failed(to, error),
        CopyError::OtherLog(_) if to.is_database() => {
            "Nothing was changed. Name an empty database with --to, such as a new one, made with createdb"
        }
        CopyError::OtherLog(_) => "Nothing was changed. Name another file with --to",
        CopyError::Unsuitable { .. } => {
            "What was copied before stays, and no server opens it unless it was a whole log before. Name a file with --to instead"
        }
        CopyError::Unequal(_) => "No server opens what was copied. Name a new destination with --to",
    };
    Failure::new(error, Some(advice.to_owned()))
}
