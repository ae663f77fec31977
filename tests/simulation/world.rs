//! The world that is simulated: a log, a repository on it, a clock that steps, and the states that what was
//! recorded folds to.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Debug,
    ops::Range,
    str::FromStr,
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::{Aggregate, CommandContext},
    alert::{self, Alert},
    approval::Approval,
    budget::{self, Budget},
    credential::Credential,
    ids::{AgentId, ApprovalId, CredentialId, EventId, MessageId, NotificationId, ProjectId, RunId, TaskId},
    notification::Notification,
    operation::{Outcome, Rejection},
    policy::{
        self, Policy, Scope,
        document::{Document, PolicyLimits},
    },
    project::Project,
    recorded::{AnyEvent, Recorded, StreamId},
    rejection::NotLoaded,
    reservation::{self, Reservation},
    run::Run,
    standup::{self, Standup},
    task::{self, Status, Task},
    transaction::{Entity, Transaction},
    values::Name,
};
use mc_store::{
    codec,
    error::StoreError,
    log::{MAX_PAGE_EVENTS, StoredEvent},
    repository::{CommandEnvelope, Repository},
    testing::Place,
};
use uuid::Uuid;

use crate::{
    actions::{self, Action, sha256},
    bearers::{self, Bearers, Pass},
    draw,
    invariants::{self, Before},
    ledger::Ledger,
    random::Random,
    report::{Answer, Report},
    table::HandedIn,
    told::Told,
    views::{self, Snapshot, Watched},
    workers::{self, Swept},
};

/// How many commands before a failure are printed with it.
const REMEMBERED: usize = 20;
/// How many commands lie between two looks at everything at once.
pub const SWEEP_EVERY: usize = 250;
/// How many lie between two folds of the whole log.
const FOLD_EVERY: usize = 1000;
/// How many commands of a hundred come under an idempotency key.
const KEYED_PERCENT: usize = 25;
/// How many commands that came under a key may come again.
const KEPT_KEYS: usize = 60;

/// Which rule says no to a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    Operation(Rejection),
    Policy(policy::Rejection),
    Standup(standup::Rejection),
    /// They have no credential.
    NothingShown,
    /// The session that they show is over.
    SessionOver,
    /// It is not within the projects that their credential is good for.
    OutOfReach,
}

/// Why a command came to nothing.
#[derive(Debug)]
pub enum Failure {
    /// A rule says no.
    Rejected(Refusal),
    /// The store says no.
    Store(StoreError),
}

macro_rules! rejected {
    ($($rejection:ty,)+) => {
        $(
            impl From<$rejection> for Failure {
                fn from(rejection: $rejection) -> Self {
                    Self::Rejected(Refusal::Operation(rejection.into()))
                }
            }
        )+
    };
}

rejected! {
    NotLoaded,
    Rejection,
    mc_domain::agent::Rejection,
    mc_domain::alert::Rejection,
    mc_domain::approval::Rejection,
    mc_domain::credential::Rejection,
    mc_domain::notification::Rejection,
    mc_domain::project::Rejection,
    mc_domain::task::Rejection,
}

impl From<policy::Rejection> for Failure {
    fn from(rejection: policy::Rejection) -> Self {
        Self::Rejected(Refusal::Policy(rejection))
    }
}

impl From<standup::Rejection> for Failure {
    fn from(rejection: standup::Rejection) -> Self {
        Self::Rejected(Refusal::Standup(rejection))
    }
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
    pub policies: BTreeMap<Scope, Policy>,
    pub reservations: BTreeMap<String, Reservation>,
    pub alerts: BTreeMap<alert::Key, Alert>,
    pub budgets: BTreeMap<budget::Key, Budget>,
    pub runs: BTreeMap<RunId, Run>,
    pub notifications: BTreeMap<NotificationId, Notification>,
    pub standups: BTreeMap<standup::Key, Standup>,
    pub credentials: BTreeMap<CredentialId, Credential>,
    /// How many events each stream has.
    pub versions: BTreeMap<StreamId, u64>,
    /// Which project a notification belongs to.
    pub told_in: BTreeMap<NotificationId, ProjectId>,
    /// Who created or talked in which task.
    pub followers: BTreeMap<TaskId, BTreeSet<Actor>>,
    /// What was said in the thread of which task.
    pub messages: BTreeMap<TaskId, Vec<MessageId>>,
    /// When each agent last did something or got a task.
    pub signs: BTreeMap<AgentId, DateTime<Utc>>,
}

