//! One process at a time writes to a log: it holds the operating system's locks on the database file itself and on a
//! file beside it.
//!
//! The lock on the database is on what the file is, whatever it is called: a file that was moved is in use under its
//! new name too. The lock beside it is on the name, so it also covers a database that is yet to be made, or put in
//! place by a restore. Neither keeps SQLite from the file: backups and readers may open it meanwhile. The system frees
//! both when the process ends, however it ends; the file beside it stays, because removing it would let two processes
//! hold the lock on two files of one name.
//!
//! The file beside it also says who has the store open, so that a command that finds it in use can ask that server,
//! and where the log ended when it was last written to, so that a log that lacks something is told from a whole one.

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
    identity::{self, Identity},
    unavailable,
};
use crate::error::StoreError;

/// How often a lock file may vanish under whoever wants to lock it.
const MAX_ATTEMPTS: u32 = 16;
/// How often a lock on a database is tried for: whoever only looks whether it is held holds it for an instant.
const MAX_TRIES: u32 = 20;
/// How long to wait between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(5);
/// The most bytes that are read of what a lock file says.
const MAX_NOTE_BYTES: u64 = 4_096;
/// The bytes a note takes at least: one text replaces the other in place, with nothing left over behind it.
const NOTE_BYTES: usize = 512;

/// The databases this process writes to. Closing any file that is one of them would free the locks that SQLite has on
/// it in this process (POSIX), so none is opened a second time.
static HELD_HERE: Mutex<BTreeSet<Identity>> = Mutex::new(BTreeSet::new());
/// The databases this process has looked at before it read them; for the same reason, each once.
static SEEN_HERE: Mutex<BTreeSet<Identity>> = Mutex::new(BTreeSet::new());

/// Who has a store open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// An id of this one opening, which the holder tells whoever asks it.
    pub id: Uuid,
    /// Where it listens.
    pub listen: String,
}

/// What a lock file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// The id of the opening, while a server that tells it has the store open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    /// Where that server listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listen: Option<String>,
    /// The last position of the log that is known to be on disk; nothing where a program has held the lock that did
    /// not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<u64>,
}

/// The lock file, written to by whoever holds it.
#[derive(Debug)]
pub(super) struct Notes {
    file: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    note: Note,
    /// Whether it was told that nothing can be noted.
    is_told: bool,
}

/// The held locks; dropping it frees them.
#[derive(Debug)]
pub(super) struct FileLock {
    notes: Arc<Notes>,
    path: PathBuf,
    database: PathBuf,
    /// Whether there was no such file before.
    pub(super) is_new: bool,
    /// The lock on the database itself, once it is asked for.
    hold: Option<Hold>,
}

/// A database file that is open, and locked, under whatever name.
#[derive(Debug)]
struct Hold {
    file: File,
    identity: Identity,
}

impl Notes {
    fn new(mut file: File) -> Self {
        let note = read(&mut file).unwrap_or_default();
        Self { file, state: Mutex::new(State { note, is_told: false }) }
    }

    /// Where the log ended when it was last written to, as far as that was noted.
    pub(super) fn head(&self) -> Option<u64> {
        self.state().note.head
    }

    /// Notes where the log ends now; what ends there is on disk already.
    pub(super) fn reach(&self, head: u64) {
        self.change(|note| note.head = Some(head));
    }

