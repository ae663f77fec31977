//! `mission-control cleanup`: removes old backups and unused space, never an event.

use std::{
    cell::LazyCell,
    ffi::OsStr,
    fmt, fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::Args;
use mc_store::{backup, error::StoreError, sqlite::compact};
use serde::Serialize;

use super::{
    Failure,
    backup::{orphans, remove_if_there},
    place::{Place, failed},
    store::{Output, count},
};
use crate::{
    config::{LogOptions, NoCredentialOptions, StoreOptions},
    span::Span,
};

pub(super) const HELP: &str = "\
Examples:
  mission-control cleanup --older-than=30d                 Remove old backups, and rebuild the database without its gaps
  mission-control cleanup --older-than=7d --keep 10        Keep ten backups, however old they are
  mission-control cleanup --older-than=30d --dry-run       Only tell

What it removes: backups (YYYY-MM-DD-HH-MM.json) older than that, but never the newest ones (--keep), never the one that
latest.json leads to, and never the newest one that is whole; what backups and restores that were killed have left; and the
unused space of the database with its write-ahead log. The database is left alone while a
server has it: stop the server for that part. In a database on a server, PostgreSQL frees unused space by itself.

What it never removes: events. The log is the audit trail, and its length is by design. What is in the way on the board is
archived instead: see mission-control archive. The lock file beside the database stays too; when no server runs it is held by
nobody, and says how far the log is.

Exit status: 0 success, also where the database was in use; 1 something could not be removed; 2 wrong usage.";

/// The bytes of a backup read at once.
const BUFFER_BYTES: usize = 1024 * 1024;

/// Which backups are removed, and where they are.
#[derive(Debug, Clone, Args)]
pub(super) struct CleanupOptions {
    /// How old a backup must be to go: a number with d, h, m or s.
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    older_than: Span,

    /// How many of the newest backups stay, however old they are.
    #[arg(long, value_name = "NUMBER", default_value = "3")]
    keep: usize,

    /// Print what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,

    /// The directory that `backup` writes to.
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

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    dry_run: bool,
    backups_removed: Vec<PathBuf>,
    backup_bytes_freed: u64,
    database_bytes_freed: u64,
    /// Why the database was left alone, if it was.
    database_skipped: Option<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.dry_run { "would be removed" } else { "removed" };
        for backup in &self.backups_removed {
            writeln!(f, "{}: {verb}", backup.display())?;
        }
        let backups = count(self.backups_removed.len() as u64, "backup");
        writeln!(f, "{backups} {verb}: {} freed", count(self.backup_bytes_freed, "byte"))?;
        match &self.database_skipped {
            Some(why) => write!(f, "The database was left alone: {why}"),
            None => write!(f, "The database was rebuilt: {} freed", count(self.database_bytes_freed, "byte")),
        }
    }
}

/// Cleans up, and prints what was freed.
pub(super) fn run(options: &CleanupOptions) -> Result<(), Failure> {
    let mut outcome = Outcome { dry_run: options.dry_run, ..Outcome::default() };
    remove_backups(options, &mut outcome).map_err(|error| {
        let advice = Some("Check who may write there, or name another directory with --dir".to_owned());
        Failure::new(format!("cannot clean up {}: {error}", options.dir.display()), advice)
    })?;
    rebuild(options, &mut outcome)?;
    options.output.print(&outcome)
}

fn remove_backups(options: &CleanupOptions, outcome: &mut Outcome) -> io::Result<()> {
    for orphan in orphans(&options.dir)? {
        outcome.backup_bytes_freed += fs::symlink_metadata(&orphan).map_or(0, |file| file.len());
        if !options.dry_run {
            remove_if_there(&orphan)?;
        }
        outcome.backups_removed.push(orphan);
    }
    let latest = fs::canonicalize(options.dir.join("latest.json")).ok();
    let now = SystemTime::now();
    let backups = backups(&options.dir)?;
    // Looked for only where one would go: the newest first, each read until one is whole.
    let newest_whole = LazyCell::new(|| backups.iter().rev().find(|backup| is_whole(backup)));
    for (number, backup) in backups.iter().rev().enumerate() {
        let file = fs::metadata(backup)?;
        let age = now.duration_since(file.modified()?).unwrap_or_default();
        let is_wanted = number < options.keep || age < options.older_than.duration();
        if is_wanted || fs::canonicalize(backup).ok() == latest || *newest_whole == Some(backup) {
            continue;
        }
        if !options.dry_run {
            fs::remove_file(backup)?;
        }
        outcome.backup_bytes_freed += file.len();
        outcome.backups_removed.push(backup.clone());
    }
    Ok(())
}

/// Whether the file is a complete backup that a restore accepts.
fn is_whole(backup: &Path) -> bool {
    let file = fs::File::open(backup).map(|file| io::BufReader::with_capacity(BUFFER_BYTES, file));
    file.is_ok_and(|file| backup::check(file).is_ok())
}

/// The backups of a directory, oldest first: their names tell when they were made.
fn backups(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut backups: Vec<_> =
        paths.into_iter().filter(|path| path.file_name().is_some_and(is_backup)).collect();
    backups.sort();
    Ok(backups)
}

/// `2026-02-01-09-00.json`, also with more behind it where two were made in one minute. No other file that is whole is ever
/// removed.
fn is_backup(name: &OsStr) -> bool {
    let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { return false };
    let digits = |c: char| c.is_ascii_digit();
    let shape: String = stem.chars().take(16).map(|c| if digits(c) { '0' } else { c }).collect();
    shape == "0000-00-00-00-00"
}

fn rebuild(options: &CleanupOptions, outcome: &mut Outcome) -> Result<(), Failure> {
    let Place::File(path) = Place::of(&options.store.store)? else {
        let why = "PostgreSQL frees unused space by itself (autovacuum)";
        outcome.database_skipped = Some(why.to_owned());
        return Ok(());
    };
    if options.dry_run || !path.exists() {
        let why = if options.dry_run { "nothing is done for now" } else { "there is none" };
        outcome.database_skipped = Some(why.to_owned());
        return Ok(());
    }
    match compact(path) {
        Ok(compacted) => {
            outcome.database_bytes_freed = compacted.bytes_before.saturating_sub(compacted.bytes_after);
            Ok(())
        }
        Err(StoreError::Locked { .. }) => {
            outcome.database_skipped = Some("a server has it. Stop the server to have it rebuilt".to_owned());
            Ok(())
        }
        Err(error) => Err(failed(&options.store.store, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_backups_count_as_backups() {
        for name in ["2026-02-01-09-00.json", "2026-02-01-09-00-2.json"] {
            assert!(is_backup(OsStr::new(name)), "{name}");
        }
        for name in
            ["latest.json", "notes.json", "2026-02-01.json", "2026-02-01-09-00.db", "mission-control.db"]
        {
            assert!(!is_backup(OsStr::new(name)), "{name}");
        }
    }
}
