//! What a file is, whatever it is called.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// A file as the system knows it: two names with one identity are one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The file that has this name now; nothing where there is none, or where the system does not tell.
    pub(super) fn at(path: &Path) -> Option<Self> {
        Self::read(&fs::metadata(path).ok()?)
    }

    /// The open file; nothing where the system does not tell.
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

/// How many names the file has that is called this.
#[cfg(unix)]
pub(super) fn links(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;

    fs::metadata(path).map_or(1, |file| file.nlink())
}

/// Nobody is asked here.
#[cfg(not(unix))]
pub(super) fn links(_: &Path) -> u64 {
    1
}

/// The files that a writer has open: each has to stay where it was found, or what is written to it is lost with it.
#[derive(Debug)]
pub(super) struct Place(Vec<(PathBuf, Identity)>);

impl Place {
    /// The files as they are now, as far as they are there.
    pub(super) fn of(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let known = |file: PathBuf| Identity::at(&file).map(|identity| (file, identity));
        Self(files.into_iter().filter_map(known).collect())
    }

    /// The first file that is no longer where it was: removed, moved, or another one in its place.
    pub(super) fn displaced(&self) -> Option<&Path> {
        let gone = self.0.iter().find(|(file, identity)| Identity::at(file) != Some(*identity));
        gone.map(|(file, _)| file.as_path())
    }
}
