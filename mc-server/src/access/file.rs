//! Files with the secret of a credential: read only where nobody else can read or write them, and made so.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use super::{MalformedSecret, Secret};

/// The most bytes that are read of such a file: a secret and white space around it are far shorter.
const MAX_BYTES: u64 = 4_096;
/// What a file is called, after its own name, until its secret is on disk.
const PARTIAL: &str = ".partial";

/// Why a file with a credential cannot be used. No variant holds anything of what is in the file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file is missing, or this user may not read it.
    #[error("cannot read the credential file {}", .file.display())]
    Unreadable {
        /// The file as it was named.
        file: PathBuf,
        /// The error of the operating system, shown after the sentence.
        source: io::Error,
    },
    /// It is a directory, a pipe or a device.
    #[error("the credential file {} is {what}, and no file", .file.display())]
    NoFile {
        /// The file as it was named.
        file: PathBuf,
        /// What it is, with its article.
        what: &'static str,
    },
    /// The file belongs to another user of the machine, who can put another secret into it.
    #[error("the credential file {} belongs to another user of the machine (id {owner})", .file.display())]
    Foreign {
        /// The file as it was named.
        file: PathBuf,
        /// The number of the user that it belongs to.
        owner: u32,
    },
    /// Other users of the machine may read or write the file.
    #[error("the credential file {} is open to other users of the machine (mode {mode:03o})", .file.display())]
    Open {
        /// The file as it was named.
        file: PathBuf,
        /// The permission bits of the file.
        mode: u32,
    },
    /// The file holds something else than one secret.
    #[error("the credential file {} does not hold one", .file.display())]
    Malformed {
        /// The file as it was named.
        file: PathBuf,
        /// What a secret looks like, shown after the sentence.
        source: MalformedSecret,
    },
    /// The file cannot be made.
    #[error("cannot write the credential file {}", .file.display())]
    Unwritable {
        /// The file as it was named.
        file: PathBuf,
        /// The error of the operating system, shown after the sentence.
        source: io::Error,
    },
    /// The operating system has no random bits for a secret.
    #[error("cannot draw a secret")]
    NotRandom(#[source] io::Error),
}

impl FileError {
    /// What to do about it, as a sentence.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Unreadable { .. } => Some(
                "Name the file with --credential-file that holds the credential, as mission-control credential issue \
                 --secret-file writes it"
                    .to_owned(),
            ),
            Self::NoFile { .. } => Some("Name a file that holds the secret and nothing else".to_owned()),
            Self::Foreign { file, .. } => Some(format!(
                "Keep one of your own: write the secret to another file with mode 600, or take this one over with: sudo chown \
                 $USER {}",
                file.display()
            )),
            Self::Open { file, .. } => Some(format!(
                "Close it with: chmod 600 {}; and issue another credential where somebody else may have read this one",
                file.display()
            )),
            Self::Malformed { .. } => {
                Some("Check that it was copied whole, without a name or quotes before it".to_owned())
            }
            Self::Unwritable { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Some("Choose another name: a file that is there is never overwritten".to_owned())
            }
            Self::Unwritable { .. } => {
                Some("Check that its directory is there, can be written and has room".to_owned())
            }
            Self::NotRandom(_) => None,
        }
    }
}

/// The secret that a file holds, white space around it aside.
///
/// # Errors
/// - [`FileError::Unreadable`]
/// - [`FileError::NoFile`]
/// - [`FileError::Foreign`] when it belongs to neither this user nor root.
/// - [`FileError::Open`] when group or others can read or write the file.
/// - [`FileError::Malformed`]
pub fn read(path: &Path) -> Result<Secret, FileError> {
    let unreadable = |source| FileError::Unreadable { file: path.to_owned(), source };
    let file = opened(path).map_err(unreadable)?;
    // Of the file that is open: its name may lead to another one in a moment.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(FileError::NoFile { file: path.to_owned(), what: kind(&metadata) });
    }
    if let Some(owner) = foreign_owner(&metadata) {
        return Err(FileError::Foreign { file: path.to_owned(), owner });
    }
    if let Some(mode) = mode_for_others(&metadata) {
        return Err(FileError::Open { file: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    let secret =
        str::from_utf8(&bytes).map_err(|_| MalformedSecret).and_then(|text| Secret::parse(text.trim()));
    secret.map_err(|source| FileError::Malformed { file: path.to_owned(), source })
}

/// The file, opened without waiting: a pipe would keep the process until somebody writes to it.
#[cfg(unix)]
fn opened(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits();
    OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)
}

#[cfg(not(unix))]
fn opened(path: &Path) -> io::Result<File> {
    File::open(path)
}

fn kind(metadata: &fs::Metadata) -> &'static str {
    if metadata.is_dir() { "a directory" } else { "a pipe or a device" }
}

/// The user that a file belongs to, where that is neither this process's nor root, who can read every file anyway.
#[cfg(unix)]
fn foreign_owner(file: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;

    let own = rustix::process::geteuid().as_raw();
    (![own, 0].contains(&file.uid())).then_some(file.uid())
}

