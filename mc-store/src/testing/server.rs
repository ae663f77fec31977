//! A server process on a data directory.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command},
    sync::{Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use uuid::Uuid;

use super::{
    directory::Directory,
    installation::Installation,
    signal::{send, send_to_all},
};

/// The ports that servers get. They lie below those that systems give to outgoing connections, so that a server that was
/// stopped finds its own free again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How often a server is started that ends at once, because its port or its shared memory is in use.
const ATTEMPTS: u32 = 50;
const START_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// A server, running or not, with its data. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Server {
    installation: Installation,
    port: u16,
    settings: Vec<String>,
    /// The first process of the server, which starts all others; nothing while it does not run.
    process: Mutex<Option<Child>>,
    directory: Directory,
}

impl Server {
    /// Makes a data directory and starts a server on it.
    pub(super) fn create(installation: Installation, settings: &[(&str, &str)]) -> Self {
        let mut initdb = installation.program("initdb");
        initdb.args([
            "--no-sync",
            "--no-locale",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "-U",
            "postgres",
            "-D",
            "data",
        ]);
        Self::on_data_of(initdb, installation, settings)
    }

    /// Copies the data of the server at `port`, and starts a server that follows it.
    pub(super) fn follow(installation: Installation, port: u16) -> Self {
        let mut copy = installation.program("pg_basebackup");
        copy.args(["--no-sync", "-R", "-X", "stream", "-c", "fast", "-U", "postgres", "-D", "data"]);
        copy.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        Self::on_data_of(copy, installation, &[])
    }

    /// Starts a server on the data directory that a program makes.
    fn on_data_of(mut program: Command, installation: Installation, settings: &[(&str, &str)]) -> Self {
        let directory = Directory::create(&installation);
        let made = program.current_dir(directory.path()).output().expect("the program can be run");
        assert!(made.status.success(), "{program:?}: {}", String::from_utf8_lossy(&made.stderr));
        let settings = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let process = Mutex::new(None);
        let mut server = Self { installation, port: free_port(), settings, process, directory };
        for attempt in 1.. {
            match server.launch() {
                Ok(()) => break,
                Err(why) => assert!(attempt < ATTEMPTS, "PostgreSQL does not start: {why}"),
            }
            server.port = free_port();
        }
        server
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Where the data is, as long as the server lives.
    pub(super) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub(super) fn start_again(&self) {
        assert!(self.process().is_none(), "the server runs already");
        for attempt in 1.. {
            match self.launch() {
                Ok(()) => break,
                Err(why) => assert!(attempt < ATTEMPTS, "PostgreSQL does not start again: {why}"),
            }
            thread::sleep(10 * POLL);
        }
    }

    pub(super) fn kill(&self) {
        self.end(|process| send_to_all(process, Signal::KILL));
    }

    pub(super) fn stop(&self) {
        self.end(|process| {
            send_to_all(process, Signal::CONT);
            send(process, Signal::QUIT);
        });
    }

    pub(super) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub(super) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process();
        send_to_all(process.as_ref().expect("the server runs").id(), signal);
    }

    fn end(&self, by: impl FnOnce(u32)) {
        if let Some(mut process) = self.process().take() {
            by(process.id());
            process.wait().expect("the server is a child of this process");
            self.directory.watch(None);
        }
    }

    /// Starts the server and waits until it answers. Answers why when it ends instead.
    fn launch(&self) -> Result<(), String> {
        let mut process = self.spawn();
        self.directory.watch(Some(process.id()));
        let begin = Instant::now();
        while !self.is_ready(process.id()) {
            if process.try_wait().expect("the server is a child of this process").is_some() {
                self.directory.watch(None);
                return Err(self.said());
            }
            assert!(begin.elapsed() < START_TIMEOUT, "PostgreSQL does not get ready: {}", self.said());
            thread::sleep(POLL);
        }
        *self.process() = Some(process);
        Ok(())
    }

    fn spawn(&self) -> Child {
        let output = File::create(self.directory.path().join("output")).expect("the directory is there");
        let errors = output.try_clone().expect("the system has a file descriptor to spare");
        let mut postgres = self.installation.server();
        postgres.args(["-D", "data", "-h", "127.0.0.1", "-p"]).arg(self.port.to_string());
        // A socket file would be in a directory that all servers share; shared memory in files goes with the directory.
        for setting in ["unix_socket_directories=", "dynamic_shared_memory_type=mmap"] {
            postgres.args(["-c", setting]);
        }
        for setting in &self.settings {
            postgres.args(["-c", setting]);
        }
        postgres.current_dir(self.directory.path()).stdout(output).stderr(errors);
        postgres.spawn().expect("postgres can be run")
    }

    /// Whether the pid file is of this process and says that it takes connections.
    fn is_ready(&self, process: u32) -> bool {
        let file = fs::read_to_string(self.directory.path().join("data/postmaster.pid")).unwrap_or_default();
        let mut lines = file.lines();
        lines.next() == Some(&process.to_string())
            && lines.nth(6).is_some_and(|status| matches!(status.trim(), "ready" | "standby"))
    }

    /// What the server has written to its output since its last start.
    fn said(&self) -> String {
        fs::read_to_string(self.directory.path().join("output")).unwrap_or_default()
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().expect("no holder of the process panics")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let drawn = || PORTS.start + (Uuid::now_v7().as_u128() % PORTS.len() as u128) as u16;
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(drawn).find(is_free).expect("an endless iterator")
}
