//! Emergencies: a halt stops the squad at once, whatever its agents do meanwhile.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http_body_util::BodyExt;
use mc_domain::{
    actor::Actor,
    agent::{Agent, Heartbeat},
    aggregate::CommandContext,
    ids::{AgentId, LeaseId, ProjectId, RunId, TaskId},
    money::Usd,
    operation::{
        CompleteRun, CreateTask, MoveTask, Outcome, Rejection, StartRun, claim_task, complete_run,
        create_task, halt_squad, heartbeat, move_task, start_run,
    },
    project::{self, Halt},
    recorded::AnyEvent,
    run::{self, Bill, Run},
    task::{self, Details, Move, Task, TaskType, WorkPlan},
    transaction::Transaction,
    values::{Label, Name, Reason},
};
use mc_server::refusal::Refused;
use mc_store::{codec, log::MAX_PAGE_EVENTS, repository::CommandEnvelope};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};
use uuid::Uuid;

use crate::app::App;

/// Halts the default project without the steps that follow, as after a crash.
async fn barrier(app: &App, halt: Halt) {
    let project: ProjectId = app.get("/api/projects/openclaw").await.expect(200).id().parse().unwrap();
    let context = CommandContext::new(app.now(), Actor::Human(Name::new("Sofie").unwrap()));
    let envelope = CommandEnvelope::new(context);
    let halted = app
        .state()
        .repository()
        .execute(&envelope, |tx| Ok::<_, Refused>(halt_squad(tx, project, halt, None)?));
    halted.await.map_err(|refused| refused.to_string()).unwrap();
}

#[tokio::test]
async fn a_halt_is_the_projects_alone_and_what_follows_comes_with_its_answer() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let task = app.in_progress(&scout).await;
    let paused = app.post("/api/emergency/pause-squad", json!({ "reason": "Costs" })).await.expect(200);
    let paused = paused.recorded(&["project.squad_paused", "agent.paused"]);
    assert_eq!(paused.body, json!({ "paused": 1, "agents": [scout] }));
    assert_eq!(paused.header("mc-position"), app.head().to_string());
    let note: Value = serde_json::from_str(&paused.facts[1].payload).unwrap();
    assert_eq!(note["paused"], json!({ "reason": "squad", "note": "Costs" }));
    let stopped = app.post("/api/emergency/stop", json!({})).await.expect(200);
    let stopped = stopped.recorded(&["project.squad_paused", "task.blocked", "agent.released"]);
    assert_eq!(stopped.body, json!({ "paused": 0, "blocked": 1, "agents": [], "tasks": [task] }));
}

#[tokio::test]
async fn a_repeat_of_a_halt_is_answered_as_the_first_time() {
    let app = App::on_disk().await;
    let scout = app.agent("Scout").await;
    app.in_progress(&scout).await;
    let first = app.post("/api/emergency/stop", json!({})).key("k").await.expect(200);
    app.post("/api/emergency/resume-squad", json!({})).await.expect(200);
    let app = app.restarted().await;
    let again = app.post("/api/emergency/stop", json!({})).key("k").await.expect(200).recorded(&[]);
    assert!(again.is_replayed());
    assert_eq!(again.body, first.body);
    assert_eq!(app.get("/api/agents/scout").await.expect(200)["status"], "active");
}

#[tokio::test]
async fn from_the_barrier_on_the_squad_is_shown_and_treated_as_stopped() {
    let app = App::new().await;
    let (scout, echo) = (app.agent("Scout").await, app.agent("Echo").await);
    let (held, free) = (app.in_progress(&scout).await, app.task("Free").await);
    barrier(&app, Halt::Pause).await;
    for agent in ["scout", "echo"] {
        let shown = app.get(format!("/api/agents/{agent}")).await.expect(200);
        assert_eq!((&shown["status"], &shown["pauseReason"]), (&json!("paused"), &json!("squad")));
    }
    assert_eq!(app.get("/api/agents?status=active").await.expect(200).body, json!([]));
    assert_eq!(app.get("/api/metrics").await.expect(200)["agentHealth"]["active"], 0);
    let claim = json!({ "agentId": echo });
    app.post(format!("/api/tasks/{free}/claim"), claim.clone()).await.refused(409, "squad_stopped");
    let run = json!({ "agentId": scout, "taskId": held, "model": "small" });
    app.post("/api/runs", run).await.refused(409, "squad_stopped");
    let submit =
        json!({ "toStatus": "blocked", "reason": "Stuck", "actor": { "type": "agent", "id": scout } });
    app.post(format!("/api/tasks/{held}/transition"), submit).await.refused(409, "squad_stopped");

    let alone = app.post("/api/agents/echo/resume", json!({})).await.expect(200);
    assert_eq!(alone.recorded(&["agent.excepted"])["status"], "active");
    app.post(format!("/api/tasks/{free}/claim"), claim).await.expect(200);
    let paused = app.post("/api/emergency/pause-squad", json!({})).await.expect(200);
    assert_eq!(paused["paused"], 2, "the next halt stops everyone");
}

