//! The world that is simulated: a log in memory, a repository on it, a clock that steps, and the states that what was
//! recorded folds to.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Debug,
    str::FromStr,
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::{Aggregate, Moment},
    alert::{self, Alert},
    approval::Approval,
    budget::{self, Budget},
    ids::{AgentId, ApprovalId, EventId, NotificationId, ProjectId, RunId, TaskId},
    notification::Notification,
    operation::{Entity, Rejection},
    policy::Policy,
    project::Project,
    recorded::{AnyEvent, Recorded, StreamId},
    reservation::Reservation,
    run::Run,
    task::{self, Task},
    values::Name,
};
use mc_store::{
    codec,
    error::StoreError,
    log::{MAX_PAGE_EVENTS, StoredEvent},
    memory::MemoryLog,
    repository::{Order, Repository},
};
use uuid::Uuid;

use crate::{
    actions::{self, Action},
    draw,
    invariants::{self, Ledger},
    random::Random,
    report::{Answer, Report},
    views::Watched,
};

/// How many commands before a failure are printed with it.
const REMEMBERED: usize = 20;
/// How many commands lie between two looks at everything at once.
pub const SWEEP_EVERY: usize = 250;

/// Why a command came to nothing.
#[derive(Debug)]
pub enum Failure {
    /// A rule says no.
    Rejected(Rejection),
    /// The store says no.
    Store(StoreError),
}

macro_rules! rejected {
    ($($rejection:ty,)+) => {
        $(
            impl From<$rejection> for Failure {
                fn from(rejection: $rejection) -> Self {
                    Self::Rejected(rejection.into())
                }
            }
        )+
    };
}

rejected! {
    Rejection,
    mc_domain::agent::Rejection,
    mc_domain::alert::Rejection,
    mc_domain::approval::Rejection,
    mc_domain::notification::Rejection,
    mc_domain::project::Rejection,
    mc_domain::task::Rejection,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is recorded, folded anew from what the log gives back.
#[derive(Debug, Default)]
pub struct States {
    pub projects: BTreeMap<ProjectId, Project>,
    pub agents: BTreeMap<AgentId, Agent>,
    pub tasks: BTreeMap<TaskId, Task>,
    pub approvals: BTreeMap<ApprovalId, Approval>,
    pub policies: BTreeMap<mc_domain::policy::Scope, Policy>,
    pub reservations: BTreeMap<String, Reservation>,
    pub alerts: BTreeMap<alert::Key, Alert>,
    pub budgets: BTreeMap<budget::Key, Budget>,
    pub runs: BTreeMap<RunId, Run>,
    pub notifications: BTreeMap<NotificationId, Notification>,
    /// How many events each stream has.
    pub versions: BTreeMap<StreamId, u64>,
    /// Which project a notification belongs to.
    pub told_in: BTreeMap<NotificationId, ProjectId>,
    /// Who follows which task.
    pub followers: BTreeMap<TaskId, BTreeSet<Actor>>,
}

impl States {
    pub fn apply(&mut self, recorded: &Recorded<AnyEvent>) {
        let id = recorded.stream.aggregate_id.as_str();
        *self.versions.entry(recorded.stream.clone()).or_default() += 1;
        match &recorded.event {
            AnyEvent::Project(event) => grow(&mut self.projects, id, event),
            AnyEvent::Agent(event) => grow(&mut self.agents, id, event),
            AnyEvent::Task(event) => {
                grow(&mut self.tasks, id, event);
                self.follow(id.parse().unwrap(), event, &recorded.metadata.actor);
            }
            AnyEvent::Approval(event) => grow(&mut self.approvals, id, event),
            AnyEvent::Policy(event) => grow(&mut self.policies, id, event),
            AnyEvent::Alert(event) => grow(&mut self.alerts, id, event),
            AnyEvent::Budget(event) => grow(&mut self.budgets, id, event),
            AnyEvent::Run(event) => grow(&mut self.runs, id, event),
            AnyEvent::Notification(event) => {
                grow(&mut self.notifications, id, event);
                let project = recorded.metadata.project.map(|project| (id.parse().unwrap(), project));
                self.told_in.extend(project);
            }
            // What else there is, is folded by the repository alone.
            other => self.reserve(id, other),
        }
    }

    fn reserve(&mut self, id: &str, event: &AnyEvent) {
        let AnyEvent::Reservation(event) = event else { return };
        let state = self.reservations.remove(id).unwrap_or_default();
        self.reservations.insert(id.to_owned(), state.evolve(event));
    }

    fn follow(&mut self, task: TaskId, event: &task::Event, actor: &Actor) {
        let speaks = matches!(event, task::Event::Created { .. } | task::Event::MessagePosted { .. });
        if speaks {
            self.followers.entry(task).or_default().insert(actor.clone());
        }
    }

    pub fn agent(&self, id: AgentId) -> Option<&agent::Registered> {
        self.agents.get(&id)?.registered().ok()
    }

    pub fn task(&self, id: TaskId) -> Option<&task::Present> {
        self.tasks.get(&id)?.present().ok()
    }

    pub fn present(&self) -> impl Iterator<Item = (TaskId, &task::Present)> {
        self.tasks.iter().filter_map(|(id, task)| Some((*id, task.present().ok()?)))
    }

    pub fn registered(&self) -> impl Iterator<Item = (AgentId, &agent::Registered)> {
        self.agents.iter().filter_map(|(id, agent)| Some((*id, agent.registered().ok()?)))
    }

    /// Aggregates as an operation or a process takes them.
    pub fn entities<'a, A: Aggregate<Id: Ord>>(
        &'a self,
        states: &'a BTreeMap<A::Id, A>,
        wanted: impl Fn(&A) -> bool + 'a,
    ) -> Vec<Entity<A>> {
        let wanted = states.iter().filter(|(_, state)| wanted(state));
        let version = |id: &A::Id| self.versions[&StreamId::of::<A>(id)];
        let entity = |(id, state): (&A::Id, &A)| Entity {
            id: id.clone(),
            version: version(id),
            state: Arc::new(state.clone()),
        };
        wanted.map(entity).collect()
    }
}

