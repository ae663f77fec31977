//! Where a test keeps its log.

use std::{env, sync::Arc};

use tempfile::TempDir;

use super::{Database, Postgres};
use crate::{Store, log::EventLog};

/// The environment variable that, set to `postgres`, has tests keep their logs in PostgreSQL.
pub const CHOICE: &str = "MC_TEST_STORE";

/// A place for a log, empty at first. It goes when dropped.
///
/// ```
/// use mc_store::testing::Place;
///
/// let place = Place::chosen();
/// assert_eq!(place.open().head(), 0);
/// ```
#[derive(Debug)]
pub struct Place {
    url: String,
    _kept: Kept,
}

/// What has to live as long as the log.
#[derive(Debug)]
enum Kept {
    Nothing,
    Directory(#[expect(dead_code, reason = "it is removed when dropped")] TempDir),
    Database(#[expect(dead_code, reason = "it is removed when dropped")] Database),
}

impl Place {
    /// The memory of this process; each opening begins an empty log.
    pub fn in_memory() -> Self {
        Self { url: "memory:".to_owned(), _kept: Kept::Nothing }
    }

    /// The memory of this process, or the database that [`CHOICE`] asks for.
    ///
    /// # Panics
    /// When [`CHOICE`] is neither `postgres` nor unset, or PostgreSQL is not installed.
    pub fn chosen() -> Self {
        Self::database().unwrap_or_else(Self::in_memory)
    }

    /// A place whose log can be closed and opened again: an SQLite file, or the database that [`CHOICE`] asks for.
    ///
    /// # Panics
    /// As [`Place::chosen`].
    pub fn lasting() -> Self {
        let directory = || tempfile::tempdir().expect("there is a directory for temporary files");
        Self::database().unwrap_or_else(|| Self::in_directory(directory()))
    }

    /// The SQLite file `log.db` in a directory.
    pub fn in_directory(directory: TempDir) -> Self {
        let url = format!("sqlite:{}", directory.path().join("log.db").display());
        Self { url, _kept: Kept::Directory(directory) }
    }

    /// Opens the log.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn open(&self) -> Arc<dyn EventLog> {
        Store::open(&self.url).expect("the log can be opened")
    }

    fn database() -> Option<Self> {
        match env::var(CHOICE).as_deref() {
            Err(env::VarError::NotPresent) => None,
            Ok("postgres") => {
                let database = Postgres::shared().expect("PostgreSQL is installed").database();
                Some(Self { url: database.url().to_owned(), _kept: Kept::Database(database) })
            }
            other => panic!("{CHOICE} is {other:?}, expected postgres or nothing"),
        }
    }
}
