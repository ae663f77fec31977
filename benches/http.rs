//! How many tasks per second are created, moved and listed over HTTP, each write synced before its answer, next to a route that only echoes JSON?
//!
//! `cargo bench --bench http`; `-- --quick` takes only a few seconds. The server is the real one, as the command line
//! starts it: SQLite, every layer, a line in its log for each request. Every connection waits for its answer before it
//! sends the next request. The echo is an axum route that parses the body of a creation and sends it back. All clients
//! share one thread, and the machine's cores with the servers. The numbers depend on the machine; the ratio hardly does.
//!
//! Then: what does it cost that a request shows a credential? The same requests go to a server that asks for none and to
//! one that asks for an operator's, in pairs whose order alternates. The goal is at most 3 %. `-- --credentials` asks only
//! this.
#![allow(clippy::unwrap_used)]

mod wire;

use std::{
    future::IntoFuture,
    path::Path,
    time::{Duration, Instant},
};

use axum::{Json, Router, routing::post, serve::ListenerExt};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    runtime::{self, Runtime},
    task::JoinSet,
};
use wire::{Client, NEW_TASK, Server, creation, request};

const CONNECTIONS: [usize; 2] = [1, 64];
/// How long each measurement runs before it counts, so that caches are warm.
const WARM_UP: Duration = Duration::from_millis(200);
/// How many tasks there are when the list is measured.
const LISTED_TASKS: usize = 1_000;

fn main() {
    let asked = |option| std::env::args().any(|argument| argument == option);
    let quick = asked("--quick");
    let (length, rounds) = if quick { (Duration::from_millis(400), 3) } else { (Duration::from_secs(3), 5) };
    let directory = tempfile::tempdir().unwrap();
    log_to(&directory.path().join("server.log"));
    let bench = Bench::new(length);
    if !asked("--credentials") {
        bench_of_the_echo(&bench, rounds);
    }
    println!(
        "\n{:>11}  {:<22} {:>10} {:>10}  {:<8} pairs",
        "connections", "", "open/s", "secured/s", "dearer"
    );
    for connections in CONNECTIONS {
        bench.compare(connections, rounds * 4 + 1);
    }
}

fn bench_of_the_echo(bench: &Bench, rounds: usize) {
    println!(
        "{:>11}  {:<22} {:>10} {:>9} {:>9} {:>9}  of the echo",
        "connections", "", "per s", "p50 ms", "p99 ms", "max ms"
    );
    for connections in CONNECTIONS {
        // The cases take turns, so that other load on the machine affects all of them.
        let rounds: Vec<_> = (0..rounds).map(|_| bench.round(connections)).collect();
        print(connections, "echo", &rounds, 0);
        print(connections, "create a task", &rounds, 1);
        print(connections, "move a task", &rounds, 2);
        print(connections, "list 50 of 1,000 tasks", &rounds, 3);
    }
}

/// Logs as the command line does by default, but to a file.
fn log_to(path: &Path) {
    let file = std::fs::File::create(path).unwrap();
    tracing_subscriber::fmt().with_env_filter("info").with_writer(file).with_ansi(false).init();
}

/// The median of each value over the rounds. The ratio compares two cases of one round.
fn print(connections: usize, name: &str, rounds: &[[Measured; 4]], case: usize) {
    let median = |value: &dyn Fn(&[Measured; 4]) -> f64| {
        let mut values: Vec<_> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let per_second = median(&|round| round[case].per_second);
    let [p50, p99, max] = [0, 1, 2].map(|at| median(&|round| round[case].latencies_ms[at]));
    let ratio = median(&|round| 100.0 * round[case].per_second / round[0].per_second);
    println!(
        "{connections:>11}  {name:<22} {per_second:>10.0} {p50:>9.3} {p99:>9.3} {max:>9.3}  {ratio:>5.1} %"
    );
}

/// The most requests per second of all pairs, without and with a credential, since other load on the machine only ever slows
/// them; how much dearer they are with it, by these and in the median pair; and in each pair.
fn print_pairs(connections: usize, name: &str, pairs: &[(f64, f64)]) {
    let dearer = |open: f64, secured: f64| 100.0 * (open / secured - 1.0);
    let mut each: Vec<_> = pairs.iter().map(|(open, secured)| dearer(*open, *secured)).collect();
    let listed: Vec<_> = each.iter().map(|percent| format!("{percent:+.1}")).collect();
    each.sort_by(f64::total_cmp);
    let best = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).fold(0.0, f64::max);
    let (open, secured, listed) = (best(|pair| pair.0), best(|pair| pair.1), listed.join(" "));
    let (at_best, median) = (dearer(open, secured), each[each.len() / 2]);
    println!(
        "{connections:>11}  {name:<22} {open:>10.0} {secured:>10.0}  {at_best:>+5.1} %  {median:>+5.1} %  {listed}"
    );
}

struct Measured {
    per_second: f64,
    /// The time within which 50 %, 99 % and all of the answers came.
    latencies_ms: [f64; 3],
}

struct Bench {
    servers: Runtime,
    clients: Runtime,
    length: Duration,
}

impl Bench {
    fn new(length: Duration) -> Self {
        let servers = Runtime::new().unwrap();
        let clients = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { servers, clients, length }
    }

