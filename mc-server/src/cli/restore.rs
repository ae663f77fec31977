//! `mission-control restore`: a store made from a backup.

use std::{
    fmt,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use clap::Args;
use mc_store::{
    backup::{self, BackupError, Import, Summary},
    error::StoreError,
    postgres::PostgresImport,
    sqlite::{Existing, SqliteImport},
};
use serde::Serialize;

use super::{
    Failure,
    place::{Place, failed},
    progress::Meter,
    store::{Output, count},
};
use crate::{
    config::{LogOptions, NoCredentialOptions, StoreOptions},
    store_url::StoreUrl,
};

/// What to do where the database cannot be restored into.
const ANOTHER_DATABASE: &str =
    "Restoring makes a new store. Make an empty database with createdb, and name that with --store";

/// The size in bytes of one read from the backup.
const BUFFER_BYTES: usize = 1024 * 1024;

pub(super) const HELP: &str = "\
Examples:
  mission-control restore --backup=./backups/latest.json             Into data/mission-control.db, where nothing is yet
  mission-control restore --backup=./backups/latest.json --replace   Move what is there aside first
  mission-control restore --backup=./backups/latest.json --store postgres://db/new    Into a new database (createdb new)
  mission-control verify-db                                          Check what was restored

Restoring makes a new store; it never adds to one, and never deletes one. Where there is a store already, also one that
only has the default project, or one that is damaged, either move it away or add --replace, which moves it aside to
<name>.before-restore-<time>. A database on a server must be empty, with or without the tables: make one with createdb. Stop
the server first. A backup of either kind of store can be restored to the other. The backup is checked as a whole, and what was restored is verified as
verify-db does it before it takes its place: a backup that was cut off, altered, or made of a damaged store changes nothing.

Exit status: 0 success, 1 nothing was changed.";

/// What to restore, and where to.
#[derive(Debug, Clone, Args)]
pub(super) struct RestoreOptions {
    /// The backup, as mission-control backup has written it.
    #[arg(long, env = "MC_BACKUP", value_name = "FILE")]
    backup: PathBuf,

    /// Move a store that is there already aside to <name>.before-restore-<time>.
    #[arg(long)]
    replace: bool,

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
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    backup: &'a Path,
    created_at: DateTime<Utc>,
    store: Place<'a>,
    /// Nothing for a database on a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Path>,
    events: u64,
    idempotency_keys: u64,
    moved_aside: Vec<PathBuf>,
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (store, events) = (self.store, count(self.events, "event"));
        write!(f, "{store}: {events}, as of {}", self.created_at.format("%Y-%m-%d %H:%M:%S UTC"))?;
        self.moved_aside
            .iter()
            .try_for_each(|aside| write!(f, "\nWhat was there before is now {}", aside.display()))
    }
}

/// Restores the backup and prints what it had.
pub(super) fn run(options: &RestoreOptions) -> Result<(), Failure> {
    let store = Place::of(&options.store.store)?;
    let input = File::open(&options.backup).map_err(|error| {
        let advice = format!("Check that {} is there and can be read", options.backup.display());
        Failure::new(BackupError::from(error), Some(advice))
    })?;
    let (summary, moved_aside) = match store {
        Place::File(path) => into_file(options, path, input)?,
        Place::Database(url) => (into_database(options, url, input)?, vec![]),
    };
    options.output.print(&Outcome {
        backup: &options.backup,
        created_at: summary.created_at,
        store,
        file: store.file(),
        events: summary.events,
        idempotency_keys: summary.idempotency_keys,
        moved_aside,
    })
}

fn into_file(options: &RestoreOptions, path: &Path, input: File) -> Result<(Summary, Vec<PathBuf>), Failure> {
    let suffix = format!(".before-restore-{}", Utc::now().format("%Y-%m-%d-%H-%M-%S"));
    let existing = match options.replace {
        true => Existing::MoveAside(suffix.clone()),
        false => Existing::Refuse,
    };
    let import = SqliteImport::create(path, existing).map_err(BackupError::from);
    let restored = import.and_then(|import| read(input, import));
    restored.map_err(|error| refused(options, path, &suffix, error))
}

fn into_database(options: &RestoreOptions, url: &StoreUrl, input: File) -> Result<Summary, Failure> {
    if options.replace {
        let what = "a database is not moved aside, so --replace is of no use with it";
        return Err(Failure::new(what, Some(ANOTHER_DATABASE.to_owned())));
    }
    let import = PostgresImport::create(url.reveal()).map_err(BackupError::from);
    let restored = import.and_then(|import| read(input, import));
    restored.map(|(summary, ())| summary).map_err(|error| match error {
        BackupError::Store(error @ (StoreError::Occupied { .. } | StoreError::Incomplete { .. })) => {
            Failure::new(error, Some(ANOTHER_DATABASE.to_owned()))
        }
        BackupError::Store(error @ StoreError::Locked { .. }) => {
            Failure::new(error, Some("Stop the servers that use it first".to_owned()))
        }
        BackupError::Store(error @ StoreError::Unsuitable { .. }) => Failure::new(
            error,
            Some(
                "Nothing was changed. Where the backup cannot be kept there, restore it into sqlite:<path>"
                    .to_owned(),
            ),
        ),
        BackupError::Store(error @ (StoreError::Corrupt { .. } | StoreError::NewerEvent { .. })) => {
            Failure::new(error, Some("Nothing was changed; use another backup".to_owned()))
        }
        BackupError::Store(error) => failed(url, error),
        error => of_document(options, error),
    })
}

fn read<I: Import>(input: File, import: I) -> Result<(Summary, I::Done), BackupError> {
    let mut meter = Meter::new("restore");
    let input = BufReader::with_capacity(BUFFER_BYTES, input);
    backup::read(input, import, &mut |done, of| meter.tell(done, of))
}

/// A document that cannot be restored, wherever to.
fn of_document(options: &RestoreOptions, error: BackupError) -> Failure {
    let advice = match &error {
        BackupError::NotABackup { .. } => "Choose a file that mission-control backup has written".to_owned(),
        BackupError::NewerVersion { .. } => {
            "Restore it with the newer version of mission-control that wrote it".to_owned()
        }
        BackupError::Document(_) => format!("Check that {} can be read", options.backup.display()),
        BackupError::Damaged { .. } | BackupError::Store(_) => {
            "Nothing was changed; use another backup".to_owned()
        }
    };
    Failure::new(error, Some(advice))
}

fn refused(options: &RestoreOptions, path: &Path, suffix: &str, error: BackupError) -> Failure {
    let advice = match &error {
        BackupError::Store(StoreError::Occupied { store }) => format!(
            "Restoring makes a new store. Move this one aside with --replace, or by hand: mv {store} {store}{suffix}"
        ),
        BackupError::Store(StoreError::Locked { .. }) => "Stop the server that uses it first".to_owned(),
        BackupError::Store(StoreError::Corrupt { .. }) => {
            "Nothing was changed; use another backup".to_owned()
        }
        BackupError::Store(StoreError::NewerEvent { .. }) => {
            "Restore it with the newer version of mission-control that wrote it".to_owned()
        }
        BackupError::Store(_) => {
            format!("Check that the directory of {} can be written and has room", path.display())
        }
        _ => return of_document(options, error),
    };
    Failure::new(error, Some(advice))
}
