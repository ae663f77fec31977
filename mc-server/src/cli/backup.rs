//! `mission-control backup`: the log written out as one file.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use clap::Args;
use mc_store::backup::{self, BackupError};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Failure,
    place::{Place, failed},
    progress::Meter,
    store::{Output, count, one_thread},
    verify_db,
};
use crate::config::{LogOptions, NoCredentialOptions, StoreOptions};

/// The size in bytes of one write to the backup.
const BUFFER_BYTES: usize = 1024 * 1024;
/// The most backups that one minute may have.
const MAX_BACKUPS_A_MINUTE: u32 = 1_000;
/// The name under which the directory always has its latest backup.
const LATEST: &str = "latest.json";
/// What a backup that is not complete is called, around an id of its own.
const PARTIAL: (&str, &str) = (".backup-", ".partial");
/// What a link is called that is to take the place of the latest one, before an id of its own.
const NEXT_LATEST: &str = ".latest.json-";
/// How old such a file must be to be looked at: whoever makes one needs an instant to lock it, or to rename it.
const ORPHANED_AFTER: Duration = Duration::from_secs(60);

pub(super) const HELP: &str = "\
Examples:
  mission-control backup                            Write ./backups/2026-02-01-09-00.json
  mission-control backup --dir /mnt/backups --json  Elsewhere, and tell a program about it
  mission-control restore --backup=./backups/latest.json   The way back

A server may go on working meanwhile: the backup is the log as it was when the command began. The store may be on media
that can only be read, as long as it was closed well: it is then read as a file that nobody changes. A backup is one JSON
document with an event a line; its last line has a SHA-256 of all others. The file appears once it is complete, and
latest.json then points at it; what a backup that was killed has left is removed by the next. The store is verified first, as verify-db does it: of a damaged one no backup is written, and
latest.json stays where it was.

Exit status: 0 success, 1 nothing was written.";

/// What to back up, and where to.
#[derive(Debug, Clone, Args)]
pub(super) struct BackupOptions {
    /// The directory the backup is written to; created if there is none.
    #[arg(long, env = "MC_BACKUP_DIR", value_name = "DIRECTORY", default_value = "./backups")]
    dir: PathBuf,

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
struct Outcome {
    file: PathBuf,
    events: u64,
    idempotency_keys: u64,
    bytes: u64,
    created_at: DateTime<Utc>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, events) = (self.file.display(), count(self.events, "event"));
        write!(f, "{file}: {events}, {}", count(self.bytes, "byte"))
    }
}

/// Writes the backup and prints where it is.
pub(super) fn run(options: &BackupOptions) -> Result<(), Failure> {
    let url = &options.store.store;
    let store = Place::existing(url)?;
    let log = store.reader().map_err(|error| failed(url, error))?;
    // What a restore would refuse is no backup. It is looked for after the log was opened, so nothing escapes it.
    let report = store.verify("verify").map_err(|error| failed(url, error))?;
    if let Some(unsound) = verify_db::unsound(url, &report) {
        return Err(unsound);
    }
    let runtime = one_thread()?;
    let created_at = Utc::now();
    let unwritten = |error: io::Error| {
        let advice = format!("Check that {} can be written and has room", options.dir.display());
        Failure::new(BackupError::from(error), Some(advice))
    };
    fs::create_dir_all(&options.dir).map_err(unwritten)?;
    for orphan in orphans(&options.dir).map_err(unwritten)? {
        remove_if_there(&orphan).map_err(unwritten)?;
    }
    let mut partial = Partial::create(&options.dir).map_err(unwritten)?;
    let mut meter = Meter::new("backup");
    let written = runtime.block_on(backup::write(&*log, created_at, &mut partial.out, &mut |done, of| {
        meter.tell(done, of);
    }));
    drop(meter);
    let summary = written.map_err(|error| match error {
        BackupError::Document(error) => unwritten(error),
        BackupError::Store(error) => failed(url, error),
        other => Failure::new(other, None),
    })?;
    let file = partial.publish(&options.dir, created_at).map_err(unwritten)?;
    options.output.print(&Outcome {
        file,
        events: summary.events,
        idempotency_keys: summary.idempotency_keys,
        bytes: summary.bytes,
        created_at,
    })
}

/// What backups that were killed have left in the directory: nobody holds the lock on it.
pub(super) fn orphans(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| is_orphan(path)).collect())
}

/// Removes a file that another command may have removed already.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_orphan(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let age = path.symlink_metadata().and_then(|file| file.modified()).map(|at| at.elapsed());
    if !matches!(age, Ok(Ok(age)) if age >= ORPHANED_AFTER) {
        return false;
    }
    match name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1) {
        true => File::open(path).is_ok_and(|file| file.try_lock().is_ok()),
        false => name.starts_with(NEXT_LATEST),
    }
}

/// A backup that is not complete yet; gone when it never is. It is locked as long as somebody writes it.
struct Partial {
    out: BufWriter<File>,
    path: PathBuf,
}

impl Partial {
    fn create(directory: &Path) -> io::Result<Self> {
        // Not a number of a process: two containers that share the directory have the same ones.
        let path = directory.join(format!("{}{}{}", PARTIAL.0, Uuid::now_v7(), PARTIAL.1));
        let file = File::create_new(&path)?;
        if let Err(error) = file.try_lock() {
            tracing::debug!(%error, "the file system has no locks: an old backup that is not complete may stay");
        }
        let out = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self { out, path })
    }

    /// Gives the complete file its name, once it is on disk.
    fn publish(mut self, directory: &Path, created_at: DateTime<Utc>) -> io::Result<PathBuf> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        let file = self.name(directory, &created_at.format("%Y-%m-%d-%H-%M").to_string())?;
        point_at(directory, &file)?;
        sync_directory(directory)?;
        Ok(file)
    }

    /// The minute is the name, with a number when another backup of that minute has it.
    fn name(&self, directory: &Path, minute: &str) -> io::Result<PathBuf> {
        for number in 1..=MAX_BACKUPS_A_MINUTE {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            let file = directory.join(format!("{minute}{suffix}.json"));
            match self.place(&file) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                placed => return placed.map(|()| file),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// A link, unlike a renaming, never takes the place of another file.
    fn place(&self, file: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, file) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !file.exists() => {
                // This file system has no hard links, so the file is moved instead.
                fs::rename(&self.path, file)
            }
            placed => placed,
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, file = %self.path.display(), "an incomplete backup could not be removed");
        }
    }
}

/// Makes `latest.json` lead to the file: by its name alone, so that the directory can be moved.
fn point_at(directory: &Path, file: &Path) -> io::Result<()> {
    let (latest, new) = (directory.join(LATEST), directory.join(format!("{NEXT_LATEST}{}", Uuid::now_v7())));
    let name = file.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    if link(Path::new(name), &new).is_err() {
        fs::copy(file, &new)?;
        File::open(&new)?.sync_all()?;
    }
    fs::rename(&new, &latest)
}

#[cfg(unix)]
fn link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
