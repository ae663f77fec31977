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
    backup::{self, BackupError},
    error::StoreError,
    sqlite::{Existing, SqliteImport},
};
use serde::Serialize;

use super::{
    Failure,
    store::{self, Meter, Output, count},
};
use crate::config::{LogOptions, NoCredentialOptions, StoreOptions};

/// The size in bytes of one read from the backup.
const BUFFER_BYTES: usize = 1024 * 1024;

pub(super) const HELP: &str = "\
Examples:
  mission-control restore --backup=./backups/latest.json             Into data/mission-control.db, where nothing is yet
  mission-control restore --backup=./backups/latest.json --replace   Move what is there aside first
  mission-control verify-db                                          Check what was restored

Restoring makes a new store; it never adds to one, and never deletes one. Where there is a store already, also one that
only has the default project, or one that is damaged, either move it away or add --replace, which moves it aside to
<name>.before-restore-<time>. Stop the server first. The backup is checked as a whole, and what was restored is verified as
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
    file: &'a Path,
    events: u64,
    idempotency_keys: u64,
    moved_aside: Vec<PathBuf>,
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, events) = (self.file.display(), count(self.events, "event"));
        write!(f, "{file}: {events}, as of {}", self.created_at.format("%Y-%m-%d %H:%M:%S UTC"))?;
        self.moved_aside
            .iter()
            .try_for_each(|aside| write!(f, "\nWhat was there before is now {}", aside.display()))
    }
}

/// Restores the backup and prints what it had.
pub(super) fn run(options: &RestoreOptions) -> Result<(), Failure> {
    let path = store::file(&options.store)?;
    let input = File::open(&options.backup).map_err(|error| {
        let advice = format!("Check that {} is there and can be read", options.backup.display());
        Failure::new(BackupError::from(error), Some(advice))
    })?;
    let suffix = format!(".before-restore-{}", Utc::now().format("%Y-%m-%d-%H-%M-%S"));
    let existing = match options.replace {
        true => Existing::MoveAside(suffix.clone()),
        false => Existing::Refuse,
    };
    let failed = |error| refused(options, path, &suffix, error);
    let import = SqliteImport::create(path, existing).map_err(|error| failed(error.into()))?;
    let mut meter = Meter::new("restore");
    let input = BufReader::with_capacity(BUFFER_BYTES, input);
    let read = backup::read(input, import, &mut |done, of| meter.tell(done, of));
    drop(meter);
    let (summary, moved_aside) = read.map_err(failed)?;
    options.output.print(&Outcome {
        backup: &options.backup,
        created_at: summary.created_at,
        file: path,
        events: summary.events,
        idempotency_keys: summary.idempotency_keys,
        moved_aside,
    })
}

fn refused(options: &RestoreOptions, path: &Path, suffix: &str, error: BackupError) -> Failure {
    let advice = match &error {
        BackupError::Store(StoreError::Occupied { store }) => format!(
            "Restoring makes a new store. Move this one aside with --replace, or by hand: mv {store} {store}{suffix}"
        ),
        BackupError::Store(StoreError::Locked { .. }) => "Stop the server that uses it first".to_owned(),
        BackupError::NotABackup { .. } => "Choose a file that mission-control backup has written".to_owned(),
        BackupError::NewerVersion { .. } => {
            "Restore it with the newer version of mission-control that wrote it".to_owned()
        }
        BackupError::Damaged { .. } | BackupError::Store(StoreError::Corrupt { .. }) => {
            "Nothing was changed; use another backup".to_owned()
        }
        BackupError::Store(StoreError::NewerEvent { .. }) => {
            "Restore it with the newer version of mission-control that wrote it".to_owned()
        }
        BackupError::Document(_) => format!("Check that {} can be read", options.backup.display()),
        BackupError::Store(_) => {
            format!("Check that the directory of {} can be written and has room", path.display())
        }
    };
    Failure::new(error, Some(advice))
}