fn grow<A: Aggregate<Id: Ord + FromStr<Err: Debug>>>(
    all: &mut BTreeMap<A::Id, A>,
    id: &str,
    event: &A::Event,
) {
    let id = id.parse::<A::Id>().unwrap();
    let state = all.remove(&id).unwrap_or_default();
    all.insert(id, state.evolve(event));
}

/// The last commands, told when something breaks.
struct Trail {
    seed: u64,
    step: usize,
    commands: VecDeque<String>,
}

impl Drop for Trail {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (seed, step) = (self.seed, self.step);
            eprintln!("\nseed {seed} fails at step {step}; the last commands were:");
            self.commands.iter().for_each(|command| eprintln!("  {command}"));
            eprintln!(
                "run it alone: SIMULATION_SEED={seed} SIMULATION_STEPS={} cargo test --test simulation",
                step + 1
            );
        }
    }
}

/// Everything at one moment of a simulation.
pub struct World {
    pub random: Random,
    pub now: DateTime<Utc>,
    pub states: States,
    pub ledger: Ledger,
    pub report: Report,
    /// Agents that have crashed: they neither beat nor do anything else.
    pub crashed: BTreeSet<AgentId>,
    /// The notifications that may still be on their way.
    pub underway: Vec<NotificationId>,
    /// The position up to which events were looked at for notifications.
    pub notified: usize,
    pub history: Vec<Recorded<AnyEvent>>,
    pub repository: Repository,
    pub watched: Watched,
    trail: Trail,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(8),
            states: States::default(),
            ledger: Ledger::default(),
            report: Report::default(),
            crashed: BTreeSet::new(),
            underway: Vec::new(),
            notified: 0,
            history: Vec::new(),
            repository: Repository::new(Arc::new(MemoryLog::new())),
            watched: Watched::default(),
            trail: Trail { seed, step: 0, commands: VecDeque::new() },
        }
    }

    /// Lives through `steps` of a simulation that `seed` decides.
    pub async fn simulated(seed: u64, steps: usize) -> Self {
        let mut world = Self::new(seed);
        draw::found(&mut world).await;
        for step in 0..steps {
            world.trail.step = step;
            world.tick();
            for (who, action) in draw::next(&mut world) {
                world.command(who, action).await;
            }
            if step % SWEEP_EVERY == SWEEP_EVERY - 1 {
                world.sweep().await;
            }
        }
        world.sweep().await;
        world
    }

    fn tick(&mut self) {
        let secs = match self.random.below(1000) {
            0..=949 => self.random.below(20),
            950..=996 => self.random.below(300),
            _ => 3600 + self.random.below(2 * 3600),
        };
        self.now += TimeDelta::seconds(secs as i64);
    }

    fn order(&mut self, who: Actor) -> Order {
        let key = self.random.chance(5).then(|| (self.random.id::<EventId>().to_string(), [1; 32]));
        Order { moment: Moment::new(self.now, who), key }
    }

    /// Issues one command, and looks at what it leads to.
    pub async fn command(&mut self, who: Actor, action: Action) {
        self.remember(&who, &action);
        let order = self.order(who);
        let answer = self.execute(&order, &action).await;
        self.report.answered(action.kind(), &answer);
        let changed = self.take_in(&order).await;
        if order.key.is_some() && !matches!(answer, Answer::Refused { committed: false, .. }) {
            self.repeat(&order, &action).await;
        }
        invariants::after_step(self, changed);
        if let Answer::Refused { rejection, .. } = &answer {
            invariants::after_refusal(&self.states, rejection);
        }
    }

    fn remember(&mut self, who: &Actor, action: &Action) {
        if self.trail.commands.len() == REMEMBERED {
            self.trail.commands.pop_front();
        }
        let step = self.trail.step;
        self.trail.commands.push_back(format!("{step} {} {who}: {action:?}", self.now.format("%FT%TZ")));
    }

    async fn execute(&self, order: &Order, action: &Action) -> Answer {
        let (before, mut refusal) = (self.repository.log().head(), None);
        let executed = self
            .repository
            .execute(order, |unit| {
                let outcome = actions::decide(action, unit, &order.moment)?;
                refusal = outcome.refusal;
                Ok::<_, Failure>((outcome.decision, ()))
            })
            .await;
        match executed {
            Ok(executed) => {
                let committed = self.repository.log().head() > before;
                assert_eq!(executed.position, self.repository.log().head());
                match refusal {
                    Some(rejection) => {
                        Answer::Refused { rejection, committed: committed || order.key.is_some() }
                    }
                    None => Answer::Accepted { committed },
                }
            }
            Err(Failure::Rejected(rejection)) => {
                assert_eq!(self.repository.log().head(), before, "a refusal left something behind");
                Answer::Refused { rejection, committed: false }
            }
            Err(Failure::Store(error)) => panic!("the store fails: {error:?}"),
        }
    }

    /// A command that comes again under its key changes nothing, and another one is refused.
    async fn repeat(&self, order: &Order, action: &Action) {
        let head = self.repository.log().head();
        let again = self.repository.execute(order, |unit| {
            let outcome = actions::decide(action, unit, &order.moment)?;
            Ok::<_, Failure>((outcome.decision, ()))
        });
        assert!(again.await.unwrap().replayed);
        let key = order.key.as_ref().map(|(key, _)| (key.clone(), [2; 32]));
        let other = Order { moment: order.moment.clone(), key };
        let refused = self.repository.execute(&other, |unit| {
            let outcome = actions::decide(action, unit, &order.moment)?;
            Ok::<_, Failure>((outcome.decision, ()))
        });
        assert!(matches!(refused.await, Err(Failure::Store(StoreError::KeyReused { .. }))));
        assert_eq!(self.repository.log().head(), head);
    }

    /// Takes in what was recorded since; which part of the history that is.
    async fn take_in(&mut self, order: &Order) -> std::ops::Range<usize> {
        let from = self.history.len();
        for stored in read_after(&self.repository, from as u64).await {
            let recorded = self.read(&stored);
            assert_eq!(recorded.metadata.actor, order.moment.actor);
            assert_eq!(recorded.metadata.recorded_at, order.moment.now);
            self.history.push(recorded);
        }
        let commit = self.history[from..].to_vec();
        for recorded in &commit {
            invariants::on_event(self, &commit, recorded);
            self.ledger.apply(recorded, &self.states);
            self.states.apply(recorded);
            self.watched.apply(recorded);
            self.report.recorded(recorded.event.name());
            if let (AnyEvent::Notification(_), 1) = (&recorded.event, recorded.version) {
                self.underway.push(recorded.stream.aggregate_id.parse().unwrap());
            }
        }
        from..self.history.len()
    }

    /// The event as it is read, which written again is the same. Its identity, which the repository draws, is replaced
    /// by one that is the same in every run.
    fn read(&self, stored: &StoredEvent) -> Recorded<AnyEvent> {
        assert_eq!(stored.position, self.history.len() as u64 + 1, "positions have a hole");
        let mut recorded = codec::decode_any(stored).unwrap().expect("it is of this domain");
        let written = codec::encode_any(&recorded.event, recorded.metadata.clone());
        assert_eq!(written.payload, stored.payload, "an event changes by being read");
        assert_eq!(
            (written.event_type, written.event_version),
            (stored.event_type.clone(), stored.event_version)
        );
        assert!(recorded.metadata.project.is_some() || matches!(recorded.event, AnyEvent::Policy(_)));
        recorded.metadata.event_id = EventId::new(Uuid::from_u128(u128::from(stored.position)));
        recorded
    }

    /// Looks at everything at once.
    async fn sweep(&mut self) {
        invariants::sweep(self).await;
        self.watched.equals_a_fresh_fold(&self.history);
    }

    pub fn system(&self, name: &str) -> Actor {
        Actor::System(Name::new(name).unwrap())
    }

    /// The log as text, without what is drawn by chance that is not the simulation's.
    pub async fn written(&self) -> Vec<(StreamId, String, String)> {
        let events = read_after(&self.repository, 0).await;
        events.into_iter().map(|event| (event.stream, event.event_type.into_owned(), event.payload)).collect()
    }
}

async fn read_after(repository: &Repository, mut after: u64) -> Vec<StoredEvent> {
    let mut all = Vec::new();
    loop {
        let page = repository.log().read_all(after, MAX_PAGE_EVENTS).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = last.position;
        all.extend(page);
    }
}