    fn round(&self, connections: usize) -> [Measured; 4] {
        let echo = self.servers.block_on(echo());
        let request = request("POST", "/echo", NEW_TASK);
        [
            self.measure(&echo, vec![vec![request]; connections]),
            self.with_server(|server| self.measure(&server.address, vec![vec![creation()]; connections])),
            self.with_server(|server| {
                let moves = self.clients.block_on(prepare_moves(&server.address, connections));
                self.measure(&server.address, moves)
            }),
            self.with_server(|server| {
                self.clients.block_on(create_tasks(&server.address, LISTED_TASKS));
                let list = request_list();
                self.measure(&server.address, vec![vec![list]; connections])
            }),
        ]
    }

    /// Sends the same requests to a server that asks for no credentials and to one that does, pair by pair.
    fn compare(&self, connections: usize, pairs: usize) {
        let (open, secured) = (Stored::start(&self.servers), Stored::start(&self.servers));
        let secret = self.clients.block_on(async {
            for stored in [&open, &secured] {
                create_tasks(&stored.server.address, LISTED_TASKS).await;
            }
            issue_credential(&secured.server.address).await
        });
        let cases = [
            ("who am I", request("GET", "/api/whoami", "")),
            ("list 50 of 1,000 tasks", request_list()),
            ("create a task", creation()),
        ];
        for (name, request) in cases {
            let shown = showing(&secret, &request);
            let without =
                || self.measure(&open.server.address, vec![vec![request.clone()]; connections]).per_second;
            let with =
                || self.measure(&secured.server.address, vec![vec![shown.clone()]; connections]).per_second;
            let pair = |number: usize| match number.is_multiple_of(2) {
                true => (without(), with()),
                false => {
                    let with = with();
                    (without(), with)
                }
            };
            print_pairs(connections, name, &(0..pairs).map(pair).collect::<Vec<_>>());
        }
        self.servers.block_on(async {
            open.server.stop().await;
            secured.server.stop().await;
        });
    }

    fn with_server<T>(&self, measure: impl FnOnce(&Server) -> T) -> T {
        let stored = Stored::start(&self.servers);
        let measured = measure(&stored.server);
        self.servers.block_on(stored.server.stop());
        measured
    }

    /// Sends the requests of each connection one after the other, again and again.
    fn measure(&self, address: &str, requests: Vec<Vec<Vec<u8>>>) -> Measured {
        let mut latencies: Vec<Duration> = self.clients.block_on(async {
            let mut clients = JoinSet::new();
            let counted_from = Instant::now() + WARM_UP;
            for requests in requests {
                let client = Client::connect(address).await;
                clients.spawn(client.cycle(requests, counted_from, counted_from + self.length));
            }
            clients.join_all().await.concat()
        });
        latencies.sort_unstable();
        let quantile = |q: f64| latencies[((latencies.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
        let per_second = latencies.len() as f64 / self.length.as_secs_f64();
        Measured { per_second, latencies_ms: [0.5, 0.99, 1.0].map(quantile) }
    }
}

/// A server on its own store in a temporary directory.
struct Stored {
    server: Server,
    _directory: TempDir,
}

impl Stored {
    fn start(servers: &Runtime) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", directory.path().join("log.db").display());
        Self { server: servers.block_on(Server::start(&store)), _directory: directory }
    }
}

/// The reference: parses the body and sends it back.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    let router = Router::new().route("/echo", post(async |Json(body): Json<Value>| Json(body)));
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

/// The same request with a credential.
fn showing(secret: &str, request: &[u8]) -> Vec<u8> {
    let request = std::str::from_utf8(request).unwrap();
    request.replacen("\r\n", &format!("\r\nauthorization: Bearer {secret}\r\n"), 1).into_bytes()
}

/// Issues the first credential, from which on the server asks for one, and answers its secret.
async fn issue_credential(address: &str) -> String {
    let mut client = Client::connect(address).await;
    let ada = r#"{"name":"Ada","role":"operator"}"#;
    let issued = client.ask(&request("POST", "/api/credentials", ada)).await;
    let issued: Value = serde_json::from_slice(issued).unwrap();
    issued["secret"].as_str().unwrap().to_owned()
}

fn request_list() -> Vec<u8> {
    request("GET", "/api/tasks?limit=50", "")
}

async fn create_tasks(address: &str, tasks: usize) -> Vec<String> {
    let mut client = Client::connect(address).await;
    let mut created = Vec::new();
    for _ in 0..tasks {
        let answer: Value = serde_json::from_slice(client.ask(&creation()).await).unwrap();
        created.push(answer["id"].as_str().unwrap().to_owned());
    }
    created
}

/// Creates a task per connection, which an operator assigns and takes back again and again. The default policy would
/// call that a loop.
async fn prepare_moves(address: &str, connections: usize) -> Vec<Vec<Vec<u8>>> {
    let patient = r#"{"loops":{"pairRepeats":10000}}"#;
    Client::connect(address).await.ask(&request("PUT", "/api/policy", patient)).await;
    let agent = r#"{"name":"Scout","role":"specialist"}"#;
    Client::connect(address).await.ask(&request("POST", "/api/agents", agent)).await;
    let tasks = create_tasks(address, connections).await;
    let moves = [r#"{"toStatus":"assigned","assigneeIds":["Scout"]}"#, r#"{"toStatus":"inbox"}"#];
    let of = |task| moves.map(|to| request("POST", &format!("/api/tasks/{task}/transition"), to)).to_vec();
    tasks.iter().map(of).collect()
}
