//! One process at a time writes to a log: it holds the operating system's locks on the database file and on a lock file
//! beside it.
//!
//! The lock on the database file follows the file: after a move, it is in use under its new name too. The lock on the
//! lock file belongs to the name, so it also covers a database that does not exist yet, or that a restore is about to
//! put there. Neither keeps SQLite from the file: backups and readers may open it meanwhile. The system frees both locks
//! when the process ends, however it ends. The lock file stays: removing it would let two processes hold locks on two
//! files of one name.
//!
//! The lock file also holds a note ([`Note`]). It says who has the store open, so that a command that finds it in use
//! can ask that server. It also says where the log ended when it was last written to, so that a log that has lost events
//! can be recognised.

use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    error::store_error,
    files::with_suffix,
    identity::{self, Identity},
};
use crate::{error::StoreError, holder::Holder};

/// How often a lock file is opened again when another process removes it before this one has locked it.
const MAX_LOCK_FILE_ATTEMPTS: u32 = 16;
/// How often a lock on a database is tried for: [`check_name`] of another process may hold it for an instant.
const MAX_DATABASE_ATTEMPTS: u32 = 20;
/// How long to wait between two of these attempts.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);
/// The most bytes of a note that are read.
const MAX_NOTE_BYTES: u64 = 4_096;
/// The bytes that a note is padded to, so that a note written in place covers the whole earlier one.
const NOTE_BYTES: usize = 512;

/// The databases that this process writes to. None is opened a second time: when a process closes any descriptor of a
/// file, POSIX frees all its locks on that file, those of SQLite included.
static LOCKED_HERE: Mutex<BTreeSet<Identity>> = Mutex::new(BTreeSet::new());
/// The databases that [`check_name`] has opened in this process: each once, for the same reason.
static CHECKED_HERE: Mutex<BTreeSet<Identity>> = Mutex::new(BTreeSet::new());

/// The text of a lock file, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// [`Holder::id`], while a server has the store open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// [`Holder::listen`] of that server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listen: Option<String>,
    /// The last position known to be on disk; nothing when a version of this program wrote the file that noted none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<u64>,
}

/// The lock file while this process holds it. Only the holder writes to it.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
    state: Mutex<NoteState>,
}

#[derive(Debug)]
struct NoteState {
    note: Note,
    /// Whether the program's log was warned that the note cannot be written.
    has_warned: bool,
}

/// The locks on a store; dropping it frees them.
#[derive(Debug)]
pub(super) struct StoreLock {
    lock_file: Arc<LockFile>,
    /// The path of the lock file: that of the database, and `.lock`.
    path: PathBuf,
    database: PathBuf,
    /// Whether this process created the lock file.
    pub(super) is_new: bool,
    /// Nothing until [`StoreLock::lock_database`], and on systems without identities.
    database_lock: Option<DatabaseLock>,
}

/// The lock on a database file, under whatever name others know it.
#[derive(Debug)]
struct DatabaseLock {
    file: File,
    identity: Identity,
}

impl LockFile {
    fn new(mut file: File) -> Self {
        let note = read_note(&mut file).unwrap_or_default();
        Self { file, state: Mutex::new(NoteState { note, has_warned: false }) }
    }

    /// The last position that was ever noted; nothing when none was.
    pub(super) fn noted_head(&self) -> Option<u64> {
        self.state().note.head
    }

    /// Notes `head` as the last position. It must be on disk already.
    pub(super) fn note_head(&self, head: u64) {
        self.change(|note| note.head = Some(head));
    }

