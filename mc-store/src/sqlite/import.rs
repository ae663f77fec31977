//! Filling a new database from a backup: in a file beside its place, which takes that place once it is complete.

use std::{
    fs::{self, File},
    io, iter,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use mc_domain::recorded::StreamId;
use rusqlite::{CachedStatement, Connection};

use super::{
    beside,
    heads::{Head, Heads},
    inspect::SqliteInspection,
    lock::FileLock,
    resolve, schema, unavailable,
    writer::{INSERT_EVENT, INSERT_KEY, INSERT_STREAM, find_head, note_instant},
};
use crate::{
    backup::{self, Import},
    error::StoreError,
    log::{Answered, StoredEvent},
    verify::{Report, verify},
};

/// What SQLite keeps beside a database. Left over from another one, the write-ahead log would be taken for the new
/// database's own.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];
/// How many names are tried for what is moved aside.
const MAX_NAMES: u32 = 1_000;
/// What the file is called until it is complete.
const UNFINISHED: &str = ".restoring";

/// What becomes of what is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// Nothing may be in the way.
    Refuse,
    /// It is moved aside once the new database is complete: its name gets this suffix, and a number where that is taken.
    MoveAside(String),
}

/// A database that is being filled from a backup. Nobody else can open a log at its place meanwhile.
///
/// It appears only if [`verify`] finds nothing wrong with it.
#[derive(Debug)]
pub struct SqliteImport {
    /// Nothing while the file is put in its place.
    connection: Option<Connection>,
    path: PathBuf,
    unfinished: PathBuf,
    existing: Existing,
    heads: Heads,
    position: u64,
    stream_key: u64,
    latest_recorded_at_micros: i64,
    place: Place,
}

/// Where the database will be: locked, and left as it was found unless it is taken.
#[derive(Debug)]
struct Place {
    /// Nothing once it was let go.
    lock: Option<FileLock>,
    /// The directories that were made for it, the innermost first.
    made: Vec<PathBuf>,
    taken: bool,
}

impl Place {
    fn lock(path: &Path) -> Result<(Self, PathBuf), StoreError> {
        let made = missing_directories(path);
        let resolved = resolve(path).map_err(unavailable)?;
        let mut place = Self { lock: None, made, taken: false };
        place.lock = Some(FileLock::acquire(&resolved)?);
        Ok((place, resolved))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take() else { return };
        if self.taken || !lock.is_new {
            return;
        }
        // What stays is empty, and in nobody's way.
        let _ = lock.remove();
        for directory in &self.made {
            let _ = fs::remove_dir(directory);
        }
    }
}

/// The directories above `path` that do not exist yet, the innermost first.
fn missing_directories(path: &Path) -> Vec<PathBuf> {
    let above = path.ancestors().skip(1).filter(|directory| !directory.as_os_str().is_empty());
    above.take_while(|directory| !directory.exists()).map(Path::to_owned).collect()
}

impl SqliteImport {
    /// Prepares a database that will be at `path`; creates the directory if there is none.
    ///
    /// # Errors
    /// - [`StoreError::Locked`] when a process has the log at `path` open.
    /// - [`StoreError::Occupied`] when something is there already and may not be moved aside.
    /// - [`StoreError::Unavailable`] when the file cannot be written.
    pub fn create(path: impl AsRef<Path>, existing: Existing) -> Result<Self, StoreError> {
        let (place, path) = Place::lock(path.as_ref())?;
        if existing == Existing::Refuse
            && let Some(occupied) = in_the_way(&path).next()
        {
            return Err(StoreError::Occupied { store: occupied.display().to_string() });
        }
        let unfinished = beside(&path, UNFINISHED);
        // That of an attempt that was killed: the lock says that nobody works on it.
        discard(&unfinished).map_err(unavailable)?;
        let connection = schema::open_import(&unfinished)?;
        connection.execute_batch("BEGIN").map_err(unavailable)?;
        Ok(Self {
            connection: Some(connection),
            path,
            unfinished,
            existing,
            heads: Heads::default(),
            position: 0,
            stream_key: 0,
            latest_recorded_at_micros: i64::MIN,
            place,
        })
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it is there until the import ends")
    }

    /// Where the event's stream ends; a new one begins here. A stream that is not remembered is looked for in the table:
    /// it is new only if it is not there either.
    fn head(&mut self, stream: &StreamId) -> rusqlite::Result<Head> {
        if let Some(head) = self.heads.get(stream) {
            return Ok(head);
        }
        let connection = self.connection.as_ref().expect("it is there until the import ends");
        if let Some(head) = find_head(connection, stream)? {
            return Ok(head);
        }
        let created = (self.stream_key + 1, &stream.aggregate_type, &stream.aggregate_id);
        connection.prepare_cached(INSERT_STREAM)?.execute(created)?;
        self.stream_key += 1;
        Ok(Head { stream_key: self.stream_key, version: 0 })
    }

    fn insert(&mut self, at: Head, event: &StoredEvent) -> rusqlite::Result<()> {
        let metadata = serde_json::to_string(&event.metadata)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        self.statement(INSERT_EVENT)?.execute((
            event.position,
            at.stream_key,
            at.version,
            &event.event_type,
            event.event_version,
            &event.payload,
            metadata,
        ))?;
        self.position = event.position;
        let connection = self.connection.as_ref().expect("it is there until the import ends");
        let latest_micros = &mut self.latest_recorded_at_micros;
        note_instant(connection, latest_micros, event.position, event.metadata.recorded_at)
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection().prepare_cached(sql)
    }

