//! What the clients do: they create tasks, race for them, race for the last dollar of an agent, move tasks, send heartbeats, and
//! read on one node what they wrote on another.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Barrier, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    client::Client,
    ledger::{Ledger, Purpose},
    random::Random,
    wire::Answer,
};

/// The number of clients, each with an agent of its own.
pub const CLIENTS: usize = 6;
/// How many runs the budget of an agent that everybody starts runs of lasts for.
pub const RUNS_OF_A_PURSE: usize = 3;
/// What each of those runs is expected to cost, and what the budget allows.
const RUN: f64 = 0.1;
const PURSE: f64 = 0.35;
/// The pause of a client between two commands.
const PAUSE: Duration = Duration::from_millis(5);

/// What the clients race for.
#[derive(Default)]
struct Prizes {
    tasks: Mutex<Vec<Prize>>,
    /// Agents with a small budget.
    purses: Mutex<Vec<Prize>>,
}

/// Something by its id, and the position from which on it is there.
#[derive(Clone)]
struct Prize {
    id: String,
    position: u64,
}

/// The clients at work.
pub struct Load {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

/// A client with what it has seen so far.
struct Worker {
    client: Client,
    agent: String,
    prizes: Arc<Prizes>,
    /// How many of the tasks and of the purses it has raced for.
    raced: (usize, usize),
}

impl Load {
    /// Sets the clients to work on these nodes.
    pub fn begin(nodes: &[SocketAddr], ledger: &Arc<Ledger>, seed: u64) -> Self {
        let (is_over, prizes) = (Arc::new(AtomicBool::new(false)), Arc::new(Prizes::default()));
        let all_provided = Arc::new(Barrier::new(CLIENTS));
        let workers = (0..CLIENTS).map(|number| {
            let random = Random::new(seed ^ (number as u64 + 1) << 32);
            let client = Client::new(format!("c{number}"), nodes.to_vec(), Arc::clone(ledger), random);
            Worker::new(number, client, Arc::clone(&prizes))
        });
        let clients = workers.map(|mut worker| {
            let (is_over, all_provided) = (Arc::clone(&is_over), Arc::clone(&all_provided));
            thread::spawn(move || {
                while !is_over.load(SeqCst) {
                    worker.act();
                    thread::sleep(PAUSE);
                }
                all_provided.wait();
                worker.finish();
            })
        });
        Self { clients: clients.collect(), is_over }
    }

    /// Has the clients finish what they race for, and waits for them.
    pub fn end(self) {
        self.is_over.store(true, SeqCst);
        let ends: Vec<_> = self.clients.into_iter().map(JoinHandle::join).collect();
        assert!(ends.iter().all(Result::is_ok), "a client failed");
    }
}

impl Worker {
    fn new(number: usize, mut client: Client, prizes: Arc<Prizes>) -> Self {
        let agent = client.post("/api/agents", &json!({ "name": format!("Agent {number}") }));
        Self { client, agent: agent.text("id"), prizes, raced: (0, 0) }
    }

    fn act(&mut self) {
        match self.client.random.below(16) {
            0..7 => {
                if self.race().is_none() {
                    self.create();
                }
            }
            7..11 => {
                if self.start_run().is_none() {
                    self.provide();
                }
            }
            11 => self.create(),
            12 => self.heartbeat(),
            13 => self.errand(),
            _ => self.mention(),
        }
    }

    /// Takes part in every race that is left.
    fn finish(&mut self) {
        while self.race().is_some() || self.start_run().is_some() {}
    }

    /// Creates a task for all to race for, and reads it on any node.
    fn create(&mut self) {
        let created = self.client.post("/api/tasks", &json!({ "title": "Write", "type": "docs" }));
        if created.status != 201 {
            return;
        }
        let task = Prize::of(&created);
        let read = self.client.read(format!("/api/tasks/{}", task.id));
        assert_eq!(read.status, 200, "a task that was acknowledged is not there: {}", read.body);
        lock(&self.prizes.tasks).push(task);
    }

    /// Claims the next task; nothing when there is none. Whoever gets it works on it.
    fn race(&mut self) -> Option<()> {
        let Prize { id: task, position } = lock(&self.prizes.tasks).get(self.raced.0).cloned()?;
        self.raced.0 += 1;
        self.client.know(position);
        let (path, body) = (format!("/api/tasks/{task}/claim"), json!({ "agentId": self.agent }));
        let claimed = self.client.command("POST", path, &body, Purpose::Claim { task: task.clone() });
        if claimed.is_success() {
            self.work_on(&task);
        }
        Some(())
    }

    fn work_on(&mut self, task: &str) {
        let plan = json!(["Collect", "Compare", "Conclude"]);
        let start = json!({ "toStatus": "in_progress", "agentId": self.agent, "workPlan": plan });
        self.move_task(task, &start);
    }

    /// Creates a task of the own agent's, works on it, and ends it.
    fn errand(&mut self) {
        let body = json!({ "title": "An errand", "type": "docs", "assigneeIds": [self.agent] });
        let created = self.client.post("/api/tasks", &body);
        if created.status == 201 {
            let task = created.text("id");
            self.work_on(&task);
            self.move_task(&task, &json!({ "toStatus": "canceled", "reason": "enough" }));
        }
    }

    fn move_task(&mut self, task: &str, to: &Value) {
        let moved = self.client.post(format!("/api/tasks/{task}/transition"), to);
        if moved.is_success() {
            let read = self.client.read(format!("/api/tasks/{task}"));
            let version = |body: Value| body["version"].as_u64().unwrap();
            assert!(version(read.json()) >= version(moved.json()), "an older version is read");
        }
    }

    /// Registers an agent whose budget lasts for a few runs.
    fn provide(&mut self) {
        let name = format!("Purse {:08x}", self.client.random.below(1 << 32));
        let budgets = json!({ "dailyCap": PURSE, "perRunCap": RUN });
        let purse = self.client.post("/api/agents", &json!({ "name": name, "budgets": budgets }));
        if purse.status == 201 {
            lock(&self.prizes.purses).push(Prize::of(&purse));
        }
    }

    /// Starts a run of the next agent with a small budget, and completes it; nothing when there is no such agent.
    fn start_run(&mut self) -> Option<()> {
        let Prize { id: agent, position } = lock(&self.prizes.purses).get(self.raced.1).cloned()?;
        self.raced.1 += 1;
        self.client.know(position);
        let body = json!({ "agentId": agent, "model": "small", "estimatedCost": RUN });
        let started = self.client.command("POST", "/api/runs", &body, Purpose::Run { agent });
        if started.status == 201 {
            let end = json!({ "status": "completed", "inputTokens": 10, "outputTokens": 5, "cost": RUN });
            self.client.post(format!("/api/runs/{}/complete", started.text("id")), &end);
        }
        Some(())
    }

    fn heartbeat(&mut self) {
        self.client.post(format!("/api/agents/{}/heartbeat", self.agent), &json!({}));
    }

    /// Posts a message that some worker has to tell an agent of.
    fn mention(&mut self) {
        let drawn = self.client.random.below(1 << 32);
        let task = {
            let tasks = lock(&self.prizes.tasks);
            tasks.get(drawn % tasks.len().max(1)).cloned()
        };
        if let Some(Prize { id, position }) = task {
            self.client.know(position);
            let message = json!({ "content": "A word about this", "mentions": [self.agent] });
            self.client.post(format!("/api/tasks/{id}/messages"), &message);
        }
    }
}

impl Prize {
    fn of(created: &Answer) -> Self {
        let position = created.position.expect("an acknowledged command has a position");
        Self { id: created.text("id"), position }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