impl States {
    pub fn apply(&mut self, recorded: &Recorded<AnyEvent>) {
        let id = recorded.stream.aggregate_id.as_str();
        *self.versions.entry(recorded.stream.clone()).or_default() += 1;
        self.signs
            .extend(recorded.metadata.actor.agent().map(|agent| (agent, recorded.metadata.recorded_at)));
        match &recorded.event {
            AnyEvent::Project(event) => grow(&mut self.projects, id, event),
            AnyEvent::Agent(event) => {
                grow(&mut self.agents, id, event);
                if let agent::Event::Engaged { .. } = event {
                    self.signs.insert(id.parse().unwrap(), recorded.metadata.recorded_at);
                }
            }
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
            AnyEvent::Standup(event) => grow(&mut self.standups, id, event),
            AnyEvent::Reservation(event) => self.reserve(id, event),
            AnyEvent::Credential(event) => grow(&mut self.credentials, id, event),
        }
    }

    fn reserve(&mut self, id: &str, event: &reservation::Event) {
        let state = self.reservations.remove(id).unwrap_or_default();
        self.reservations.insert(id.to_owned(), state.evolve(event));
    }

    fn follow(&mut self, task: TaskId, event: &task::Event, actor: &Actor) {
        let speaks = matches!(event, task::Event::Created { .. } | task::Event::MessagePosted { .. });
        if speaks {
            self.followers.entry(task).or_default().insert(actor.clone());
        }
        if let task::Event::MessagePosted { id, .. } = event {
            self.messages.entry(task).or_default().push(*id);
        }
    }

    /// What the policy that holds in a project says in numbers.
    pub fn policy_limits(&self, project: Option<ProjectId>) -> PolicyLimits {
        let own = project.and_then(|project| self.policies.get(&Scope::Project(project)));
        let global = self.policies.get(&Scope::Global);
        own.or(global).and_then(Policy::document).map(Document::policy_limits).unwrap_or_default()
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
            let steps = step + 1;
            eprintln!(
                "run it alone: SIMULATION_SEED={seed} SIMULATION_STEPS={steps} \
                 cargo test --test simulation a_squad_lives"
            );
        }
    }
}

/// A command as it was given.
pub struct Issued<'a> {
    pub who: &'a Actor,
    pub action: &'a Action,
    /// What the policy said at that time.
    pub limits: PolicyLimits,
}