#[tokio::test]
async fn who_is_let_go_on_alone_works_until_the_next_halt() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    app.agent("Echo").await;
    app.post("/api/emergency/pause-squad", json!({})).await.expect(200);
    app.post("/api/agents/scout/resume", json!({})).await.expect(200);
    let run = json!({ "agentId": scout, "model": "small", "estimatedCost": 0.1 });
    app.post("/api/runs", run.clone()).await.expect(201);
    let alone = app.get("/api/activity?type=agent.excepted").await.expect(200);
    assert_eq!(alone.column("type"), ["agent.excepted"]);
    let again = app.post("/api/emergency/pause-squad", json!({})).await.expect(200);
    assert_eq!(again.body, json!({ "paused": 1, "agents": [scout] }));
    app.post("/api/runs", run.clone()).await.refused(409, "agent_not_active");
    let reset = json!({ "status": "active", "errorStreak": 0, "todaySpend": 0, "currentTaskId": null });
    app.patch("/api/agents/scout", reset).await.expect(200);
    app.post("/api/runs", run).await.expect(201);
}

/// How many agents the squad has in the test under load.
const AGENTS: usize = 200;
/// How many callers act for these agents at the same time.
const CALLERS: usize = 32;
/// How often the test pauses and stops the squad, and resumes it after each.
const HALTS: usize = 40;

/// Acts for agents as fast as the log answers. It ignores refusals by rules, and fails on any other error.
struct Caller {
    app: Arc<App>,
    project: ProjectId,
    done: Arc<watch::Sender<usize>>,
}

impl Caller {
    /// Sends heartbeats, claims, starts and runs for `agents`, one after the other, until the test ends it.
    async fn work(self, agents: Vec<AgentId>, over: Arc<AtomicBool>) {
        for (n, agent) in agents.iter().copied().cycle().enumerate() {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let session_key = Some(Label::new(&format!("session-{n}")).unwrap());
            self.ask(agent, |tx| {
                heartbeat(tx, agent, Heartbeat { session_key: session_key.clone(), error: None })
            })
            .await;
            let task = self.take(agent).await;
            self.run(agent, task).await;
        }
    }

    /// The task that the agent works on, or else a new one that it claims and starts.
    async fn take(&self, agent: AgentId) -> TaskId {
        let known = self.app.state().repository().load::<Agent>(&agent).await.unwrap();
        if let Some(work) = known.registered().unwrap().work() {
            return work.task;
        }
        let id = TaskId::new(Uuid::now_v7());
        self.ask(agent, |tx| {
            let details = Details::titled("Write the guide", TaskType::Docs).unwrap();
            tx.create::<Task>(id);
            let request = CreateTask { details, assignees: BTreeSet::new(), open: 0 };
            create_task(tx, self.project, id, None, request)
        })
        .await;
        self.ask(agent, |tx| claim_task(tx, id, agent)).await;
        let plan = vec![Reason::new("Read").unwrap(); 3];
        let to = Move { plan: Some(WorkPlan::try_from(plan).unwrap()), ..Move::to(task::Status::InProgress) };
        let request = MoveTask { to, assignees: None, lease: LeaseId::new(Uuid::now_v7()) };
        self.ask(agent, |tx| move_task(tx, id, request.clone())).await;
        id
    }

