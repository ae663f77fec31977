//! The server in a process of its own, with a store that outlives it.

use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wire::ask;

/// A server that is ready, with the example squad. It is killed when it goes out of scope.
pub struct Server {
    child: Child,
    directory: TempDir,
    /// Where it listens.
    pub address: String,
    /// The operator's credential; empty where the server asks for none.
    pub secret: String,
}

impl Server {
    /// A server that asks for no credential.
    pub fn open() -> Self {
        Self::begin(tempfile::tempdir().unwrap(), false)
    }

    /// A server that asks for a credential.
    pub fn closed() -> Self {
        Self::begin(tempfile::tempdir().unwrap(), true)
    }

    /// A server that asks for a credential, and whose squad has a day of work behind it.
    pub fn lived_in() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let seeded = program(&["seed", "--demo", "--store", &store_in(&directory)]).output().unwrap();
        assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
        Self::begin(directory, true)
    }

    fn begin(directory: TempDir, asks_for_credential: bool) -> Self {
        let file = directory.path().join("operator.credential").display().to_string();
        let first: &[&str] = if asks_for_credential { &["--first-credential-file", &file] } else { &[] };
        let (child, address) = serve(&directory, "127.0.0.1:0", first);
        let secret =
            if asks_for_credential { std::fs::read_to_string(&file).unwrap() } else { String::new() };
        Self { child, directory, address, secret: secret.trim().to_owned() }
    }

    /// Ends the process as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        (self.child, self.address) = serve(&self.directory, &self.address, &[]);
    }

    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, "")
    }

    /// A write by REST, as any other client makes it; what it answers.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, &body.to_string())
    }

    /// Creates a task, and gives back its id.
    #[track_caller]
    pub fn create(&self, title: &str) -> String {
        let task = self.post("/api/tasks", &json!({ "title": title, "type": "docs" }));
        task["id"].as_str().unwrap().to_owned()
    }

    /// Creates a task of that agent's, and gives back its id.
    #[track_caller]
    pub fn assign(&self, title: &str, agent: &str) -> String {
        let task = json!({ "title": title, "type": "docs", "assigneeIds": [agent] });
        self.post("/api/tasks", &task)["id"].as_str().unwrap().to_owned()
    }

    /// What is there in a field of what the interface answers, as a text.
    #[track_caller]
    pub fn text(&self, path: &str, field: &str) -> String {
        let answer = self.get(path);
        answer[field].as_str().unwrap_or_else(|| panic!("{path}: {answer}")).to_owned()
    }

    /// A write that may be refused.
    #[track_caller]
    pub fn try_post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.answer("POST", path, &body.to_string())
    }

    /// The file of the store.
    pub fn store(&self) -> PathBuf {
        self.directory.path().join("mc.db")
    }

    #[track_caller]
    fn answer(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let head = match self.secret.as_str() {
            "" => String::new(),
            secret => format!("authorization: Bearer {secret}\r\n"),
        };
        ask(&self.address, method, path, &head, body).unwrap()
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.answer(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the program, and waits until it says where it listens.
fn serve(directory: &TempDir, listen: &str, more: &[&str]) -> (Child, String) {
    let mut command = program(&["serve", "--seed", "--listen", listen, "--store", &store_in(directory)]);
    let mut child = command.args(["--log", "warn"]).args(more).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:")).map(str::to_owned);
    let address = address.unwrap_or_else(|| {
        let _ = child.kill();
        let mut why = String::new();
        let _ = child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut why));
        panic!("not ready: {line:?} {why}")
    });
    (child, address)
}

fn store_in(directory: &TempDir) -> String {
    format!("sqlite:{}", directory.path().join("mc.db").display())
}

/// The program with these arguments, and nothing of this process's configuration.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mission-control"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MC_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
