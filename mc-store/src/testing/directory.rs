//! The directory of a server, and the watcher that removes it.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    sync::Mutex,
};

use uuid::Uuid;

use super::installation::Installation;

/// Runs until the test process ends, which closes its standard input. The last line before says which process the server
/// is; the watcher shuts it down at once, kills it if that takes longer than 5 s, and removes its directory. A server that was
/// killed leaves a segment of shared memory, whose id is in line 7 of the pid file.
const WATCHER: &str = r#"
directory=$1 server=
while read -r line; do server=$line; done
signal() { kill "-$1" "$server" $(cat "/proc/$server/task/$server/children"); }
if [ -n "$server" ]; then
  signal CONT
  kill -QUIT "$server"
  tries=100
  while [ "$tries" -gt 0 ] && kill -0 "$server"; do sleep 0.05; tries=$((tries - 1)); done
  signal STOP
  signal KILL
fi
segment=$(sed -n '7s/.* //p' "$directory/data/postmaster.pid")
[ -z "$segment" ] || ipcrm -m "$segment"
cd /
rm -rf "$directory"
"#;

/// A directory of the user that PostgreSQL runs as. It goes when this is dropped, and when the process ends.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    watcher: Child,
    /// Ends the watcher when closed.
    pipe: Mutex<Option<ChildStdin>>,
}

impl Directory {
    pub(super) fn create(installation: &Installation) -> Self {
        let path = env::temp_dir().join(format!("mc-postgres-{}", Uuid::now_v7().simple()));
        fs::DirBuilder::new().mode(0o700).create(&path).expect("there is a directory for temporary files");
        installation.hand_over(&path);
        let mut watcher = installation.command("sh");
        watcher.args(["-c", WATCHER, "watcher"]).arg(&path).current_dir(&path);
        watcher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut watcher = watcher.spawn().expect("there is a shell");
        let pipe = Mutex::new(watcher.stdin.take());
        Self { path, watcher, pipe }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells the watcher which process it has to end; nothing while there is none.
    pub(super) fn watch(&self, server: Option<u32>) {
        let line = server.map(|process| process.to_string()).unwrap_or_default();
        let mut pipe = self.pipe.lock().expect("telling the watcher does not panic");
        let written = pipe.as_mut().map(|pipe| writeln!(pipe, "{line}"));
        written.expect("the pipe is open until the drop").expect("the watcher reads");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.pipe.get_mut().map(Option::take));
        // The directory is gone when the watcher has ended.
        let _ = self.watcher.wait();
    }
}
