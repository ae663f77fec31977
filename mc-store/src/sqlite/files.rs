//! The names of a database file and of the files that SQLite keeps beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The endings of the files that SQLite keeps beside a database while it is open.
pub(super) const OPEN_SUFFIXES: [&str; 2] = ["-wal", "-shm"];
/// The endings of all files that may lie beside a database. SQLite takes a write-ahead log that another database left
/// behind for the new one's own.
pub(super) const COMPANION_SUFFIXES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The most symbolic links that [`resolve`] follows towards a file that does not exist yet.
const MAX_LINKS: u32 = 40;

/// `path` with `suffix` added to its last part, such as `log.db-wal`.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The one path that all names of a file resolve to, so that they also share one lock file. Creates the directory; the
/// file itself need not exist.
pub(super) fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if path.exists() {
            return path.canonicalize();
        }
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let resolved = directory.canonicalize()?.join(name);
        match fs::read_link(&resolved) {
            // The link points to a database that does not exist yet.
            Ok(target) => path = directory.join(target),
            Err(_) => return Ok(resolved),
        }
    }
    Err(io::ErrorKind::InvalidFilename.into())
}
