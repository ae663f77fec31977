#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod credentials;
mod notifications;

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use mc_domain::{
    actor::Actor,
    agent::{self, Agent, Heartbeat, PauseReason, Profile, Role},
    aggregate::CommandContext,
    alert::{self, Alert, Kind, Subject},
    ids::{AgentId, ProjectId, RunId, TaskId},
    operation::{Claims, Names, Outcome, StartRun, halt_squad, heartbeat, spawn_agent, start_run},
    policy::document::PolicyLimits,
    project::Halt,
    reach::Reach,
    recorded::AnyEvent,
    reservation::{Key, Reservation},
    run::{self, Run},
    standup::{self, Standup},
    task::{self, Task},
    transaction::Transaction,
    values::{Label, Name, Reason, Slug},
};
use mc_store::{codec, log::EventLog, memory::MemoryLog, repository::CommandEnvelope};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::{app::Clock, health::Health, refusal::Refused, seed::seed};

/// A second more than a seeded agent may be silent.
const SILENCE: TimeDelta = TimeDelta::seconds(20 * 60 + 1);

/// A seeded server whose clock stands still until it is set.
struct World {
    app: App,
    context: Arc<WorkerContext>,
    now: Arc<Mutex<DateTime<Utc>>>,
    log: Arc<dyn EventLog>,
}

/// The time at which every world of these tests begins: 2026-02-01, 08:00 UTC.
fn morning() -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_932_800, 0).unwrap()
}

