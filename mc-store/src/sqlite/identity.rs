//! Identities of files: whether two names are names of one file, and whether a file is still the one it was.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// A file as the operating system knows it. Two names with one identity are names of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The identity of the file at `path`; nothing when there is none, or when the system has no identities.
    pub(super) fn at(path: &Path) -> Option<Self> {
        Self::read(&fs::metadata(path).ok()?)
    }

    /// The identity of an open file; nothing when the system has no identities.
    pub(super) fn of(file: &File) -> Option<Self> {
        Self::read(&file.metadata().ok()?)
    }

    #[cfg(unix)]
    fn read(file: &fs::Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;

        Some(Self { device: file.dev(), inode: file.ino() })
    }

    #[cfg(not(unix))]
    fn read(_: &fs::Metadata) -> Option<Self> {
        None
    }
}

/// How many names (hard links) the file at `path` has; 1 when there is none.
#[cfg(unix)]
pub(super) fn links(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;

    fs::metadata(path).map_or(1, |file| file.nlink())
}

/// Tells nothing: this system does not count names.
#[cfg(not(unix))]
pub(super) fn links(_: &Path) -> u64 {
    1
}

/// The files that a writer has open. When one is moved or removed, whatever is written to it is lost with it.
#[derive(Debug)]
pub(super) struct OpenFiles(Vec<(PathBuf, Identity)>);

impl OpenFiles {
    /// Remembers the identities that these files have now. Leaves out those that do not exist.
    pub(super) fn at(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let with_identity = |file: PathBuf| Identity::at(&file).map(|identity| (file, identity));
        Self(files.into_iter().filter_map(with_identity).collect())
    }

    /// The first file that was removed, moved or replaced.
    pub(super) fn displaced(&self) -> Option<&Path> {
        let displaced = self.0.iter().find(|(file, identity)| Identity::at(file) != Some(*identity));
        displaced.map(|(file, _)| file.as_path())
    }
}