    fn change(&self, change: impl FnOnce(&mut Note)) {
        let mut state = self.state();
        change(&mut state.note);
        match write_note(&self.file, &state.note) {
            Err(error) if !state.has_warned => {
                state.has_warned = true;
                tracing::warn!(%error, "the lock file cannot be written: what the log may lack will not be known");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, NoteState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_note(file: &mut File) -> Option<Note> {
    file.seek(SeekFrom::Start(0)).ok()?;
    serde_json::from_reader(Read::take(file, MAX_NOTE_BYTES)).ok()
}

fn write_note(mut file: &File, note: &Note) -> io::Result<()> {
    let text = serde_json::to_string(note)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(format!("{text:<width$}\n", width = NOTE_BYTES - 1).as_bytes())
}

impl Drop for StoreLock {
    /// Unlocks explicitly: a child process that is just starting holds a copy of the open file until it runs its own
    /// program, and would keep the lock as long.
    fn drop(&mut self) {
        drop(self.database_lock.take());
        if self.lock_file.state().note != Note::default() {
            // Nobody holds the store any more. Readers believe the note of a holder only while the file is locked.
            self.lock_file.change(|note| *note = Note { head: note.head, ..Note::default() });
        }
        if let Err(error) = self.lock_file.file.unlock() {
            tracing::warn!(%error, "the lock on the store is freed only when the process ends");
        }
    }
}

impl StoreLock {
    /// Locks the name of a database, whether the database exists or not.
    pub(super) fn acquire(database: &Path) -> Result<Self, StoreError> {
        for _ in 0..MAX_LOCK_FILE_ATTEMPTS {
            let lock = Self::lock_name(database)?;
            // Its creator may have removed the lock file meanwhile. A lock on a removed file keeps nobody out.
            let open = Identity::of(&lock.lock_file.file);
            if open.is_none() || open == Identity::at(&lock.path) {
                return Ok(lock);
            }
        }
        Err(locked(database))
    }

    fn lock_name(database: &Path) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let is_new = !path.exists();
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        match file.try_lock() {
            Ok(()) => {
                let (lock_file, database) = (Arc::new(LockFile::new(file)), database.to_owned());
                Ok(Self { lock_file, path, database, is_new, database_lock: None })
            }
            Err(TryLockError::WouldBlock) => Err(locked(database)),
            Err(TryLockError::Error(error)) => Err(StoreError::Unavailable(error.into())),
        }
    }

    /// Locks the database file itself, and creates an empty one when there is none.
    pub(super) fn lock_or_create_database(&mut self) -> Result<(), StoreError> {
        let length = fs::metadata(&self.database).ok().map(|file| file.len());
        if length.unwrap_or(0) == 0 {
            self.create_database(length.is_some())?;
        }
        self.lock_database()
    }

    /// Creates the file, or takes an empty one as new, unless the note says that there was a log.
    fn create_database(&mut self, exists: bool) -> Result<(), StoreError> {
        // A lock file without a noted position is of an older version, which had a log in the file.
        if self.had_log() || (self.lock_file.noted_head().is_none() && exists && !self.is_new) {
            return Err(self.emptied());
        }
        // After a kill between these lines, the next process finds an empty file that never held a log.
        self.lock_file.note_head(0);
        if !exists {
            File::options().write(true).create_new(true).open(&self.database).map_err(store_error)?;
        }
        Ok(())
    }

    /// Whether the log had events when it was last written to.
    pub(super) fn had_log(&self) -> bool {
        self.lock_file.noted_head().is_some_and(|head| head > 0)
    }

    /// The refusal of a file that held a log and is empty now.
    pub(super) fn emptied(&self) -> StoreError {
        StoreError::Emptied {
            store: self.database.display().to_string(),
            lock: self.path.display().to_string(),
        }
    }

    /// Locks the database file itself, if there is one.
    pub(super) fn lock_database(&mut self) -> Result<(), StoreError> {
        if fs::metadata(&self.database).is_ok_and(|file| file.is_file()) {
            self.database_lock = DatabaseLock::take(&self.database)?;
        }
        Ok(())
    }

    /// The identity of the locked database file.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.database_lock.as_ref().map(|lock| lock.identity)
    }

    /// The lock file, for noting the head of the log.
    pub(super) fn lock_file(&self) -> &Arc<LockFile> {
        &self.lock_file
    }

    /// Notes that `holder` has the store open, until the lock is dropped.
    pub(super) fn note_holder(&mut self, holder: &Holder) {
        self.lock_file.change(|note| {
            note.id = Some(holder.id);
            note.listen = Some(holder.listen.clone());
        });
    }

    /// Removes the lock file. Only for the process that created it and leaves no store behind.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

impl DatabaseLock {
    /// Locks the file; nothing when the system has no identities of files.
    fn take(database: &Path) -> Result<Option<Self>, StoreError> {
        let Some(identity) = Identity::at(database) else { return Ok(None) };
        let links = identity::links(database);
        if links > 1 {
            return Err(StoreError::Linked { store: database.display().to_string(), links });
        }
        if !identities(&LOCKED_HERE).insert(identity) {
            return Err(locked(database));
        }
        let file = File::open(database).map_err(store_error).and_then(|file| lock_exclusive(file, database));
        match file {
            Ok(file) => Ok(Some(Self { file, identity })),
            Err(error) => {
                identities(&LOCKED_HERE).remove(&identity);
                Err(error)
            }
        }
    }
}

impl Drop for DatabaseLock {
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock on the database is freed only when the process ends");
        }
        identities(&LOCKED_HERE).remove(&self.identity);
    }
}

fn lock_exclusive(file: File, database: &Path) -> Result<File, StoreError> {
    for _ in 0..MAX_DATABASE_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_ATTEMPTS),
            Err(TryLockError::Error(error)) => return Err(store_error(error)),
        }
    }
    Err(locked(database))
}