/// Files have no such owners here.
#[cfg(not(unix))]
fn foreign_owner(_: &fs::Metadata) -> Option<u32> {
    None
}

/// The permissions of a file, where they let others than its user read or write it.
#[cfg(unix)]
fn mode_for_others(file: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;

    let mode = file.permissions().mode() & 0o777;
    (mode & 0o066 != 0).then_some(mode)
}

/// Files have no such permissions here.
#[cfg(not(unix))]
fn mode_for_others(_: &fs::Metadata) -> Option<u32> {
    None
}

/// A file that is to get a secret: nobody has it yet, and it can be written. It appears under its name with the whole secret
/// in it, on disk; when it never gets one, nothing is left of it.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    partial: PathBuf,
    file: File,
}

impl NewFile {
    /// Makes sure that the file can be made, without making it appear.
    ///
    /// # Errors
    /// [`FileError::Unwritable`], also when there is such a file already.
    pub fn reserve(path: &Path) -> Result<Self, FileError> {
        let unwritable = |source| FileError::Unwritable { file: path.to_owned(), source };
        match path.symlink_metadata() {
            Ok(_) => return Err(unwritable(io::ErrorKind::AlreadyExists.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unwritable(error)),
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(PARTIAL);
        let partial = PathBuf::from(partial);
        // What a start that was killed has left; its secret is good for nothing.
        remove_if_there(&partial).map_err(unwritable)?;
        let file = private(&partial).map_err(unwritable)?;
        Ok(Self { path: path.to_owned(), partial, file })
    }

    /// Writes the secret, and gives the file its name once that is on disk.
    ///
    /// # Errors
    /// [`FileError::Unwritable`], also when there is such a file by now.
    pub fn keep(mut self, secret: &Secret) -> Result<(), FileError> {
        self.try_keep(secret).map_err(|source| FileError::Unwritable { file: self.path.clone(), source })
    }

    fn try_keep(&mut self, secret: &Secret) -> io::Result<()> {
        writeln!(self.file, "{}", secret.reveal())?;
        self.file.sync_all()?;
        // A link, unlike a renaming, never takes the place of another file.
        match fs::hard_link(&self.partial, &self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !self.path.exists() => {
                // This file system has no hard links, so the file is moved instead.
                fs::rename(&self.partial, &self.path)?;
            }
            linked => linked?,
        }
        sync_directory_of(&self.path)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Err(error) = remove_if_there(&self.partial) {
            tracing::warn!(%error, file = %self.partial.display(), "a file with a credential could not be removed");
        }
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A new file that its user alone can read and write.
#[cfg(unix)]
fn private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory_of(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_that_is_kept_reads_back_and_is_for_its_user_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (path, secret) = (directory.path().join("credential"), Secret::draw().unwrap());
        NewFile::reserve(&path).unwrap().keep(&secret).unwrap();
        assert_eq!(read(&path).unwrap(), secret);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let refused = NewFile::reserve(&path).unwrap_err();
        assert!(refused.advice().unwrap().contains("never overwritten"), "{refused}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (path, what) in [
            (directory.path(), "is a directory, and no file"),
            (&pipe, "is a pipe or a device, and no file"),
            (Path::new("/dev/null"), "is a pipe or a device, and no file"),
        ] {
            let refused = read(path).unwrap_err();
            assert!(refused.to_string().ends_with(what), "{refused}");
            assert!(refused.advice().unwrap().contains("holds the secret"));
        }
    }

    #[test]
    fn a_file_of_another_user_is_refused_and_one_of_root_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credential");
        NewFile::reserve(&path).unwrap().keep(&Secret::draw().unwrap()).unwrap();
        assert_eq!(foreign_owner(&fs::metadata(&path).unwrap()), None);
        assert_eq!(foreign_owner(&fs::metadata("/").unwrap()), None, "it is root's");
        if !rustix::process::geteuid().is_root() {
            return;
        }
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        let refused = read(&path).unwrap_err();
        assert!(refused.to_string().ends_with("another user of the machine (id 12345)"), "{refused}");
        assert!(refused.advice().unwrap().contains("chown"));
    }

    #[test]
    fn a_file_that_gets_no_secret_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        drop(NewFile::reserve(&directory.path().join("credential")).unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn files_that_others_can_use_or_that_hold_no_secret_are_refused_without_a_word_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credential");
        fs::write(&path, format!(" {}\n\n", Secret::draw().unwrap().reveal())).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read(&path), Err(FileError::Open { mode: found, .. }) if found == mode));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read(&path).is_ok(), "white space around it is no part of it");
        for text in ["", "hunter2", "MC_CREDENTIAL=mc_x"] {
            fs::write(&path, text).unwrap();
            let refused = read(&path).unwrap_err();
            let said = format!("{refused} {refused:?} {}", refused.advice().unwrap());
            assert!(matches!(refused, FileError::Malformed { .. }) && !said.contains("hunter2"), "{said}");
        }
        let missing = read(&directory.path().join("nowhere")).unwrap_err();
        assert!(missing.advice().unwrap().contains("--credential-file"), "{missing}");
    }
}
