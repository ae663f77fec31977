//! How long does the server work on each view of the page, and how much of it goes over the line?
//!
//! `cargo bench --bench page`; `-- --quick` asks each view fewer times. The server is in this process, without a network, on
//! a log in memory: a thousand open tasks, thirty agents, runs, approvals and alerts. Each view is asked again and again,
//! and its median time compared with that of the board by REST, which is asked in turns with it. Beside it are the bytes of
//! the view as it is, and as it is sent. The goals: the board with 200 cards below 10 ms, and the first page with all that it
//! loads below 100 KB as it is sent.
#![allow(clippy::unwrap_used)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, header},
};
use http_body_util::BodyExt;
use mc_domain::values::Name;
use mc_server::{
    app::{App, system_clock},
    health::Health,
    service::recovered_service,
};
use mc_store::memory::MemoryLog;
use serde_json::{Value, json};
use tower::ServiceExt;

const TASKS: usize = 1_000;
const AGENTS: usize = 30;
/// How many tasks agents blocked, each of which raised an alert.
const BLOCKED: usize = 60;
/// How many tasks wait for a review, after a run.
const IN_REVIEW: usize = 60;
/// How many tasks wait in a list of an agent's.
const ASSIGNED: usize = 100;
/// How many agents work.
const WORKING: usize = 20;
/// How many other agents wait for an approval.
const WAITING: usize = 8;
/// With so many cards per column at most, the board shows 200.
const BOARD: &str = "limit=43";
const CARDS: usize = 200;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 50 } else { 500 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bench(rounds));
}

async fn bench(rounds: usize) {
    let server = Server::start().await;
    let things = server.fill().await;
    let reference = format!("/api/board?{BOARD}");
    println!("{:<26} {:>9} {:>12} {:>10} {:>10}", "", "ms", "of REST", "bytes", "gzip");
    let views = [format!("/?{BOARD}"), "/".to_owned()].into_iter().chain(things);
    for view in [reference.clone()].into_iter().chain(views) {
        let (mut times, mut references) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            references.push(server.time(&reference).await);
            times.push(server.time(&view).await);
        }
        let (took, rest) = (median(times), median(references));
        let (plain, sent) = (server.load(&view, false).await.len(), server.load(&view, true).await.len());
        let ratio = took.as_secs_f64() / rest.as_secs_f64();
        let name = named(&view);
        println!("{name:<26} {:>9.3} {ratio:>10.2} x {plain:>10} {sent:>10}", took.as_secs_f64() * 1e3);
    }
    let page = String::from_utf8(server.load(&format!("/?{BOARD}"), false).await).unwrap();
    println!("\nThe board shows {} cards; {CARDS} are meant.", page.matches("<li class=\"card\"").count());
    server.print_first_page(&page).await;
}