impl World {
    async fn new() -> Self {
        let now = Arc::new(Mutex::new(morning()));
        let clock: Clock = {
            let now = Arc::clone(&now);
            Arc::new(move || *now.lock().unwrap())
        };
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
        let (operator, shutdown) = (Name::new("Sofie").unwrap(), CancellationToken::new());
        let app =
            App::recover(Arc::clone(&log), operator, clock, Health::starting(), shutdown).await.unwrap();
        seed(&app).await.unwrap();
        Self {
            context: Arc::new(WorkerContext::new(Term::new(app.clone(), None), SharedWatch::default())),
            app,
            now,
            log,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    fn pass(&self, time: TimeDelta) {
        *self.now.lock().unwrap() += time;
    }

    async fn agent(&self, name: &str) -> AgentId {
        let key = Key::agent(self.project().await, &Name::new(name).unwrap());
        self.app.repository().load::<Reservation>(&key).await.unwrap().agent().unwrap()
    }

    async fn project(&self) -> ProjectId {
        let key = Key::project(&Slug::new("openclaw").unwrap());
        self.app.repository().load::<Reservation>(&key).await.unwrap().project().unwrap()
    }

    async fn act(
        &self,
        actor: Actor,
        decide: impl FnMut(&mut Transaction<'_>) -> Result<(), Refused> + Send,
    ) {
        let envelope = CommandEnvelope::new(CommandContext::new(self.now(), actor));
        let executed = self.app.repository().execute(&envelope, decide);
        executed.await.map_err(|refused: Refused| refused.to_string()).unwrap();
    }

    async fn heartbeat(&self, id: AgentId) {
        self.send_heartbeat(id, Heartbeat::default()).await;
    }

    /// A heartbeat that is recorded, as its session is a new one.
    async fn beat_in(&self, id: AgentId, session: &str) {
        let session_key = Some(Label::new(session).unwrap());
        self.send_heartbeat(id, Heartbeat { session_key, error: None }).await;
    }

    async fn send_heartbeat(&self, id: AgentId, request: Heartbeat) {
        self.act(Actor::Agent(id), |tx| Ok(heartbeat(tx, id, request.clone())?)).await;
    }

    /// Everybody is heard of, but for one of them where one is named.
    async fn everybody_lives_but(&self, silent: Option<AgentId>) {
        let agents: Vec<_> = self.context.watch().await.unwrap().agents.keys().copied().collect();
        let heard = agents.into_iter().filter(|id| Some(*id) != silent);
        heard.for_each(|id| self.app.note_heartbeat(id, self.now()));
    }

    async fn order(&self, id: AgentId, command: agent::Command) {
        self.act(Actor::Human(Name::new("Sofie").unwrap()), |tx| {
            let agent = tx.get::<Agent>(&id)?;
            tx.execute(&agent, command.clone())?;
            Ok(())
        })
        .await;
    }

    async fn load_agent(&self, id: AgentId) -> agent::Registered {
        self.app.repository().load::<Agent>(&id).await.unwrap().registered().unwrap().clone()
    }

    async fn status_of_task(&self, id: TaskId) -> Option<task::Status> {
        self.app.repository().load::<Task>(&id).await.unwrap().status()
    }

    async fn is_open(&self, kind: Kind, subject: Subject) -> bool {
        let alert = self.app.repository().load::<Alert>(&alert::Key::new(kind, subject)).await.unwrap();
        alert.open().is_some()
    }

    async fn monitor(&self) -> usize {
        HeartbeatMonitor::new(Arc::clone(&self.context)).tick(self.now()).await.unwrap()
    }

    async fn sweep(&self) -> usize {
        ApprovalSweeper::new(Arc::clone(&self.context)).tick(self.now()).await.unwrap()
    }

    async fn record(&self) -> usize {
        StandupRecorder::new(Arc::clone(&self.context)).tick(self.now()).await.unwrap()
    }

    /// Running a worker again, also by another server with another memory, records nothing.
    async fn nothing_more(&self) {
        let head = self.log.head();
        let other = Arc::new(WorkerContext::new(Term::new(self.app.clone(), None), SharedWatch::default()));
        for context in [&self.context, &other] {
            assert_eq!(HeartbeatMonitor::new(Arc::clone(context)).tick(self.now()).await.unwrap(), 0);
            assert_eq!(ApprovalSweeper::new(Arc::clone(context)).tick(self.now()).await.unwrap(), 0);
        }
        assert_eq!(self.log.head(), head);
    }

    async fn events(&self) -> Vec<AnyEvent> {
        let stored = self.log.read_all(0, 1000).await.unwrap();
        stored.iter().filter_map(|event| Some(codec::decode_any(event).unwrap()?.event)).collect()
    }
}

#[tokio::test]
async fn a_silent_agent_is_told_of_once_until_it_comes_back() {
    let world = World::new().await;
    let fetch = world.agent("Fetch").await;
    world.heartbeat(fetch).await;
    assert_eq!(world.monitor().await, 0);

    world.pass(SILENCE);
    world.everybody_lives_but(Some(fetch)).await;
    assert_eq!(world.monitor().await, 1);
    assert!(world.is_open(Kind::AgentStale, Subject::Agent(fetch)).await);
    world.nothing_more().await;

    world.heartbeat(fetch).await;
    assert!(!world.is_open(Kind::AgentStale, Subject::Agent(fetch)).await);
    world.pass(SILENCE);
    world.everybody_lives_but(Some(fetch)).await;
    assert_eq!(world.monitor().await, 1);
}

#[tokio::test]
async fn a_silence_that_goes_on_after_a_pause_is_told_of_again() {
    let world = World::new().await;
    let fetch = world.agent("Fetch").await;
    world.pass(SILENCE);
    world.everybody_lives_but(Some(fetch)).await;
    assert_eq!(world.monitor().await, 1, "it never sent a heartbeat");
    world.order(fetch, agent::Command::Pause { reason: PauseReason::Operator, note: None }).await;
    assert_eq!(world.monitor().await, 1, "nobody waits for who is paused");
    world.order(fetch, agent::Command::Resume { note: None }).await;
    assert_eq!(world.monitor().await, 0, "it gets its time to show that it lives");
    world.pass(SILENCE);
    world.everybody_lives_but(Some(fetch)).await;
    assert_eq!(world.monitor().await, 1);
    assert!(world.is_open(Kind::AgentStale, Subject::Agent(fetch)).await);
    world.sweep().await;
    world.nothing_more().await;
}

#[tokio::test]
async fn a_heartbeat_that_was_too_routine_to_be_recorded_counts() {
    let world = World::new().await;
    let fetch = world.agent("Fetch").await;
    world.heartbeat(fetch).await;
    world.pass(TimeDelta::seconds(59));
    world.app.note_heartbeat(fetch, world.now());
    world.pass(SILENCE - TimeDelta::seconds(1));
    world.everybody_lives_but(Some(fetch)).await;
    assert_eq!(world.monitor().await, 0);
}

#[tokio::test]
async fn the_alert_of_an_agent_that_was_stopped_meanwhile_is_taken_back() {
    let world = World::new().await;
    let fetch = world.agent("Fetch").await;
    world.heartbeat(fetch).await;
    world.pass(SILENCE);
    world.everybody_lives_but(Some(fetch)).await;
    world.monitor().await;
    world.order(fetch, agent::Command::Quarantine { note: None }).await;
    assert_eq!(world.monitor().await, 1);
    assert!(!world.is_open(Kind::AgentStale, Subject::Agent(fetch)).await);
    world.nothing_more().await;
}

#[tokio::test]
async fn an_idle_agent_that_drains_is_paused_and_a_busy_one_is_not() {
    let world = World::new().await;
    let (fetch, scribe) = (world.agent("Fetch").await, world.agent("Scribe").await);
    for agent in [fetch, scribe] {
        world.order(agent, agent::Command::Drain { note: None }).await;
    }
    assert_eq!(world.monitor().await, 1);
    assert_eq!(world.load_agent(fetch).await.status(), agent::Status::Paused);
    assert_eq!(world.load_agent(scribe).await.status(), agent::Status::Draining);
    world.nothing_more().await;
}

#[tokio::test]
async fn a_run_that_does_not_end_is_timed_out_and_its_task_blocked() {
    let world = World::new().await;
    let scribe = world.agent("Scribe").await;
    let task = world.load_agent(scribe).await.work().unwrap().task;
    let id = RunId::new(Uuid::now_v7());
    world
        .act(Actor::Agent(scribe), |tx| {
            let request = StartRun {
                task: Some(task),
                model: Label::new("a-model")?,
                session_key: None,
                estimate: None,
            };
            assert_eq!(start_run(tx, id, scribe, request)?, Outcome::Done);
            Ok(())
        })
        .await;
    world.pass(PolicyLimits::default().run_lasts() - TimeDelta::seconds(1));
    world.everybody_lives_but(None).await;
    assert_eq!(world.monitor().await, 0);
    world.pass(TimeDelta::seconds(1));
    assert_eq!(world.monitor().await, 1);
    let run = world.app.repository().load::<Run>(&id).await.unwrap();
    assert_eq!(run.status(), Some(run::Status::TimedOut));
    assert_eq!(world.status_of_task(task).await, Some(task::Status::Blocked));
    assert!(world.is_open(Kind::RunTimeout, Subject::Run(id)).await);
    world.sweep().await;
    world.nothing_more().await;
}

#[tokio::test]
async fn a_lease_without_a_run_ends_two_hours_after_the_last_sign_of_life() {
    let world = World::new().await;
    let scribe = world.agent("Scribe").await;
    let task = world.load_agent(scribe).await.work().unwrap().task;
    world.pass(TimeDelta::hours(1));
    world.heartbeat(scribe).await;
    world.pass(PolicyLimits::default().lease_lasts());
    world.everybody_lives_but(Some(scribe)).await;
    assert_eq!(world.monitor().await, 2, "the silence and the lease");
    assert_eq!(world.status_of_task(task).await, Some(task::Status::Blocked));
    assert_eq!(world.load_agent(scribe).await.work(), None);
    world.sweep().await;
    world.nothing_more().await;
}

/// Or whoever starts a task and dies at once would hold it forever.
#[tokio::test]
async fn a_lease_of_an_agent_that_never_sent_a_heartbeat_ends_too() {
    let world = World::new().await;
    let scribe = world.agent("Scribe").await;
    let task = world.load_agent(scribe).await.work().unwrap().task;
    world.pass(PolicyLimits::default().lease_lasts());
    world.everybody_lives_but(Some(scribe)).await;
    assert_eq!(world.monitor().await, 2, "the silence and the lease");
    assert_eq!(world.status_of_task(task).await, Some(task::Status::Blocked));
}

#[tokio::test]
async fn a_sub_agent_is_retired_when_its_time_is_up() {
    let world = World::new().await;
    let (atlas, project) = (world.agent("Atlas").await, world.project().await);
    let child = AgentId::new(Uuid::now_v7());
    world
        .act(Actor::Agent(atlas), |tx| {
            let profile = Profile::new(Name::new("Helper")?, Role::Intern);
            let names = Names::load(tx, project, &profile.name, &Claims::default())?;
            let types = tx.get::<Agent>(&atlas)?.registered()?.profile().allowed_task_types.clone();
            let request = mc_domain::operation::SpawnAgent {
                profile: Profile { allowed_task_types: types, ..profile },
                purpose: Reason::new("Read along")?,
                active_agents: 11,
                squad: 0,
            };
            Ok(spawn_agent(tx, project, &names, child, atlas, request)?)
        })
        .await;
    assert_eq!(world.monitor().await, 0);
    world.pass(TimeDelta::hours(6));
    world.everybody_lives_but(None).await;
    assert_eq!(world.monitor().await, 1);
    assert_eq!(world.load_agent(child).await.status(), agent::Status::Offline);
    assert!(world.load_agent(atlas).await.children().is_empty());
    world.sweep().await;
    world.nothing_more().await;
}

/// As it is when the server ends between the barrier and what follows from it.
#[tokio::test]
async fn what_follows_from_a_halt_is_made_up_for() {
    let world = World::new().await;
    let (project, cipher) = (world.project().await, world.agent("Cipher").await);
    world
        .act(Actor::Human(Name::new("Sofie").unwrap()), |tx| {
            Ok(halt_squad(tx, project, Halt::Emergency, None)?)
        })
        .await;
    assert_eq!(world.load_agent(cipher).await.status(), agent::Status::Active);
    assert_eq!(world.monitor().await, 1);
    assert_eq!(world.load_agent(cipher).await.standing(), agent::Standing::Paused(PauseReason::Squad));
    let in_progress =
        world.app.read(|views| views.tasks.count(&Reach::of(project), task::Status::InProgress));
    assert_eq!(in_progress.await.unwrap(), 0);
    world.nothing_more().await;
}

/// Workers do not lose to the traffic of agents either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_does_not_lose_to_agents_that_go_on() {
    let world = Arc::new(World::new().await);
    let names = ["Scout", "Scribe", "Fetch", "Echo", "Pixel", "Atlas", "Cipher", "Hermes", "Nova", "Sage"];
    let (mut agents, mut runs) = (Vec::new(), Vec::new());
    for name in names {
        let (agent, run) = (world.agent(name).await, RunId::new(Uuid::now_v7()));
        world
            .act(Actor::Agent(agent), |tx| {
                let model = Label::new("small")?;
                let estimate = Some(mc_domain::money::Usd::cents(1));
                let request = StartRun { task: None, model, session_key: None, estimate };
                assert_eq!(start_run(tx, run, agent, request)?, Outcome::Done);
                Ok(())
            })
            .await;
        agents.push(agent);
        runs.push(run);
    }
    world.pass(TimeDelta::hours(2));
    world.everybody_lives_but(None).await;
    let (over, beats) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let traffic: Vec<_> = (0..8)
        .map(|caller| {
            let (world, over, agents) = (Arc::clone(&world), Arc::clone(&over), agents.clone());
            let beats = Arc::clone(&beats);
            tokio::spawn(async move {
                for agent in agents.iter().cycle().skip(caller) {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let n = beats.fetch_add(1, Ordering::Relaxed);
                    world.beat_in(*agent, &format!("session-{n}")).await;
                }
            })
        })
        .collect();
    world.monitor().await;
    over.store(true, Ordering::Relaxed);
    for caller in traffic {
        caller.await.unwrap();
    }
    for run in runs {
        let run = world.app.repository().load::<Run>(&run).await.unwrap();
        assert_eq!(run.status(), Some(run::Status::TimedOut));
    }
}

#[tokio::test]
async fn an_approval_is_escalated_after_half_an_hour_and_expires_after_a_day() {
    let world = World::new().await;
    assert_eq!(world.sweep().await, 0);
    world.pass(TimeDelta::minutes(30));
    assert_eq!(world.sweep().await, 1);
    assert_eq!(count(&world.events().await, "approval.escalated"), 1);
    world.everybody_lives_but(None).await;
    world.nothing_more().await;

    world.pass(TimeDelta::hours(24));
    world.everybody_lives_but(None).await;
    assert_eq!(world.sweep().await, 1);
    let events = world.events().await;
    assert_eq!(count(&events, "approval.expired"), 1);
    let raised = |event: &AnyEvent| {
        matches!(event, AnyEvent::Alert(alert::Event::Raised { kind: Kind::ApprovalExpired, .. }))
    };
    assert!(events.iter().any(raised));
    world.nothing_more().await;
}

#[tokio::test]
async fn a_standup_is_recorded_once_a_day_from_nine_on() {
    let world = World::new().await;
    assert_eq!(world.record().await, 0);
    world.pass(TimeDelta::minutes(61));
    assert_eq!(world.record().await, 1);
    assert_eq!(world.record().await, 0);
    let key = standup::Key { project: world.project().await, day: world.now().date_naive() };
    assert_eq!(*world.app.repository().load::<Standup>(&key).await.unwrap(), Standup::Recorded);
    let report = world.events().await.into_iter().find_map(|event| match event {
        AnyEvent::Standup(standup::Event::Recorded { report, .. }) => Some(report),
        _ => None,
    });
    let report = report.unwrap();
    assert_eq!((report.agents[&agent::Status::Active], report.tasks.len()), (11, 8));
    assert_eq!((report.completed.len(), report.blocked.len(), report.waiting_approvals.len()), (1, 1, 1));
    world.pass(TimeDelta::days(1));
    assert_eq!(world.record().await, 1);
}

fn count(events: &[AnyEvent], name: &str) -> usize {
    events.iter().filter(|event| event.name() == name).count()
}

/// Panics in its first turn, and tells of every other.
struct Clumsy {
    made: usize,
    told: mpsc::UnboundedSender<usize>,
}

impl Worker for Clumsy {
    const NAME: &'static str = "clumsy";
    const SAYS: &'static str = "[Clumsy] Working...";
    const TELLS_EVERY_TICK: bool = true;
    const EVERY: Duration = Duration::from_secs(30);

    async fn tick(&mut self, _: DateTime<Utc>) -> Result<usize, StoreError> {
        assert!(self.made > 1, "the first one stumbles");
        self.told.send(self.made).unwrap();
        Ok(0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_panics_is_restarted_and_ends_with_the_server() {
    let world = World::new().await;
    let (told, mut turns) = mpsc::unbounded_channel();
    let made = AtomicUsize::new(0);
    let make = move || Clumsy { made: made.fetch_add(1, Ordering::SeqCst) + 1, told: told.clone() };
    let supervised = tokio::spawn(supervise(Term::new(world.app.clone(), None), make));
    assert_eq!(turns.recv().await, Some(2));
    assert!(world.app.health().workers().values().all(|worker| !worker.late));
    world.app.shutdown().cancel();
    supervised.await.unwrap();
}

/// A worker whose first tick never ends.
struct Stuck;

impl Worker for Stuck {
    const NAME: &'static str = "stuck";
    const SAYS: &'static str = "[Stuck] Working...";
    const TELLS_EVERY_TICK: bool = false;
    const EVERY: Duration = Duration::from_secs(30);

    async fn tick(&mut self, _: DateTime<Utc>) -> Result<usize, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_come_back_makes_the_health_late() {
    let world = World::new().await;
    let supervised = tokio::spawn(supervise(Term::new(world.app.clone(), None), || Stuck));
    tokio::task::yield_now().await;
    assert!(world.app.health().workers().values().all(|worker| !worker.late));
    tokio::time::advance(Duration::from_secs(101)).await;
    assert!(world.app.health().workers()["stuck"].late);
    supervised.abort();
}