    fn change(&self, change: impl FnOnce(&mut Note)) {
        let mut state = self.state();
        change(&mut state.note);
        match write(&self.file, &state.note) {
            Err(error) if !state.is_told => {
                state.is_told = true;
                tracing::warn!(%error, "the lock file cannot be written: what the log may lack will not be known");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &mut File) -> Option<Note> {
    file.seek(SeekFrom::Start(0)).ok()?;
    serde_json::from_reader(Read::take(file, MAX_NOTE_BYTES)).ok()
}

fn write(mut file: &File, note: &Note) -> io::Result<()> {
    let text = serde_json::to_string(note)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(format!("{text:<width$}\n", width = NOTE_BYTES - 1).as_bytes())
}

impl Drop for FileLock {
    /// Freed by hand: a process that is being started just now has a copy of the open file until it runs its own
    /// program, and the lock would last as long.
    fn drop(&mut self) {
        drop(self.hold.take());
        if self.notes.state().note != Note::default() {
            // Nobody holds it any more; who is said to is believed only while it is locked.
            self.notes.change(|note| *note = Note { head: note.head, ..Note::default() });
        }
        if let Err(error) = self.notes.file.unlock() {
            tracing::warn!(%error, "the lock on the store is freed only when the process ends");
        }
    }
}

impl FileLock {
    /// Locks the name of a database, whether there is one or not.
    pub(super) fn acquire(database: &Path) -> Result<Self, StoreError> {
        for _ in 0..MAX_ATTEMPTS {
            let lock = Self::attempt(database)?;
            // One that made the file and had no use for it removes it again: that lock would be nobody else's.
            let open = Identity::of(&lock.notes.file);
            if open.is_none() || open == Identity::at(&lock.path) {
                return Ok(lock);
            }
        }
        Err(locked(database))
    }

    fn attempt(database: &Path) -> Result<Self, StoreError> {
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
                let (notes, database) = (Arc::new(Notes::new(file)), database.to_owned());
                Ok(Self { notes, path, database, is_new, hold: None })
            }
            Err(TryLockError::WouldBlock) => Err(locked(database)),
            Err(TryLockError::Error(error)) => Err(StoreError::Unavailable(error.into())),
        }
    }

    /// Locks the database itself, under whatever name others know it, and makes it where there is none yet.
    pub(super) fn hold_or_make(&mut self) -> Result<(), StoreError> {
        let length = fs::metadata(&self.database).ok().map(|file| file.len());
        if length.unwrap_or(0) == 0 {
            self.make(length.is_some())?;
        }
        self.hold()
    }

    /// An empty file is a database that is yet to be filled, unless there was a log in it.
    fn make(&mut self, is_there: bool) -> Result<(), StoreError> {
        // A lock that notes nothing is of a program that did not: it says that there was a file.
        if self.had_log() || (self.notes.head().is_none() && is_there && !self.is_new) {
            return Err(self.emptied());
        }
        // Whoever comes after a kill at this point finds an empty file that never had anything.
        self.notes.reach(0);
        if !is_there {
            File::options().write(true).create_new(true).open(&self.database).map_err(unavailable)?;
        }
        Ok(())
    }

    /// Whether there were events here when it was last written to.
    pub(super) fn had_log(&self) -> bool {
        self.notes.head().is_some_and(|head| head > 0)
    }

    /// The refusal of a file in which there is nothing any more.
    pub(super) fn emptied(&self) -> StoreError {
        StoreError::Emptied {
            store: self.database.display().to_string(),
            lock: self.path.display().to_string(),
        }
    }

    /// Locks the database itself, under whatever name others know it.
    pub(super) fn hold(&mut self) -> Result<(), StoreError> {
        if fs::metadata(&self.database).is_ok_and(|file| file.is_file()) {
            self.hold = Hold::take(&self.database)?;
        }
        Ok(())
    }

    /// What the database is that is held.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.hold.as_ref().map(|hold| hold.identity)
    }

    /// Where it is noted how far the log is.
    pub(super) fn notes(&self) -> &Arc<Notes> {
        &self.notes
    }

    /// Says in the file who holds it.
    pub(super) fn note(&mut self, holder: &Holder) {
        self.notes.change(|note| {
            note.id = Some(holder.id);
            note.listen = Some(holder.listen.clone());
        });
    }

    /// Removes the file, by whoever has made it and leaves nothing behind.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

impl Hold {
    /// Nothing where the system does not tell what a file is.
    fn take(database: &Path) -> Result<Option<Self>, StoreError> {
        let Some(identity) = Identity::at(database) else { return Ok(None) };
        let links = identity::links(database);
        if links > 1 {
            return Err(StoreError::Linked { store: database.display().to_string(), links });
        }
        if !here(&HELD_HERE).insert(identity) {
            return Err(locked(database));
        }
        let file = File::open(database).map_err(unavailable).and_then(|file| lock(file, database));
        match file {
            Ok(file) => Ok(Some(Self { file, identity })),
            Err(error) => {
                here(&HELD_HERE).remove(&identity);
                Err(error)
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock on the database is freed only when the process ends");
        }
        here(&HELD_HERE).remove(&self.identity);
    }
}

fn lock(file: File, database: &Path) -> Result<File, StoreError> {
    for _ in 0..MAX_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
            Err(TryLockError::Error(error)) => return Err(unavailable(error)),
        }
    }
    Err(locked(database))
}

fn here(identities: &'static Mutex<BTreeSet<Identity>>) -> MutexGuard<'static, BTreeSet<Identity>> {
    identities.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who has the log at `database` open, where that is a server that says so; nobody when it is not in use.
pub fn holder(database: &Path) -> Option<Holder> {
    let Note { id, listen, .. } = note_of_holder(database)?;
    Some(Holder { id: id?, listen: listen? })
}

/// Where the log at `database` ended when it was last written to, as far as that was noted.
pub(super) fn noted_head(database: &Path) -> Option<u64> {
    read(&mut File::open(lock_path(database)).ok()?)?.head
}

/// Refuses to read a database that is being written to under another name: what was written last is in the
/// write-ahead log of that name.
pub(super) fn check_name(database: &Path) -> Result<(), StoreError> {
    let Some(identity) = Identity::at(database) else { return Ok(()) };
    if here(&HELD_HERE).contains(&identity) || !here(&SEEN_HERE).insert(identity) {
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

/// What the lock file says, while it is held.
fn note_of_holder(database: &Path) -> Option<Note> {
    is_locked(database).then(|| read(&mut File::open(lock_path(database)).ok()?))?
}

/// Whether the name is held.
fn is_locked(database: &Path) -> bool {
    let file = File::open(lock_path(database));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn locked(database: &Path) -> StoreError {
    StoreError::Locked { store: database.display().to_string() }
}

/// One lock for one file, however that is named.
fn lock_path(database: &Path) -> PathBuf {
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let mut path = database.into_os_string();
    path.push(".lock");
    path.into()
}