fn identities(set: &'static Mutex<BTreeSet<Identity>>) -> MutexGuard<'static, BTreeSet<Identity>> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server that has the log at `database` open; nothing when nobody has, or when the holder is no server.
pub fn holder(database: &Path) -> Option<Holder> {
    let Note { id, listen, .. } = note_while_locked(database)?;
    Some(Holder { id: id?, listen: listen? })
}

/// The last position that was ever noted for the log at `database`; nothing when none was.
pub(super) fn noted_head(database: &Path) -> Option<u64> {
    read_note(&mut File::open(lock_path(database)).ok()?)?.head
}

/// Refuses to read a database that another process writes to under another name: the newest events are in the
/// write-ahead log of that name.
pub(super) fn check_name(database: &Path) -> Result<(), StoreError> {
    let Some(identity) = Identity::at(database) else { return Ok(()) };
    if identities(&LOCKED_HERE).contains(&identity) || !identities(&CHECKED_HERE).insert(identity) {
        return Ok(());
    }
    let Ok(file) = File::open(database) else { return Ok(()) };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) if !is_locked(database) => {
            Err(StoreError::OpenElsewhere { store: database.display().to_string() })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The note of the lock file; nothing unless a process holds the lock.
fn note_while_locked(database: &Path) -> Option<Note> {
    is_locked(database).then(|| read_note(&mut File::open(lock_path(database)).ok()?))?
}

/// Whether a process holds the lock on the name.
fn is_locked(database: &Path) -> bool {
    let file = File::open(lock_path(database));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn locked(database: &Path) -> StoreError {
    StoreError::Locked { store: database.display().to_string() }
}

/// The path of the lock file, the same for every symbolic link to the database.
fn lock_path(database: &Path) -> PathBuf {
    with_suffix(&database.canonicalize().unwrap_or_else(|_| database.to_owned()), ".lock")
}

/// Says that a log ends at `head`, but ended at `noted` when it was last written to.
pub(super) fn missing_events(head: u64, noted: u64) -> String {
    format!(
        "the log ends at position {head}, but ended at {noted} when it was last written to: events that were recorded are \
         missing, because the write-ahead log is missing or damaged, or because an older copy was put here"
    )
}