/// The address without the id in it.
fn named(view: &str) -> String {
    let parts = view.split('/').map(|part| if part.len() == 36 { "…" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

struct Server {
    router: Router,
}

impl Server {
    async fn start() -> Self {
        let (log, operator) = (Arc::new(MemoryLog::new()), Name::new("Sofie").unwrap());
        let app = App::recover(log, operator, system_clock(), Health::starting(), Default::default());
        Self { router: recovered_service(app.await.unwrap()) }
    }

    async fn ask(&self, request: Request<Body>) -> Vec<u8> {
        let asked = format!("{} {}", request.method(), request.uri());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{asked}: {status} {}", String::from_utf8_lossy(&body));
        body.into()
    }

    /// The body of an answer, as it is or as it is sent to a browser.
    async fn load(&self, address: &str, packed: bool) -> Vec<u8> {
        let coding = if packed { "gzip" } else { "identity" };
        self.ask(Request::get(address).header(header::ACCEPT_ENCODING, coding).body(Body::empty()).unwrap())
            .await
    }

    /// The time that the server works on an answer, compression left out: the interface does not compress.
    async fn time(&self, address: &str) -> Duration {
        let start = Instant::now();
        self.load(address, false).await;
        start.elapsed()
    }

    async fn post(&self, path: &str, body: Value) -> String {
        let mut request = Request::new(Body::from(body.to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().unwrap();
        let answer: Value = serde_json::from_slice(&self.ask(request).await).unwrap();
        answer["id"].as_str().unwrap_or_default().to_owned()
    }

    async fn transition(&self, task: &str, to: Value) {
        self.post(&format!("/api/tasks/{task}/transition"), to).await;
    }

    /// Fills the server, and gives back the addresses of the other views.
    async fn fill(&self) -> Vec<String> {
        let mut agents = Vec::new();
        for number in 0..AGENTS {
            let body = json!({ "name": format!("Agent {number}"), "role": "lead", "emoji": "🔎" });
            agents.push(self.post("/api/agents", body).await);
        }
        let mut tasks = Vec::new();
        for number in 0..TASKS {
            tasks.push(self.create(number).await);
        }
        let run = self.live_through(&agents, &tasks).await;
        let views = ["tasks", "approvals", "agents", "runs", "costs", "alerts", "notifications", "standup"];
        let more = ["feed", "policy", "credentials", "health-and-workers", "tasks/new"];
        let of_one =
            [format!("/tasks/{}", tasks[0]), format!("/agents/{}", agents[0]), format!("/runs/{run}")];
        views.iter().chain(&more).map(|view| format!("/{view}")).chain(of_one).collect()
    }

    async fn create(&self, number: usize) -> String {
        let kinds = ["docs", "content", "engineering", "ops"];
        let body = json!({
            "title": format!("Guide {number} on what customers asked for"),
            "description": "What was asked, what to answer, and where the answer is to be put.",
            "type": kinds[number % kinds.len()],
            "priority": number % 4 + 1,
            "labels": ["q1"],
        });
        self.post("/api/tasks", body).await
    }

    /// Brings the first tasks where they are meant to be, and gives back a run.
    async fn live_through(&self, agents: &[String], tasks: &[String]) -> String {
        let mut tasks = tasks.iter().enumerate();
        let mut run = String::new();
        for (number, task) in tasks.by_ref().take(IN_REVIEW) {
            let agent = &agents[number % AGENTS];
            run = self.begin(agent, task).await;
            let end = json!({ "status": "completed", "inputTokens": 1000, "outputTokens": 50, "cost": 0.02 });
            self.post(&format!("/api/runs/{run}/complete"), end).await;
            let submitted = json!({
                "toStatus": "review", "agentId": agent, "deliverable": "The guide", "reviewChecklist": ["It answers"],
            });
            self.transition(task, submitted).await;
        }
        for (number, task) in tasks.by_ref().take(BLOCKED) {
            let agent = &agents[number % AGENTS];
            let run = self.begin(agent, task).await;
            let aborted = json!({ "status": "aborted", "actor": "human" });
            self.post(&format!("/api/runs/{run}/complete"), aborted).await;
            let reason = "The brief says nothing about the audience";
            let blocked = json!({ "toStatus": "blocked", "agentId": agent, "blockedReason": reason });
            self.transition(task, blocked).await;
        }
        for (number, task) in tasks.by_ref().take(ASSIGNED) {
            self.transition(
                task,
                json!({ "toStatus": "assigned", "assigneeIds": [agents[number % AGENTS]] }),
            )
            .await;
        }
        for (number, (agent, (_, task))) in agents.iter().zip(tasks.take(WORKING + WAITING)).enumerate() {
            self.begin(agent, task).await;
            if number >= WORKING {
                self.ask_approval(agent, task, number).await;
            }
        }
        run
    }

    /// An agent starts a task, and a run for it.
    async fn begin(&self, agent: &str, task: &str) -> String {
        self.transition(task, json!({ "toStatus": "assigned", "assigneeIds": [agent] })).await;
        let plan = json!(["Collect", "Compare", "Conclude"]);
        self.transition(task, json!({ "toStatus": "in_progress", "agentId": agent, "workPlan": plan })).await;
        let run = json!({ "agentId": agent, "taskId": task, "model": "small", "estimatedCost": 0.02 });
        self.post("/api/runs", run).await
    }

    async fn ask_approval(&self, agent: &str, task: &str, number: usize) {
        let asked = json!({
            "agentId": agent, "taskId": task, "actionType": "tool_call", "summary": format!("Send letter {number}"),
            "risk": "yellow", "justification": "It was asked for",
        });
        self.post("/api/approvals", asked).await;
    }

    /// What a browser loads that was never here, as it is sent.
    async fn print_first_page(&self, page: &str) {
        let mut sum = self.load(&format!("/?{BOARD}"), true).await.len();
        println!("\n{:<26} {sum:>9} bytes as sent", "the board");
        for asset in page.split('"').filter(|part| part.starts_with("/assets/")) {
            let (bytes, name) = (self.load(asset, true).await.len(), asset.rsplit('/').next().unwrap());
            println!("{name:<26} {bytes:>9}");
            sum += bytes;
        }
        println!("{:<26} {sum:>9}, the goal is below 100000", "together");
    }
}
