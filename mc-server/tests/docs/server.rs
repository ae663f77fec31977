//! A real server on a port, a store and a directory of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// The program, as Cargo built it for this test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_mission-control");

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    directory: TempDir,
    arguments: Vec<String>,
    address: String,
}

impl Server {
    /// Starts the program with these arguments, and waits for the line that says where it listens.
    pub fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let programs = directory.path().join("bin");
        fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink(PROGRAM, programs.join("mission-control")).unwrap();
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        let (child, address) = run(&directory, &arguments);
        Self { child, directory, arguments, address }
    }

    /// Ends it, and waits for its end.
    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, on the same store.
    pub fn start_again(&mut self) {
        (self.child, self.address) = run(&self.directory, &self.arguments);
    }

    /// Where documents say it listens, made where it does.
    pub fn addressed(&self, text: &str) -> String {
        text.replace("localhost:3000", &self.address).replace("127.0.0.1:3000", &self.address)
    }

    /// A shell in the server's directory that knows the program.
    pub fn shell(&self, script: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let programs = self.directory.path().join("bin");
        let mut shell = Command::new("bash");
        shell
            .args(["-c", script])
            .current_dir(self.directory.path())
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("MC_LOG", "warn")
            .env("MC_SERVER", format!("http://{}", self.address));
        shell
    }

    /// The directory it runs in.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Starts the program, and waits for the line that says where it listens.
fn run(directory: &TempDir, arguments: &[String]) -> (Child, String) {
    let mut child = Command::new(PROGRAM)
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"])
        .args(arguments)
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
    (child, address)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been ended by what was typed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
