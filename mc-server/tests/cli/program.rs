//! The program in a process of its own, and a small client for it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use serde_json::Value;

/// The program with these arguments, and nothing of this process's configuration.
pub fn mission_control(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mission-control"));
    command.args(arguments);
    configured(command)
}

/// The command with nothing of this process's configuration, and with its output for the test.
pub fn configured(mut command: Command) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MC_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The address of a store in that directory.
pub fn store_in(directory: &Path) -> String {
    format!("sqlite:{}", directory.join("mc.db").display())
}

/// It must fail with status 1, and say why in one line, which is given back.
#[track_caller]
pub fn complaint(output: &Output) -> &str {
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    let complaint = text(&output.stderr);
    assert!(complaint.starts_with("mission-control: ") && complaint.lines().count() == 1, "{complaint}");
    complaint
}

/// A server that is ready. It is killed when it goes out of scope.
pub struct Server {
    child: Child,
    /// The line that says so.
    pub line: String,
    /// Where it listens.
    pub address: String,
}

impl Server {
    /// On a free port.
    pub fn on(store: &str) -> Self {
        Self::ready(mission_control(&["serve", "--listen", "127.0.0.1:0", "--store", store]))
    }

    /// Starts the command and waits until it says that it is ready.
    pub fn ready(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:"));
        let address = address.map(str::to_owned).unwrap_or_else(|| {
            let _ = child.kill();
            let why = child.stderr.take().map(io::read_to_string);
            panic!("not ready: {line:?} {why:?}")
        });
        Self { child, line, address }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Ends it well, and gives back what it printed.
    pub fn terminated(self) -> Output {
        self.signal("-TERM");
        self.ended()
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Output {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_end(&mut stderr).unwrap();
        }
        Output { status: self.child.wait().unwrap(), stdout, stderr }
    }

    /// Ends it as a power cut would.
    pub fn killed(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its log, to be read while it runs.
    pub fn log(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.child.stderr.take().unwrap())
    }

    pub fn get(&self, path: &str) -> Value {
        let answer = ask(&self.address, "GET", path, "", "").unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads lines until one has `words` in it.
pub fn wait_for(log: &mut impl BufRead, words: &str) {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ends without {words:?}");
    }
}

/// What a server answered.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

/// Sends the first part of a request with a body, and waits until the server asks for the rest.
pub fn begin_post(address: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// One request on a connection of its own, under an idempotency key unless that is empty.
///
/// # Errors
/// When the server is gone before the answer is complete.
pub fn ask(address: &str, method: &str, path: &str, key: &str, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    let key = if key.is_empty() { String::new() } else { format!("idempotency-key: {key}\r\n") };
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{key}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    answer(&mut stream)
}

/// One request that shows that credential, unless it is empty.
pub fn ask_as(address: &str, secret: &str, method: &str, path: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let bearer =
        if secret.is_empty() { String::new() } else { format!("authorization: Bearer {secret}\r\n") };
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{bearer}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    answer(&mut stream).unwrap()
}

/// Reads a whole answer.
///
/// # Errors
/// When it is not complete.
pub fn answer(stream: &mut TcpStream) -> io::Result<Answer> {
    let incomplete = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut read = Vec::new();
    stream.read_to_end(&mut read)?;
    let read = String::from_utf8(read).map_err(io::Error::other)?;
    let (head, body) = read.split_once("\r\n\r\n").ok_or_else(incomplete)?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    if length != Some(body.len()) {
        return Err(incomplete());
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(incomplete)?;
    Ok(Answer { status, body: serde_json::from_str(body)?, head })
}
