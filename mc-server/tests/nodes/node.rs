//! A server in a process of its own.

use std::{
    fs::OpenOptions,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use mc_store::testing::{Postgres, Proxy};
use serde_json::Value;
use uuid::Uuid;

use crate::wire::Request;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);
const PORTS: std::ops::Range<u16> = 10_000..20_000;
const POLL: Duration = Duration::from_millis(20);

/// A node: a server, running or not, that reaches its database through a proxy.
pub struct Node {
    pub address: SocketAddr,
    pub proxy: Proxy,
    store: String,
    log: PathBuf,
    process: Mutex<Option<Child>>,
}

impl Node {
    /// Starts a server on a database of `postgres`, with its log in `directory`.
    pub fn start(number: usize, postgres: &Postgres, database: &str, directory: &Path) -> Self {
        let proxy = Proxy::to(postgres.port());
        let store = format!("postgres://postgres@127.0.0.1:{}/{database}", proxy.port());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let log = directory.join(format!("node-{number}.log"));
        let node = Self { address, proxy, store, log, process: Mutex::new(None) };
        node.start_again();
        node
    }

    /// Starts the server where it was.
    pub fn start_again(&self) {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = program();
        command
            .args(["serve", "--listen", &self.address.to_string()])
            .envs([
                ("MC_STORE", self.store.as_str()),
                ("MC_LOG", "warn,mc_server::workers=info,mc_store=info"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        *self.process.lock().unwrap() = Some(command.spawn().unwrap());
    }

    /// Waits until it answers that it is ready.
    #[track_caller]
    pub fn wait_until_ready(&self) {
        let begin = Instant::now();
        while !Request::get("/readyz").send(self.address).is_ok_and(|answer| answer.status == 200) {
            let waits = begin.elapsed() < START && self.runs();
            assert!(waits, "{} does not get ready: {}", self.address, self.said());
            thread::sleep(POLL);
        }
    }

    fn runs(&self) -> bool {
        self.process.lock().unwrap().as_mut().is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    /// Whether the workers run here, as far as it says so.
    pub fn leads(&self) -> bool {
        let health = Request::get("/health").send(self.address);
        health.is_ok_and(|answer| answer.json()["leads"] == Value::Bool(true))
    }

    /// Ends the process as a power cut would.
    pub fn kill(&self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Lets the process stand still.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets the process go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let process = self.process.lock().unwrap();
        let number = process.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([name, &number]).status().unwrap().success());
    }

    /// What it has logged.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program, with nothing of this process's configuration.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mission-control"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MC_")) {
        command.env_remove(name);
    }
    command
}

/// A port that nobody listens on now, below those that systems give to outgoing connections: it is free again after a crash.
fn free_port() -> u16 {
    let drawn = || PORTS.start + (Uuid::now_v7().as_u128() % PORTS.len() as u128) as u16;
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(drawn).find(is_free).unwrap()
}
