//! How long does it take to halt a squad of 1,000 agents while 32 callers act for them, next to one ordinary write under the same load?
//!
//! `cargo bench --bench emergency`; `-- --quick` takes only a few seconds. The server is the real one without the
//! network: its routes on SQLite, each write synced before its answer. The callers send heartbeats that are recorded, and
//! claim, start and submit tasks, each as fast as the server answers. *barrier* is the commit from which on nothing
//! starts. *pause* and *stop* are the whole requests: their answers come when every agent is paused and, for stop, every
//! task in progress is blocked. The numbers depend on the machine; the ratio hardly does.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt;
use mc_domain::{
    actor::Actor, aggregate::CommandContext, ids::ProjectId, operation::halt_squad, project::Halt,
    values::Name,
};
use mc_server::{
    app::{App, system_clock},
    health::{Health, Phase},
    refusal::Refused,
    service,
};
use mc_store::{repository::CommandEnvelope, sqlite::SqliteLog};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, task::JoinSet};
use tower::ServiceExt;

const AGENTS: usize = 1_000;
const CALLERS: usize = 32;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 5 } else { 40 };
    let runtime = Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let log = Arc::new(SqliteLog::open(directory.path().join("log.db")).unwrap());
    runtime.block_on(async {
        let health = Health::starting();
        let operator = Name::new("Sofie").unwrap();
        let app = App::recover(log, operator, system_clock(), health, Default::default()).await.unwrap();
        app.health().reach(Phase::Ready);
        let server = Server { router: service::recovered_service(app.clone()), app };
        measure(&server, rounds).await;
    });
}

async fn measure(server: &Server, rounds: usize) {
    let agents = server.squad().await;
    let project: ProjectId = id(&server.get("/api/projects/openclaw").await).parse().unwrap();
    let (over, acts) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let own: Vec<_> = agents.iter().skip(caller).step_by(CALLERS).cloned().collect();
        callers.spawn(act(server.clone(), own, Arc::clone(&over), Arc::clone(&acts)));
    }
    let begun = Instant::now();
    let [mut writes, mut barriers, mut pauses, mut stops] = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        // Let the squad work again before the next measurement.
        tokio::time::sleep(Duration::from_millis(100)).await;
        writes.push(timed(server.post("/api/tasks", task())).await);
        barriers.push(timed(server.barrier(project)).await);
        server.post("/api/emergency/resume-squad", json!({})).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        pauses.push(timed(server.post("/api/emergency/pause-squad", json!({}))).await);
        server.post("/api/emergency/resume-squad", json!({})).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        stops.push(timed(server.post("/api/emergency/stop", json!({}))).await);
        server.post("/api/emergency/resume-squad", json!({})).await;
    }
    let per_second = acts.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    callers.join_all().await;
    println!("{AGENTS} agents, {CALLERS} callers, {per_second:.0} acts per second meanwhile");
    println!("{:<10} {:>9} {:>9}  of the write", "", "p50 ms", "max ms");
    let write = half(&mut writes);
    for (name, times) in
        [("write", &mut writes), ("barrier", &mut barriers), ("pause", &mut pauses), ("stop", &mut stops)]
    {
        let (p50, max) = (half(times), times.last().copied().unwrap_or_default());
        println!("{name:<10} {:>9.2} {:>9.2}  {:>8.1}", ms(p50), ms(max), ms(p50) / ms(write));
    }
}

fn half(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

async fn timed<T>(what: impl Future<Output = T>) -> Duration {
    let begun = Instant::now();
    what.await;
    begun.elapsed()
}

/// Acts for agents, one after the other, and ignores what a halt refuses.
async fn act(server: Server, agents: Vec<String>, over: Arc<AtomicBool>, acts: Arc<AtomicU64>) {
    for (n, agent) in agents.iter().cycle().enumerate() {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let beat = json!({ "sessionKey": format!("session-{n}") });
        server.ask("POST", &format!("/api/agents/{agent}/heartbeat"), beat).await;
        acts.fetch_add(1, Ordering::Relaxed);
        let task = id(&server.post("/api/tasks", task()).await);
        let claim =
            server.ask("POST", &format!("/api/tasks/{task}/claim"), json!({ "agentId": agent })).await;
        acts.fetch_add(2, Ordering::Relaxed);
        if claim.0 != 200 {
            continue;
        }
        let actor = json!({ "type": "agent", "id": agent });
        let start =
            json!({ "toStatus": "in_progress", "workPlan": ["Read", "Write", "Check"], "actor": actor });
        server.ask("POST", &format!("/api/tasks/{task}/transition"), start).await;
        acts.fetch_add(1, Ordering::Relaxed);
    }
}

fn task() -> Value {
    json!({ "title": "Write the guide", "type": "docs" })
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

#[derive(Clone)]
struct Server {
    router: Router,
    app: App,
}

impl Server {
    async fn squad(&self) -> Vec<String> {
        self.ask("PUT", "/api/policy", json!({ "limits": { "maxAgents": AGENTS } })).await;
        let mut agents = Vec::new();
        for n in 0..AGENTS {
            agents.push(id(&self.post("/api/agents", json!({ "name": format!("Agent {n}") })).await));
        }
        agents
    }

    async fn barrier(&self, project: ProjectId) {
        let context = CommandContext::new(self.app.now(), Actor::Human(self.app.operator().clone()));
        let envelope = CommandEnvelope::new(context);
        let halted = self
            .app
            .repository()
            .execute(&envelope, |tx| Ok::<_, Refused>(halt_squad(tx, project, Halt::Pause, None)?));
        halted.await.map_err(|refused| refused.to_string()).unwrap();
    }

    async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Value::Null).await.1
    }

    /// Sends a write of an operator, which must succeed.
    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("POST", path, body).await;
        assert!(status == 200 || status == 201, "{path}: {answer}");
        answer
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(path).body(body).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), serde_json::from_slice(&body).unwrap())
    }
}