    async fn run(&self, agent: AgentId, task: TaskId) {
        let id = RunId::new(Uuid::now_v7());
        let model = Label::new("small").unwrap();
        let request = StartRun { task: Some(task), model, session_key: None, estimate: Some(Usd::cents(1)) };
        let started = self.ask(agent, |tx| {
            tx.create::<Run>(id);
            start_run(tx, id, agent, request.clone())
        });
        if started.await {
            let bill = Bill { cost: Some(Usd::ZERO), ..Bill::default() };
            let request = CompleteRun { outcome: run::Outcome::Completed, bill };
            self.ask(agent, |tx| complete_run(tx, id, request.clone())).await;
        }
    }

    /// Whether the rules allowed it.
    async fn ask<O: Into<Outcome>>(
        &self,
        agent: AgentId,
        decide: impl Fn(&mut Transaction<'_>) -> Result<O, Rejection> + Send + Sync,
    ) -> bool {
        let envelope = CommandEnvelope::new(CommandContext::new(self.app.now(), Actor::Agent(agent)));
        let executed = self.app.state().repository().execute(&envelope, |tx| {
            let outcome: Outcome = decide(tx)?.into();
            Ok::<_, Refused>(outcome == Outcome::Done)
        });
        match executed.await {
            Ok(executed) => {
                self.done.send_modify(|done| *done += 1);
                executed.value
            }
            Err(Refused::Rule(_)) => false,
            Err(refused) => panic!("{refused}"),
        }
    }
}

/// Asserts that every event by which an agent starts something lies outside of the halts.
async fn nothing_starts_behind_a_barrier(app: &App) {
    let (mut position, mut halted, mut halts, mut starts) = (0, false, 0, 0);
    loop {
        let page = app.state().log().read_all(position, MAX_PAGE_EVENTS).await.unwrap();
        let Some(last) = page.last() else { break };
        position = last.position;
        for event in page.iter().filter_map(|stored| codec::decode_any(stored).unwrap()) {
            let by_agent = event.metadata.actor.agent().is_some();
            match &event.event {
                AnyEvent::Project(project::Event::SquadPaused { .. }) => (halted, halts) = (true, halts + 1),
                AnyEvent::Project(project::Event::SquadResumed { .. }) => halted = false,
                AnyEvent::Run(run::Event::Started(_)) | AnyEvent::Task(task::Event::Claimed { .. }) => {
                    starts += 1;
                    assert!(!halted, "{event:?}");
                }
                AnyEvent::Task(task::Event::Created { .. }) => {}
                AnyEvent::Task(moved) if by_agent && moved.moves_to().is_some() => {
                    assert!(!halted, "{event:?}");
                }
                _ => {}
            }
        }
    }
    assert_eq!(halts, 2 * HALTS);
    assert!(starts > 0, "nothing was at work");
}

/// Operators never lose to the traffic of agents: every pause, stop and resume succeeds at the first attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halt_never_loses_to_agents_at_work() {
    let app = Arc::new(App::on_disk().await);
    let project = app.get("/api/projects/openclaw").await.expect(200).id().parse().unwrap();
    let mut agents = Vec::new();
    for n in 0..AGENTS {
        agents.push(app.agent(&format!("Agent {n}")).await.parse::<AgentId>().unwrap());
    }
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(watch::Sender::new(0)));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let own = agents.iter().copied().skip(caller).step_by(CALLERS).collect();
        let caller = Caller { app: Arc::clone(&app), project, done: Arc::clone(&done) };
        callers.spawn(caller.work(own, Arc::clone(&over)));
    }
    for round in 0..HALTS {
        // Waits until the squad works before the next halt.
        let before = *done.borrow();
        done.subscribe().wait_for(|done| *done > before + CALLERS).await.unwrap();
        let halts = if round % 2 == 0 { ["pause-squad", "stop"] } else { ["stop", "pause-squad"] };
        for (order, paused) in halts.into_iter().zip([AGENTS, 0]) {
            let answer = ordered(&app, order).await;
            assert_eq!(answer["paused"], paused, "{order}");
            let active = app.get("/api/agents?status=active&limit=1").response().await;
            let active = active.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(&active[..], b"[]", "{order}");
        }
        assert_eq!(ordered(&app, "resume-squad").await["resumed"], AGENTS);
    }
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    nothing_starts_behind_a_barrier(&app).await;
}

/// Sends an emergency request, which must succeed.
async fn ordered(app: &App, order: &str) -> Value {
    let response = app.post(format!("/api/emergency/{order}"), json!({})).response().await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, 200, "{order}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}
