//! The server of the command line, and HTTP connections that stay open.

use std::time::{Duration, Instant};

use clap::Parser;
use mc_server::{config::ServeOptions, serve::serve_until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

/// A task to create.
pub const NEW_TASK: &str = r#"{"title":"Research competitor pricing","description":"The five largest, by plan and seat.","type":"CUSTOMER_RESEARCH","priority":2,"labels":["pricing","q3"]}"#;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    serve: ServeOptions,
}

/// A running server.
pub struct Server {
    pub address: String,
    end: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Server {
    /// Starts a server on a store.
    pub async fn start(store: &str) -> Self {
        let listen = ["mission-control", "--listen", "127.0.0.1:0", "--store", store];
        // One credential makes all calls here.
        let options = Line::parse_from(listen.into_iter().chain(["--max-calls-per-second", "0"]));
        let ((end, ended), (ready, line)) = (oneshot::channel(), oneshot::channel::<String>());
        let served = tokio::spawn(async move {
            let end = async { drop(ended.await) };
            serve_until(&options.serve, end, |line| ready.send(line.to_owned()).unwrap()).await.unwrap();
        });
        let line = line.await.unwrap();
        let address = line.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
        Self { address, end, served }
    }

    /// Ends it, and waits until it has ended.
    pub async fn stop(self) {
        self.end.send(()).unwrap();
        self.served.await.unwrap();
    }
}

/// The bytes of a request.
pub fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    let bytes = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n{body}")
        .into_bytes()
}

/// The request that creates a task.
pub fn creation() -> Vec<u8> {
    request("POST", "/api/tasks", NEW_TASK)
}

/// One HTTP connection that stays open.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(64 * 1024) }
    }

    /// The time that each answer took, of the requests sent between the two instants.
    pub async fn cycle(mut self, requests: Vec<Vec<u8>>, from: Instant, to: Instant) -> Vec<Duration> {
        let mut latencies = Vec::with_capacity(1 << 17);
        for request in requests.iter().cycle() {
            let start = Instant::now();
            if start >= to {
                break;
            }
            self.ask(request).await;
            if start >= from {
                latencies.push(start.elapsed());
            }
        }
        latencies
    }

    /// Reads the body of the answer, whose status must be a success.
    pub async fn ask(&mut self, request: &[u8]) -> &[u8] {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        let (body, end) = loop {
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the server hung up");
            if let Some(head) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break (head + 4, head + 4 + content_length(&self.buffer[..head]));
            }
        };
        while self.buffer.len() < end {
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the server hung up");
        }
        let answer = || String::from_utf8_lossy(&self.buffer);
        assert!(self.buffer.starts_with(b"HTTP/1.1 2"), "{}", answer());
        &self.buffer[body..end]
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.unwrap().parse().unwrap()
}
