//! The programs of PostgreSQL, and the user that runs them.

use std::{
    env, fs,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::geteuid;

/// Where Debian and its relatives keep the programs, in a directory for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The directory within that of a server which has a file system of limited size.
pub(super) const SMALL_DISK: &str = "small";
/// Runs a server as another user, in a mount namespace of its own with a file system on [`SMALL_DISK`]. That goes with the last
/// process of the server.
const ON_SMALL_DISK: &str = r#"
mkdir -p small && mount -t tmpfs -o "size=$1,mode=700,uid=$2,gid=$3" tmpfs small || exit
user=$2 group=$3
shift 3
exec setpriv --reuid "$user" --regid "$group" --clear-groups "$@"
"#;

/// An installation of PostgreSQL.
#[derive(Debug)]
pub(super) struct Installation {
    /// The directory of the programs.
    programs: PathBuf,
    /// The user and the group that run them in place of root; nothing where this process is not root's.
    user: Option<(u32, u32)>,
    /// The size of the file system that a server gets on [`SMALL_DISK`], as `mount` takes it; nothing without one.
    small_disk: Option<&'static str>,
}

impl Installation {
    /// The newest installation in [`DEBIAN`], else the one in `PATH`.
    pub(super) fn find() -> Option<Self> {
        let programs = debian().into_iter().chain(path()).find(|programs| is_complete(programs))?;
        Some(Self { programs, user: geteuid().is_root().then(unprivileged), small_disk: None })
    }

    /// The same, with a file system of limited size for each server; nothing where this process may not mount one.
    pub(super) fn with_small_disk(self, size: &'static str) -> Option<Self> {
        let mut mount = Command::new("unshare");
        mount.args(["--mount", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]);
        let is_allowed = self.user.is_some() && mount.output().is_ok_and(|output| output.status.success());
        is_allowed.then_some(Self { small_disk: Some(size), ..self })
    }

    /// A program of PostgreSQL.
    pub(super) fn program(&self, name: &str) -> Command {
        self.command(self.programs.join(name))
    }

    /// The server program.
    pub(super) fn server(&self) -> Command {
        let (Some(size), Some((user, group))) = (self.small_disk, self.user) else {
            return self.program("postgres");
        };
        let mut command = Command::new("unshare");
        command.process_group(0).args(["--mount", "sh", "-c", ON_SMALL_DISK, "sh", size]);
        command.args([user.to_string(), group.to_string()]).arg(self.programs.join("postgres"));
        command
    }

    /// Any program, run by the user that PostgreSQL runs as.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        // In a process group of its own, it does not get the signals of the terminal.
        command.process_group(0);
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Gives a directory to the user that PostgreSQL runs as.
    pub(super) fn hand_over(&self, directory: &Path) {
        if let Some((user, group)) = self.user {
            chown(directory, Some(user), Some(group)).expect("root may give a directory away");
        }
    }
}

/// The directories of programs, newest version first.
fn debian() -> Vec<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse::<f64>().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    versions.into_iter().map(|(_, programs)| programs).collect()
}

fn path() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

fn is_complete(programs: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| programs.join(program).is_file())
}

/// A user who is not root and is there on this system, with their group.
fn unprivileged() -> (u32, u32) {
    let user = ["postgres", "nobody"].into_iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
    user.expect("there is a user postgres or nobody")
}

fn id(of: &str, user: &str) -> Option<u32> {
    let output = Command::new("id").args([of, user]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
