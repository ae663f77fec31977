//! A client: it sends commands to any node, and repeats under the same key on another what was not answered.

use std::{
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    ledger::{Command, Ledger, Purpose},
    random::Random,
    wire::{Answer, Request},
};

/// How long a command may stay without an answer, over all its repeats.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
/// What a node answers that can neither take nor refuse a command now.
const UNSETTLED: &[u16] = &[503];

pub struct Client {
    /// The first part of all its keys.
    name: String,
    nodes: Vec<SocketAddr>,
    ledger: Arc<Ledger>,
    pub random: Random,
    sent: usize,
    /// The highest position that it knows of: what it asks for may rest on what is there.
    known: u64,
}

impl Client {
    pub fn new(name: String, nodes: Vec<SocketAddr>, ledger: Arc<Ledger>, random: Random) -> Self {
        Self { name, nodes, ledger, random, sent: 0, known: 0 }
    }

    /// Tells it of a position that another client has seen.
    pub fn know(&mut self, position: u64) {
        self.known = self.known.max(position);
    }

    pub fn post(&mut self, path: impl Into<String>, body: &Value) -> Answer {
        self.command("POST", path, body, Purpose::Other)
    }

    /// Sends a command until it is taken or refused.
    #[track_caller]
    pub fn command(
        &mut self,
        method: &'static str,
        path: impl Into<String>,
        body: &Value,
        purpose: Purpose,
    ) -> Answer {
        self.sent += 1;
        let key = format!("{}-{}", self.name, self.sent);
        let request = Request::write(method, path, body, key).at(self.known);
        let (answer, attempts) = self.settled(&request);
        self.know(answer.position.unwrap_or_default());
        assert!(answer.status < 500, "{request:?}: {answer:?}");
        self.ledger.add(Command {
            request,
            purpose,
            answer: answer.clone(),
            answered_at: Instant::now(),
            attempts,
        });
        answer
    }

    /// Reads from any node what is there at the position that the client knows of.
    #[track_caller]
    pub fn read(&mut self, path: impl Into<String>) -> Answer {
        let (answer, _) = self.settled(&Request::get(path).at(self.known));
        assert!(answer.position.is_some_and(|reached| reached >= self.known), "{}: {answer:?}", self.known);
        answer
    }

    #[track_caller]
    fn settled(&mut self, request: &Request) -> (Answer, u64) {
        let (begin, mut node) = (Instant::now(), self.random.below(self.nodes.len()));
        for attempts in 1.. {
            let sent = request.send(self.nodes[node]);
            match sent {
                Ok(answer) if !UNSETTLED.contains(&answer.status) && !is_crowded(&answer) => {
                    return (answer, attempts);
                }
                other => assert!(begin.elapsed() < PATIENCE, "{request:?} is not settled: {other:?}"),
            }
            node = (node + 1) % self.nodes.len();
            thread::sleep(PAUSE);
        }
        unreachable!("an endless range")
    }
}

/// Whether so many changed the same thing at once that the node has given up, and asks for a repeat.
fn is_crowded(answer: &Answer) -> bool {
    answer.status == 409 && answer.json()["code"] == "concurrent_change"
}