/// A command that came under a key, and what it was answered.
struct Kept {
    envelope: CommandEnvelope,
    position: u64,
    value: u64,
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
    pub told: Told,
    pub handed_in: HandedIn,
    pub bearers: Bearers,
    /// How many tasks there are in which status, without what is archived.
    pub columns: BTreeMap<(ProjectId, Status), usize>,
    /// When each agent last sent a heartbeat, recorded or not.
    pub heard: BTreeMap<AgentId, DateTime<Utc>>,
    /// What a worker has just looked after.
    pub swept: Option<Swept>,
    kept: VecDeque<Kept>,
    snapshot: Option<Snapshot>,
    trail: Trail,
    _place: Place,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let place = Place::chosen();
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
            repository: Repository::new(place.open()),
            watched: Watched::default(),
            told: Told::default(),
            handed_in: HandedIn::default(),
            bearers: Bearers::default(),
            columns: BTreeMap::new(),
            heard: BTreeMap::new(),
            swept: None,
            kept: VecDeque::new(),
            snapshot: None,
            trail: Trail { seed, step: 0, commands: VecDeque::new() },
            _place: place,
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
            world.equip().await;
            if let Some(swept) = world.swept.take() {
                workers::nothing_is_left(&world, swept);
            }
            world.mishap().await;
            if step % SWEEP_EVERY == SWEEP_EVERY - 1 {
                world.sweep().await;
            }
            if step % FOLD_EVERY == FOLD_EVERY - 1 {
                world.fold_anew().await;
            }
        }
        world.sweep().await;
        world.fold_anew().await;
        world
    }

    /// Lets operators issue credentials for those who need one.
    pub async fn equip(&mut self) {
        for (who, action) in bearers::renewals(self) {
            self.command(who, action).await;
        }
    }

    /// What happens to the control plane itself now and then: a view goes through its stored form, a snapshot is taken,
    /// an old command comes again, and everything in memory is lost.
    async fn mishap(&mut self) {
        match self.random.below(1000) {
            0..=9 => self.watched.store_one(&mut self.random),
            10 => self.snapshot = Some(self.watched.snapshot()),
            11 | 12 => self.restart().await,
            13..=32 => self.repeat_an_old_one().await,
            _ => {}
        }
    }

    /// Starts over from what is stored: the log, and half of the time the last snapshot.
    async fn restart(&mut self) {
        self.report.restarts += 1;
        self.repository = Repository::new(Arc::clone(self.repository.log()));
        self.heard.clear();
        let known = self.watched.views.position();
        let usable = |snapshot: &&Snapshot| snapshot.position < known;
        let snapshot = self.snapshot.as_ref().filter(usable).filter(|_| self.random.chance(50));
        let history = self.read_log().await;
        self.watched = Watched::from(snapshot, &history);
        assert_eq!(self.watched.views.position(), known, "a restart loses events");
    }

    fn tick(&mut self) {
        let secs = match self.random.below(2000) {
            0..=1899 => self.random.below(20),
            1900..=1993 => self.random.below(300),
            1994..=1998 => 3600 + self.random.below(2 * 3600),
            _ => 24 * 3600 + self.random.below(3600),
        };
        self.now += TimeDelta::seconds(secs as i64);
    }

    fn order(&mut self, pass: &Pass, limits: PolicyLimits, action: &Action) -> CommandEnvelope {
        let (who, credential) = (pass.actor.clone(), pass.credential);
        let fingerprint = sha256(&format!("{who} {action:?}"));
        let key =
            self.random.chance(KEYED_PERCENT).then(|| (self.random.id::<EventId>().to_string(), fingerprint));
        CommandEnvelope {
            context: CommandContext::new(self.now, who).under(limits),
            key,
            credential,
            lease: None,
        }
    }

    /// Issues one command, and looks at what it leads to. Whoever is drawn to ask for it acts by what they show.
    pub async fn command(&mut self, drawn: Actor, action: Action) {
        self.remember(&drawn, &action);
        match bearers::admit(self, &drawn) {
            Ok(pass) => {
                let action = bearers::in_the_name_of(&pass.actor, &drawn, action);
                self.issue(pass, action).await;
            }
            Err(rejection) => {
                self.report.answered(action.kind(), &Answer::Refused { rejection, committed: false });
            }
        }
    }

    async fn issue(&mut self, pass: Pass, action: Action) {
        let limits = self.watched.policy_limits(action.project(&self.states));
        assert_eq!(limits, self.states.policy_limits(action.project(&self.states)), "the policy in force");
        let envelope = self.order(&pass, limits, &action);
        let issued = Issued { who: &pass.actor, action: &action, limits };
        let answer = self.execute(&envelope, &action, pass.is_barred_from(&action, self)).await;
        self.report.answered(action.kind(), &answer);
        let (changed, before) = self.take_in(&envelope, &issued).await;
        if let (Action::Heartbeat { agent, .. }, Answer::Accepted { .. }) = (&action, &answer) {
            self.heard.insert(*agent, self.now);
        }
        if envelope.key.is_some() && !matches!(answer, Answer::Refused { committed: false, .. }) {
            self.keep(envelope).await;
        }
        invariants::after_step(self, &issued, &before, changed);
        if let Answer::Refused { rejection: Refusal::Operation(rejection), .. } = &answer {
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

    /// What is out of reach is decided as well, so that its own rules say no first, and comes to nothing.
    async fn execute(&self, envelope: &CommandEnvelope, action: &Action, is_out_of_reach: bool) -> Answer {
        let (before, mut refusal) = (self.repository.log().head(), None);
        let executed = self
            .repository
            .execute(envelope, |tx| {
                refusal = match actions::decide(action, tx)? {
                    Outcome::Done => None,
                    Outcome::Refused(rejection) => Some(rejection),
                };
                match is_out_of_reach {
                    true => Err(Failure::Rejected(Refusal::OutOfReach)),
                    false => Ok::<_, Failure>(before),
                }
            })
            .await;
        match executed {
            Ok(executed) => {
                let committed = self.repository.log().head() > before;
                assert_eq!(executed.position, self.repository.log().head());
                assert!(!executed.replayed, "a new key has an answer already");
                match refusal {
                    Some(rejection) => Answer::Refused {
                        rejection: Refusal::Operation(rejection),
                        committed: committed || envelope.key.is_some(),
                    },
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

    /// Keeps what a command under a key was answered, and asks it once more.
    async fn keep(&mut self, envelope: CommandEnvelope) {
        let position = self.repository.log().head();
        let value = self.repository.log().answered(&envelope.key.as_ref().unwrap().0).await.unwrap().unwrap();
        let kept = Kept { envelope, position, value: value.answer.parse().unwrap() };
        self.repeat(&kept).await;
        if self.kept.len() == KEPT_KEYS {
            self.kept.pop_front();
        }
        self.kept.push_back(kept);
    }

    async fn repeat_an_old_one(&mut self) {
        if !self.kept.is_empty() {
            let kept = self.kept.remove(self.random.below(self.kept.len())).unwrap();
            self.repeat(&kept).await;
        }
    }

    /// A command that comes again under its key is answered as the first time and changes nothing, and another one under
    /// the same key is refused.
    async fn repeat(&mut self, kept: &Kept) {
        let head = self.repository.log().head();
        let (key, fingerprint) = kept.envelope.key.clone().unwrap();
        let again = self.repository.execute(&kept.envelope, decided_again).await.unwrap();
        assert!(again.replayed);
        assert_eq!(
            (again.position, again.value),
            (kept.position, kept.value),
            "another answer the second time"
        );
        let mut other = fingerprint;
        other[0] ^= 1;
        let other = CommandEnvelope {
            context: kept.envelope.context.clone(),
            key: Some((key.clone(), other)),
            credential: kept.envelope.credential,
            lease: None,
        };
        let refused = self.repository.execute(&other, decided_again).await;
        assert!(
            matches!(refused, Err(Failure::Store(StoreError::KeyReused { key: reused })) if reused == key)
        );
        assert_eq!(self.repository.log().head(), head);
        self.report.repeats += 1;
    }

    /// Takes in what was recorded since: which part of the history that is, and how the agents stood before that it
    /// changed.
    async fn take_in(&mut self, envelope: &CommandEnvelope, issued: &Issued<'_>) -> (Range<usize>, Before) {
        let from = self.history.len();
        for stored in read_after(&self.repository, from as u64).await {
            let recorded = read(&stored);
            assert_eq!(recorded.position, self.history.len() as u64 + 1, "positions have a hole");
            assert_eq!(recorded.metadata.actor, envelope.context.actor);
            assert_eq!(recorded.metadata.recorded_at, envelope.context.now);
            assert_eq!(recorded.metadata.credential, envelope.credential);
            let key = envelope.key.as_ref().map(|(key, _)| key);
            assert_eq!(recorded.metadata.idempotency_key.as_ref(), key);
            self.history.push(recorded);
        }
        let commit = self.history[from..].to_vec();
        let before = commit.iter().filter_map(|recorded| self.standing_of(recorded)).collect();
        for recorded in &commit {
            invariants::on_event(self, issued, &commit, recorded);
            self.apply(recorded);
        }
        (from..self.history.len(), before)
    }

    fn standing_of(&self, recorded: &Recorded<AnyEvent>) -> Option<(AgentId, agent::Standing)> {
        let AnyEvent::Agent(_) = recorded.event else { return None };
        let id = recorded.stream.aggregate_id.parse().ok()?;
        Some((id, self.states.agent(id)?.standing()))
    }

    fn apply(&mut self, recorded: &Recorded<AnyEvent>) {
        let id = recorded.stream.aggregate_id.as_str();
        let task = matches!(recorded.event, AnyEvent::Task(_)).then(|| id.parse::<TaskId>().unwrap());
        if let (Some(task), AnyEvent::Task(event)) = (task, &recorded.event) {
            self.handed_in.apply(task, event, self.states.task(task));
            self.count(task, -1);
        }
        self.ledger.apply(recorded);
        self.states.apply(recorded);
        self.watched.apply(recorded);
        self.told.apply(recorded);
        self.bearers.apply(recorded, &self.states);
        self.report.recorded(recorded.event.name());
        if let Some(task) = task {
            self.count(task, 1);
        }
        if let (AnyEvent::Notification(_), 1) = (&recorded.event, recorded.version) {
            self.underway.push(id.parse().unwrap());
        }
    }

    /// Counts a task in its column, or no longer.
    fn count(&mut self, task: TaskId, by: isize) {
        let Some(task) = self.states.task(task).filter(|task| !task.archived()) else { return };
        let column = self.columns.entry((task.project(), task.status())).or_default();
        *column = column.checked_add_signed(by).unwrap();
    }

    /// All that the log has, from the beginning.
    async fn read_log(&self) -> Vec<Recorded<AnyEvent>> {
        read_after(&self.repository, 0).await.iter().map(read).collect()
    }

    /// Looks at everything at once.
    async fn sweep(&mut self) {
        invariants::sweep(self).await;
        views::show_everything(self);
    }

    /// Reads the log anew: it has what was taken in, and all views and all aggregates are folds of it.
    async fn fold_anew(&self) {
        let history = self.read_log().await;
        assert!(history == self.history, "the log has changed");
        bearers::everybody_acted_by_their_own(&history);
        self.watched.equals_a_fresh_fold(&history);
        let fresh = Repository::new(Arc::clone(self.repository.log()));
        invariants::in_memory_is_what_is_recorded(self, &fresh).await;
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

/// A repeat is answered from what is kept.
fn decided_again(_: &mut Transaction<'_>) -> Result<u64, Failure> {
    panic!("a repeat is decided again")
}

/// The event as it is read, which written again is the same. Its identity, which the repository draws, is replaced by one
/// that is the same in every run.
fn read(stored: &StoredEvent) -> Recorded<AnyEvent> {
    let mut recorded = codec::decode_any(stored).unwrap().expect("it is of this domain");
    let written = codec::encode_any(&recorded.event, recorded.metadata.clone());
    assert_eq!(written.payload, stored.payload, "an event changes by being read");
    assert!(bearers::holds_no_secret(&stored.payload), "a secret is recorded: {}", stored.payload);
    assert_eq!(
        (written.event_type, written.event_version),
        (stored.event_type.clone(), stored.event_version)
    );
    let is_of_all = matches!(recorded.event, AnyEvent::Policy(_) | AnyEvent::Credential(_));
    assert!(recorded.metadata.project.is_some() || is_of_all);
    recorded.metadata.event_id = EventId::new(Uuid::from_u128(u128::from(stored.position)));
    recorded
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