    /// Makes sure that the finished file is on disk, whatever happens next.
    fn settle(&mut self) -> Result<(), StoreError> {
        if let Some(connection) = self.connection.take() {
            connection.execute_batch("COMMIT").map_err(unavailable)?;
            connection.close().map_err(|(_, error)| unavailable(error))?;
        }
        File::open(&self.unfinished).and_then(|file| file.sync_all()).map_err(unavailable)
    }

    /// Looks at the finished file as whoever verifies it later would.
    fn check(&self) -> Result<(), StoreError> {
        let inspection = SqliteInspection::open(&self.unfinished)?;
        // What it warns of is not asked.
        damage(&verify(&inspection, DateTime::<Utc>::MAX_UTC, &mut |_, _| {}))
    }

    /// Puts the finished file in its place.
    fn put_in_place(&self) -> Result<Vec<PathBuf>, StoreError> {
        let moved = match &self.existing {
            Existing::Refuse => match in_the_way(&self.path).next() {
                Some(occupied) => {
                    return Err(StoreError::Occupied { store: occupied.display().to_string() });
                }
                None => Vec::new(),
            },
            Existing::MoveAside(suffix) => move_aside(&self.path, suffix).map_err(unavailable)?,
        };
        fs::rename(&self.unfinished, &self.path).map_err(unavailable)?;
        sync_directory(&self.path).map_err(unavailable)?;
        Ok(moved)
    }
}

impl Import for SqliteImport {
    /// Where what was in the way is now.
    type Done = Vec<PathBuf>;

    fn event(&mut self, event: StoredEvent) -> Result<(), StoreError> {
        let head = self.head(&event.stream).map_err(unavailable)?;
        let next = Head { version: head.version + 1, ..head };
        if event.version != next.version {
            return Err(backup::wrong_version(&event, next.version));
        }
        self.insert(next, &event).map_err(unavailable)?;
        self.heads.set(&event.stream, next);
        Ok(())
    }

    fn key(&mut self, key: String, answered: Answered) -> Result<(), StoreError> {
        let Answered { fingerprint, position, answer } = answered;
        let inserted = self
            .statement(INSERT_KEY)
            .and_then(|mut insert| insert.execute((key, fingerprint, position, answer)));
        match inserted {
            Ok(_) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                Err(backup::key_twice(position))
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    fn finish(mut self) -> Result<Vec<PathBuf>, StoreError> {
        self.settle()?;
        self.check()?;
        let moved = self.put_in_place()?;
        self.place.taken = true;
        if let Some(lock) = &self.place.lock {
            lock.notes().reach(self.position);
        }
        Ok(moved)
    }
}

/// The first thing that is wrong, and how many more there are.
fn damage(report: &Report) -> Result<(), StoreError> {
    let Some(first) = report.findings.first() else { return Ok(()) };
    let position = first.position.unwrap_or(report.head);
    let more = match report.findings_total {
        1 => String::new(),
        total => format!(", and {} more", total - 1),
    };
    let place = first.stream.as_ref().map_or(String::new(), |stream| format!("stream {stream}: "));
    Err(StoreError::Corrupt { position, reason: format!("{place}{}{more}", first.detail) })
}

impl Drop for SqliteImport {
    /// Once the file is in its place, there is nothing here to remove.
    fn drop(&mut self) {
        drop(self.connection.take());
        if let Err(error) = discard(&self.unfinished) {
            tracing::warn!(%error, file = %self.unfinished.display(), "an unfinished restore could not be removed");
        }
    }
}

/// The database and its companions, as far as they are there.
fn in_the_way(path: &Path) -> impl Iterator<Item = PathBuf> {
    let companions = COMPANIONS.map(|suffix| beside(path, suffix));
    let files = iter::once(path.to_owned()).chain(companions);
    // A link to nowhere is in the way too.
    files.filter(|file| file.symlink_metadata().is_ok())
}

/// The database first: at its place without its write-ahead log, it would open and lack what was committed last.
fn move_aside(path: &Path, suffix: &str) -> io::Result<Vec<PathBuf>> {
    let aside = free_name(path, suffix)?;
    let mut moved = Vec::new();
    for ending in iter::once("").chain(COMPANIONS) {
        let (from, to) = (beside(path, ending), beside(&aside, ending));
        match fs::rename(&from, &to) {
            Ok(()) => moved.push(to),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(moved)
}

/// A name that nothing has, with a number where the one without is taken.
fn free_name(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let numbered = (2..=MAX_NAMES).map(|number| format!("{suffix}-{number}"));
    let mut names = iter::once(suffix.to_owned()).chain(numbered).map(|suffix| beside(path, &suffix));
    names.find(|name| in_the_way(name).next().is_none()).ok_or_else(|| {
        let taken = format!("{} is there already", beside(path, suffix).display());
        io::Error::new(io::ErrorKind::AlreadyExists, taken)
    })
}

/// Removes what a restore into `path` that was killed has left.
pub(super) fn discard_unfinished(path: &Path) -> io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    discard(&beside(&path, UNFINISHED))
}

fn discard(unfinished: &Path) -> io::Result<()> {
    for ending in iter::once("").chain(COMPANIONS) {
        match fs::remove_file(beside(unfinished, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A renamed file is at its new place after a crash only if the directory is on disk too.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all())
}

/// Directories cannot be synced here.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
