//! One HTTP request on a connection of its own.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// How long a client waits for a server before it asks another one.
const PATIENCE: Duration = Duration::from_secs(3);

/// A request, to be sent to any node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    /// The idempotency key; none for a read.
    pub key: Option<String>,
    /// The position that the answer must reflect.
    pub position: Option<u64>,
    pub body: String,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The position that the answer reflects.
    pub position: Option<u64>,
    /// Whether it is the answer to an earlier request under the same key.
    pub is_replayed: bool,
    /// Whether the server could not ask the database.
    pub is_stale: bool,
    pub body: String,
}

impl Request {
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), ..Self::default() }
    }

    pub fn write(method: &'static str, path: impl Into<String>, body: &Value, key: String) -> Self {
        Self { method, path: path.into(), key: Some(key), body: body.to_string(), position: None }
    }

    pub fn at(self, position: u64) -> Self {
        Self { position: Some(position), ..self }
    }

    /// Sends it to the server at `address`.
    ///
    /// # Errors
    /// When no complete answer comes in time.
    pub fn send(&self, address: SocketAddr) -> io::Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(self.text(address).as_bytes())?;
        let mut read = Vec::new();
        stream.read_to_end(&mut read)?;
        Answer::parse(&read)
    }

    fn text(&self, address: SocketAddr) -> String {
        let Self { method, path, key, position, body } = self;
        let key = key.as_ref().map_or_else(String::new, |key| format!("idempotency-key: {key}\r\n"));
        let position = position.map_or_else(String::new, |position| format!("mc-position: {position}\r\n"));
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{key}{position}\
             content-length: {length}\r\n\r\n{body}"
        )
    }
}

impl Answer {
    fn parse(read: &[u8]) -> io::Result<Self> {
        let incomplete = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let text = std::str::from_utf8(read).map_err(io::Error::other)?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(incomplete)?;
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
        };
        if header("content-length").and_then(|length| length.parse().ok()) != Some(body.len()) {
            return Err(incomplete());
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(incomplete)?;
        Ok(Self {
            status,
            position: header("mc-position").and_then(|position| position.parse().ok()),
            is_replayed: header("idempotency-replayed").is_some(),
            is_stale: header("mc-stale").is_some(),
            body: body.to_owned(),
        })
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The member `name` of the body, which is a text.
    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", self.body)).to_owned()
    }
}
