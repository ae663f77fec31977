//! What holds after any sequence of operations, legal and illegal, by anyone.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::Actor,
    agent::{self, Agent, Corrections, Heartbeat, PauseReason, Profile, Role, Work},
    aggregate::{Aggregate, CommandContext},
    budget::Budget,
    ids::{AgentId, LeaseId, MessageId, ProjectId, RunId, TaskId},
    money::Usd,
    operation::{
        self, Claims, CompleteRun, CorrectAgent, CreateTask, MoveTask, Names, ReassignTask, RegisterAgent,
        Rejection, StartRun, change_profile, claim_task, complete_run, correct_agent, create_project,
        create_task, heartbeat, move_task, post_message, quarantine_agent, reassign_task, record_tool_call,
        register_agent, restart_agent, sign_off_agent, start_run, time_out_run,
    },
    policy::document::PolicyLimits,
    project::{self, Project},
    recorded::{AnyEvent, StreamId, Streamed},
    reservation::{Key, Reservation},
    run::{self, Bill, Outcome, Run, ToolCall, ToolRisk, ToolStatus},
    task::{
        self, Artifact, ArtifactBody, ArtifactKind, Checklist, ChecklistItem, Details, Message, MessageKind,
        Move, Status, Task, TaskType, WorkPlan,
    },
    transaction::{Change, Entity, Loaded, Source, Transaction},
    values::{Label, Name, Reason, Slug, Text},
};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestCaseResult};
use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

const AGENTS: [(&str, usize, Role); 4] = [
    ("Scout", 0, Role::Intern),
    ("Echo", 0, Role::Specialist),
    ("Nova", 0, Role::Lead),
    ("Spy", 1, Role::Lead),
];
const PROJECTS: [&str; 2] = ["openclaw", "elsewhere"];
const NAMES: [&str; 3] = ["Scout", "Ranger", "Echo"];
const TASKS: usize = 4;

fn id<T: From<Uuid>>(kind: u128, number: usize) -> T {
    Uuid::from_u128(kind << 64 | (number as u128 + 1)).into()
}

fn project_id(number: usize) -> ProjectId {
    id(1, number)
}

fn agent_id(number: usize) -> AgentId {
    id(2, number)
}

fn task_id(number: usize) -> TaskId {
    id(3, number)
}

fn reason(text: &str) -> Reason {
    Reason::new(text).unwrap()
}

/// Scout takes research only, the others everything.
fn profile(name: &str, role: Role) -> Profile {
    let allowed_task_types =
        if name == "Scout" { BTreeSet::from([TaskType::CustomerResearch]) } else { BTreeSet::new() };
    Profile { allowed_task_types, ..Profile::new(Name::new(name).unwrap(), role) }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
enum Who {
    Operator,
    System,
    Agent(usize),
}

/// What is asked for: numbers are places in the world, wrong ones included.
#[derive(Debug, Clone)]
enum Ask {
    CreateTask { task: usize, project: usize, assignees: BTreeSet<usize>, limited: bool },
    Claim { task: usize, agent: usize },
    Move { task: usize, to: Status, assignees: Option<BTreeSet<usize>>, equipped: bool, lease: Lease },
    Reassign { task: usize, assignees: BTreeSet<usize>, reason: bool },
    Edit { task: usize, reviewers: BTreeSet<usize> },
    Post { task: usize, kind: MessageKind, handed_in: bool },
    Register { agent: usize, role: Role },
    Rename { agent: usize, to: usize },
    Heartbeat { agent: usize, error: bool, minutes: u8 },
    Pause { agent: usize, reason: PauseReason },
    Resume { agent: usize },
    Drain { agent: usize },
    Quarantine { agent: usize },
    SignOff { agent: usize },
    Restart { agent: usize },
    Correct { agent: usize, status: Option<agent::Status>, streak: Option<u32>, clear_task: bool },
    StartRun { agent: usize, task: Option<usize>, cents: Option<u32> },
    EndRun { run: usize, outcome: Outcome, cents: Option<u32> },
    UseTool { run: usize, fails: bool },
    TimeOut { run: usize },
}

/// Which lease a move names.
#[derive(Debug, Clone, Copy)]
enum Lease {
    None,
    Current,
    Over,
}

fn asks() -> impl Strategy<Value = Ask> {
    let (task, agent) = (0..TASKS, 0..AGENTS.len());
    let crew = || proptest::collection::btree_set(0..AGENTS.len(), 0..3);
    let lease = select(vec![Lease::None, Lease::None, Lease::Current, Lease::Over]);
    prop_oneof![
        5 => (task.clone(), 0..2_usize, crew(), any::<bool>()).prop_map(|(task, project, assignees, limited)| {
            Ask::CreateTask { task, project, assignees, limited }
        }),
        3 => (task.clone(), agent.clone()).prop_map(|(task, agent)| Ask::Claim { task, agent }),
        40 => (task.clone(), moves(), option::of(crew()), prop::bool::weighted(0.9), lease).prop_map(
            |(task, to, assignees, equipped, lease)| Ask::Move { task, to, assignees, equipped, lease }
        ),
        3 => (task.clone(), crew(), any::<bool>()).prop_map(|(task, assignees, reason)| {
            Ask::Reassign { task, assignees, reason }
        }),
        1 => (task.clone(), crew()).prop_map(|(task, reviewers)| Ask::Edit { task, reviewers }),
        1 => (task, select(MessageKind::ALL), any::<bool>()).prop_map(|(task, kind, handed_in)| {
            Ask::Post { task, kind, handed_in }
        }),
        2 => (agent.clone(), select(Role::ALL)).prop_map(|(agent, role)| Ask::Register { agent, role }),
        1 => (agent.clone(), 0..NAMES.len()).prop_map(|(agent, to)| Ask::Rename { agent, to }),
        4 => (agent.clone(), prop::bool::weighted(0.4), 0..3_u8).prop_map(|(agent, error, minutes)| {
            Ask::Heartbeat { agent, error, minutes }
        }),
        1 => (agent.clone(), select(PauseReason::ALL)).prop_map(|(agent, reason)| Ask::Pause { agent, reason }),
        4 => agent.clone().prop_map(|agent| Ask::Resume { agent }),
        1 => agent.clone().prop_map(|agent| Ask::Drain { agent }),
        1 => agent.clone().prop_map(|agent| Ask::Quarantine { agent }),
        1 => agent.clone().prop_map(|agent| Ask::SignOff { agent }),
        1 => agent.clone().prop_map(|agent| Ask::Restart { agent }),
        1 => (agent, option::of(select(agent::Status::ALL)), option::of(0..7_u32), any::<bool>()).prop_map(
            |(agent, status, streak, clear_task)| Ask::Correct { agent, status, streak, clear_task }
        ),
        30 => runs(),
    ]
}

/// Mostly of one agent and one task, or few runs would start; by day's end it has spent its budget.
fn runs() -> impl Strategy<Value = Ask> {
    let (task, agent) = (option::weighted(0.8, 0..2_usize), 0..2_usize);
    let cents = || option::of(0..90_u32);
    prop_oneof![
        4 => (agent, task, cents()).prop_map(|(agent, task, cents)| Ask::StartRun { agent, task, cents }),
        2 => (any::<usize>(), select(Outcome::ALL), cents())
            .prop_map(|(run, outcome, cents)| Ask::EndRun { run, outcome, cents }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(run, fails)| Ask::UseTool { run, fails }),
        1 => any::<usize>().prop_map(|run| Ask::TimeOut { run }),
    ]
}

/// The way to done more often than the rest, or few tasks would get far.
fn moves() -> impl Strategy<Value = Status> {
    prop_oneof![
        3 => Just(Status::InProgress),
        1 => Just(Status::Assigned),
        2 => Just(Status::Review),
        1 => Just(Status::Done),
        3 => select(Status::ALL),
    ]
}

/// Anybody asks for anything, and now and then an agent for what it may have, or tells what a run of it cost.
fn asked() -> impl Strategy<Value = (Who, Ask)> {
    let own =
        (0..TASKS, 0..AGENTS.len()).prop_map(|(task, agent)| (Who::Agent(agent), Ask::Claim { task, agent }));
    let told = (any::<usize>(), 0..2_usize, option::of(0..90_u32)).prop_map(|(run, agent, cents)| {
        (Who::Agent(agent), Ask::EndRun { run, outcome: Outcome::Completed, cents })
    });
    prop_oneof![12 => (who(), asks()), 1 => own, 1 => told]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        4 => Just(Who::Operator),
        1 => Just(Who::System),
        4 => (0..AGENTS.len()).prop_map(Who::Agent),
    ]
}

/// All that is recorded, with the state it folds to.
#[derive(Clone)]
struct World {
    now: DateTime<Utc>,
    leases: usize,
    projects: BTreeMap<String, Entity<Project>>,
    agents: BTreeMap<String, Entity<Agent>>,
    tasks: BTreeMap<String, Entity<Task>>,
    names: BTreeMap<String, Entity<Reservation>>,
    log: BTreeMap<StreamId, Vec<AnyEvent>>,
}

impl World {
    /// Two projects, their agents and two tasks of the first; the other tasks are not created yet.
    fn new() -> Self {
        let mut world = Self {
            now: DateTime::UNIX_EPOCH,
            leases: 0,
            projects: BTreeMap::new(),
            agents: BTreeMap::new(),
            tasks: BTreeMap::new(),
            names: BTreeMap::new(),
            log: BTreeMap::new(),
        };
        let sofie = world.context(Who::Operator);
        for (number, text) in PROJECTS.into_iter().enumerate() {
            let slug = Slug::new(text).unwrap();
            let profile = project::Profile::new(Name::new(text).unwrap());
            let changes = world.run(&sofie, |tx| create_project(tx, project_id(number), slug, profile));
            world.record(&changes.unwrap());
        }
        for (number, (_, _, role)) in AGENTS.into_iter().enumerate() {
            let changes = world.decide(&Ask::Register { agent: number, role }, Who::Operator);
            world.record(&changes.unwrap());
        }
        for task in 0..2 {
            let ask = Ask::CreateTask { task, project: 0, assignees: BTreeSet::from([task]), limited: false };
            let changes = world.decide(&ask, Who::Operator);
            world.record(&changes.unwrap());
        }
        world
    }

    fn context(&self, who: Who) -> CommandContext {
        let actor = match who {
            Who::Operator => Actor::Human(Name::new("Sofie").unwrap()),
            Who::System => Actor::System(Name::new("monitor").unwrap()),
            Who::Agent(number) => Actor::Agent(agent_id(number)),
        };
        CommandContext::new(self.now, actor)
    }

    fn agent(&self, number: usize) -> Entity<Agent> {
        loaded(&self.agents, agent_id(number))
    }

    fn task(&self, number: usize) -> Entity<Task> {
        loaded(&self.tasks, task_id(number))
    }

    /// What `operation` decides, from what is recorded; nothing is recorded yet.
    fn run(
        &self,
        context: &CommandContext,
        operation: impl FnOnce(&mut Transaction<'_>) -> Result<(), Rejection>,
    ) -> Result<Vec<Change>, Rejection> {
        let mut recorded = Recorded(self);
        let mut tx = Transaction::new(&mut recorded, context.clone());
        operation(&mut tx)?;
        Ok(tx.finish().changes.into_iter().map(|(change, _)| change).collect())
    }

    fn decide(&self, ask: &Ask, who: Who) -> Result<Vec<Change>, Rejection> {
        self.run(&self.context(who), |tx| self.decide_in(tx, ask))
    }

    fn decide_in(&self, tx: &mut Transaction<'_>, ask: &Ask) -> Result<(), Rejection> {
        let ids = |numbers: &BTreeSet<usize>| numbers.iter().copied().map(agent_id).collect::<BTreeSet<_>>();
        let aggregate = |tx: &mut Transaction<'_>, number: usize, command| {
            let agent = tx.get::<Agent>(&agent_id(number))?;
            tx.execute(&agent, command).map(drop)
        };
        let names_of = |tx: &mut Transaction<'_>, project, name: &Name| {
            Names::load(tx, project, name, &Claims::default())
        };
        match ask {
            Ask::CreateTask { task, project, assignees, limited } => {
                let kind = if *limited { TaskType::Docs } else { TaskType::CustomerResearch };
                let details = Details::titled("Research", kind).unwrap();
                let wish = CreateTask { details, assignees: ids(assignees), open: 0 };
                create_task(tx, project_id(*project), task_id(*task), None, wish)
            }
            Ask::Claim { task, agent } => claim_task(tx, task_id(*task), agent_id(*agent)),
            Ask::Move { task, to, assignees, equipped, lease } => {
                let to = Move { lease: self.named(&self.task(*task), *lease), ..a_move(*to, *equipped) };
                let wish = MoveTask { to, assignees: assignees.as_ref().map(ids), lease: id(4, self.leases) };
                move_task(tx, task_id(*task), wish)
            }
            Ask::Reassign { task, assignees, reason: given } => {
                let wish =
                    ReassignTask { assignees: ids(assignees), reason: given.then(|| reason("someone else")) };
                reassign_task(tx, task_id(*task), wish)
            }
            Ask::Edit { task, reviewers } => {
                let task = tx.get::<Task>(&task_id(*task))?;
                let details = Details {
                    reviewers: ids(reviewers),
                    ..Details::titled("Research", TaskType::CustomerResearch).unwrap()
                };
                tx.execute(&task, task::Command::Edit(details)).map(drop)
            }
            Ask::Post { task, kind, handed_in } => {
                post_message(tx, task_id(*task), a_message(*kind, *handed_in))
            }
            Ask::Register { agent, role } => {
                let (name, project, _) = AGENTS[*agent];
                let profile = match self.agent(*agent).registered() {
                    Ok(known) => Profile { role: *role, ..known.profile().clone() },
                    Err(_) => profile(name, *role),
                };
                let names = names_of(tx, project_id(project), &profile.name)?;
                let wish = RegisterAgent { profile, parent: None, purpose: None, squad: 0 };
                register_agent(tx, project_id(project), &names, agent_id(*agent), wish)
            }
            Ask::Rename { agent, to } => {
                let project = project_id(AGENTS[*agent].1);
                let current = self.agent(*agent).registered()?.profile().clone();
                let wanted = Profile { name: Name::new(NAMES[*to]).unwrap(), ..current.clone() };
                let (old, new) =
                    (names_of(tx, project, &current.name)?, names_of(tx, project, &wanted.name)?);
                change_profile(tx, agent_id(*agent), Some((&old, &new)), wanted)
            }
            Ask::Heartbeat { agent, error, .. } => {
                let beat = Heartbeat { session_key: None, error: error.then(|| reason("timeout")) };
                heartbeat(tx, agent_id(*agent), beat)
            }
            Ask::Pause { agent, reason } => {
                aggregate(tx, *agent, agent::Command::Pause { reason: *reason, note: None })
            }
            Ask::Resume { agent } => aggregate(tx, *agent, agent::Command::Resume { note: None }),
            Ask::Drain { agent } => aggregate(tx, *agent, agent::Command::Drain { note: None }),
            Ask::Quarantine { agent } => quarantine_agent(tx, agent_id(*agent), None),
            Ask::SignOff { agent } => sign_off_agent(tx, agent_id(*agent), None),
            Ask::Restart { agent } => restart_agent(tx, agent_id(*agent), None),
            Ask::Correct { agent, status, streak, clear_task } => {
                let corrections = Corrections { status: *status, error_streak: *streak, today_spend: None };
                let wish = CorrectAgent { corrections, clear_task: *clear_task };
                correct_agent(tx, agent_id(*agent), wish)
            }
            Ask::StartRun { agent, task, cents } => {
                let wish = StartRun {
                    task: task.map(task_id),
                    model: Label::new("a-model").unwrap(),
                    session_key: None,
                    estimate: cents.map(Usd::cents),
                };
                start_run(tx, id(6, self.leases), agent_id(*agent), wish).map(drop)
            }
            Ask::EndRun { run, outcome, cents } => {
                let bill = Bill { cost: cents.map(Usd::cents), ..Bill::default() };
                complete_run(tx, self.run_id(*run), CompleteRun { outcome: *outcome, bill })
            }
            Ask::UseTool { run, fails } => {
                let status = if *fails { ToolStatus::Failed } else { ToolStatus::Success };
                let call = ToolCall {
                    tool: Label::new("web_search").unwrap(),
                    risk: None,
                    approval: None,
                    status,
                    input_preview: None,
                    output_preview: None,
                    error: None,
                };
                let wish = operation::UseTool { call, policy: ToolRisk::Green, params: None };
                record_tool_call(tx, self.run_id(*run), wish).map(drop)
            }
            Ask::TimeOut { run } => time_out_run(tx, self.run_id(*run)),
        }
    }

    fn all<A: Streamed<Id: From<Uuid>>>(&self) -> impl Iterator<Item = Entity<A>> {
        let streams = self.log.keys().filter(|stream| stream.aggregate_type == A::TYPE);
        let ids = streams.map(|stream| Uuid::parse_str(&stream.aggregate_id).unwrap().into());
        ids.map(|id| self.get::<A>(&id))
    }

    fn get<A: Streamed>(&self, id: &A::Id) -> Entity<A> {
        let events = self.log.get(&StreamId::of::<A>(id)).into_iter().flatten();
        Entity::<A>::new(id.clone()).after(events.filter_map(A::event))
    }

    /// One of all the runs that ever began.
    fn run_id(&self, number: usize) -> RunId {
        let runs: Vec<_> = self.all::<Run>().map(|run| run.id).collect();
        match runs.len() {
            0 => id(6, 0),
            many => runs[number % many],
        }
    }

    fn named(&self, task: &Entity<Task>, lease: Lease) -> Option<LeaseId> {
        match lease {
            Lease::None => None,
            Lease::Current => task.present().ok()?.hold().map(|hold| hold.lease),
            Lease::Over => Some(id(4, self.leases + 1)),
        }
    }

    /// What a store does with a decision: all of it, stream by stream.
    fn record(&mut self, changes: &[Change]) {
        for change in changes {
            let key = change.stream.aggregate_id.clone();
            for event in &change.events {
                match event {
                    AnyEvent::Project(event) => grown(&mut self.projects, &key, event),
                    AnyEvent::Agent(event) => grown(&mut self.agents, &key, event),
                    AnyEvent::Task(event) => grown(&mut self.tasks, &key, event),
                    // Read from the log when an operation asks for them.
                    AnyEvent::Approval(_)
                    | AnyEvent::Policy(_)
                    | AnyEvent::Run(_)
                    | AnyEvent::Budget(_)
                    | AnyEvent::Alert(_)
                    | AnyEvent::Standup(_)
                    | AnyEvent::Credential(_)
                    | AnyEvent::Notification(_) => {}
                    AnyEvent::Reservation(event) => {
                        let name = self.names.remove(&key).or_else(|| self.key_named(&key));
                        self.names.extend(name.map(|name| (key.clone(), name.after([event]))));
                    }
                }
            }
            self.log.entry(change.stream.clone()).or_default().extend(change.events.iter().cloned());
        }
        self.leases += 1;
    }

    /// The reservation of a slug or a name that is written as `text`; its key is not to be had from text.
    fn key_named(&self, text: &str) -> Option<Entity<Reservation>> {
        let slugs = PROJECTS.iter().map(|slug| Key::project(&Slug::new(slug).unwrap()));
        let names = AGENTS.iter().map(|(name, ..)| *name).chain(NAMES);
        let names = names.flat_map(|name| {
            (0..PROJECTS.len()).map(move |project| Key::agent(project_id(project), &Name::new(name).unwrap()))
        });
        slugs.chain(names).find(|key| key.to_string() == text).map(Entity::new)
    }
}

/// Whatever an operation asks for, from what is recorded.
struct Recorded<'a>(&'a World);

impl Source for Recorded<'_> {
    fn load(&mut self, stream: &StreamId, absent: fn() -> Loaded) -> Option<Loaded> {
        let events = self.0.log.get(stream).map_or(&[][..], Vec::as_slice);
        Some(absent().after(events))
    }
}

fn loaded<A: Aggregate>(all: &BTreeMap<String, Entity<A>>, id: A::Id) -> Entity<A> {
    all.get(&id.to_string()).cloned().unwrap_or_else(|| Entity::new(id))
}

fn grown<A: Aggregate<Id: From<Uuid>>>(all: &mut BTreeMap<String, Entity<A>>, id: &str, event: &A::Event) {
    let entity = all.remove(id).unwrap_or_else(|| Entity::new(Uuid::parse_str(id).unwrap().into()));
    all.insert(id.to_owned(), entity.after([event]));
}

fn a_move(to: Status, equipped: bool) -> Move {
    if !equipped {
        return Move::to(to);
    }
    Move {
        reason: Some(reason("because")),
        plan: Some(WorkPlan::try_from(vec![reason("read"); 3]).unwrap()),
        deliverable: Some(an_artifact(ArtifactKind::Deliverable)),
        checklist: Some(
            Checklist::try_from(vec![ChecklistItem { label: reason("sources"), checked: true, note: None }])
                .unwrap(),
        ),
        ..Move::to(to)
    }
}

fn an_artifact(kind: ArtifactKind) -> Artifact {
    let body = ArtifactBody::Content(Text::new("Three tiers.").unwrap());
    Artifact { name: Label::new("pricing.md").unwrap(), kind, body }
}

fn a_message(kind: MessageKind, handed_in: bool) -> Message {
    let artifacts = [ArtifactKind::Deliverable, ArtifactKind::Checklist].map(an_artifact).into();
    Message {
        id: MessageId::new(Uuid::from_u128(5)),
        kind,
        content: Some(Text::new("Half way.").unwrap()),
        artifacts: if handed_in { artifacts } else { vec![] },
        mentions: BTreeSet::new(),
        reply_to: None,
        lease: None,
    }
}

fn may_hold(status: agent::Status) -> bool {
    !matches!(status, agent::Status::Quarantined | agent::Status::Offline)
}

/// Every task in progress is held by an agent that has it, and lease and all, as its work.
fn tasks_agree_with_their_holders(world: &World) -> TestCaseResult {
    for task in world.tasks.values() {
        let present = task.present().unwrap();
        prop_assert_eq!(present.hold().is_some(), present.status() == Status::InProgress);
        let Some(hold) = present.hold() else { continue };
        let holder = &world.agents[&hold.holder.to_string()];
        let holder = holder.registered().unwrap();
        prop_assert_eq!(holder.work(), Some(Work { task: task.id, lease: hold.lease }));
        prop_assert!(
            may_hold(holder.status()),
            "{} holds a task and is {}",
            holder.profile().name,
            holder.status()
        );
        prop_assert_eq!(holder.project(), present.project());
        prop_assert!(present.assignees().contains(&hold.holder));
    }
    Ok(())
}

/// A run is under way for its agent, its task and its budgets as long as for itself, and no longer.
fn runs_are_known_to_all_or_none(world: &World) -> TestCaseResult {
    let mut running = BTreeMap::new();
    for run in world.all::<Run>() {
        let Ok(state) = run.running() else { continue };
        let terms = state.terms().clone();
        for key in terms.open_run().budgets(terms.project) {
            let budget = world.get::<Budget>(&key);
            prop_assert_eq!(budget.reservations().get(&run.id), Some(&terms.reserved));
        }
        running.insert(run.id, terms);
    }
    for agent in world.agents.values() {
        let registered = agent.registered().unwrap();
        let mine = |id: &&RunId| running[*id].agent == agent.id;
        let known: Vec<_> = registered.open_runs().keys().collect();
        prop_assert_eq!(&known, &running.keys().filter(mine).collect::<Vec<_>>());
        prop_assert!(known.is_empty() || may_hold(registered.status()));
    }
    for task in world.tasks.values() {
        let present = task.present().unwrap();
        let its = |id: &&RunId| running[*id].task == Some(task.id);
        let known: Vec<_> = present.open_runs().keys().collect();
        prop_assert_eq!(&known, &running.keys().filter(its).collect::<Vec<_>>());
        prop_assert!(known.is_empty() || !present.status().is_closed());
    }
    for stream in world.log.keys().filter(|stream| stream.aggregate_type == Budget::TYPE) {
        let key = stream.aggregate_id.parse().unwrap();
        let budget = world.get::<Budget>(&key);
        for run in budget.reservations().keys() {
            prop_assert!(running.contains_key(run), "{key} has money set aside for {run}, which is over");
        }
    }
    Ok(())
}

/// What a task has cost is what its runs were charged.
fn tasks_cost_what_their_runs_were_charged(world: &World) -> TestCaseResult {
    let mut charged = BTreeMap::<_, Usd>::new();
    for event in world.log.values().flatten() {
        let AnyEvent::Run(event) = event else { continue };
        let (Some(task), Some(amount)) = (task_charged(event), event.charged()) else { continue };
        let sum = charged.entry(task).or_default();
        *sum = sum.plus(amount);
    }
    for task in world.tasks.values() {
        let expected = charged.get(&task.id).copied().unwrap_or_default();
        prop_assert_eq!(task.present().unwrap().cost(), expected);
    }
    Ok(())
}

fn task_charged(event: &run::Event) -> Option<TaskId> {
    match event {
        run::Event::Billed(billed) => billed.task,
        _ => event.end().and_then(|(_, ended)| ended.task),
    }
}

/// Every budget has spent what the runs that began on it were charged, at their end or afterwards, each of them once; and
/// no run begins with nothing set aside.
fn budgets_have_spent_what_runs_were_charged(world: &World) -> TestCaseResult {
    let mut charged = BTreeMap::<_, Usd>::new();
    for (stream, events) in world.log.iter().filter(|(stream, _)| stream.aggregate_type == Run::TYPE) {
        let facts: Vec<_> = events.iter().filter_map(Run::event).collect();
        let Some(run::Event::Started(terms)) = facts.first() else { panic!("{stream} has not begun") };
        prop_assert!(terms.reserved >= PolicyLimits::default().least_reserved);
        let amounts: Vec<_> =
            facts.iter().filter_map(|fact| fact.charged()).filter(|usd| *usd > Usd::ZERO).collect();
        prop_assert!(amounts.len() <= 1, "{stream} is charged {amounts:?}");
        for key in terms.open_run().budgets(terms.project) {
            let sum = charged.entry(key).or_default();
            *sum = amounts.iter().copied().fold(*sum, Usd::plus);
        }
    }
    for (key, sum) in charged {
        let budget = world.get::<Budget>(&key);
        prop_assert_eq!(budget.spent(), sum, "{}", key);
    }
    Ok(())
}

/// Every agent at work has a task that it holds; so none has two, since a task has one holder and an agent one work.
fn agents_agree_with_their_tasks(world: &World) -> TestCaseResult {
    for agent in world.agents.values() {
        let Some(work) = agent.registered().unwrap().work() else { continue };
        let hold = world.tasks[&work.task.to_string()].present().unwrap().hold();
        prop_assert_eq!(hold.map(|hold| (hold.holder, hold.lease)), Some((agent.id, work.lease)));
        let held = world.tasks.values().filter_map(|task| task.present().unwrap().hold());
        prop_assert_eq!(held.filter(|hold| hold.holder == agent.id).count(), 1);
    }
    Ok(())
}

/// Assigned means that someone of the project has it; the inbox is nobody's.
fn assignees_fit_the_status(world: &World) -> TestCaseResult {
    for task in world.tasks.values() {
        let present = task.present().unwrap();
        match present.status() {
            Status::Inbox => prop_assert!(present.assignees().is_empty()),
            Status::Assigned | Status::InProgress => prop_assert!(!present.assignees().is_empty()),
            _ => {}
        }
        for assignee in present.assignees() {
            let agent = world.agents[&assignee.to_string()].registered().unwrap().project();
            prop_assert_eq!(agent, present.project());
        }
    }
    Ok(())
}

/// An agent's name is its own: the reservation says so, and no other reservation names it.
fn names_are_held_by_who_bears_them(world: &World) -> TestCaseResult {
    for agent in world.agents.values() {
        let registered = agent.registered().unwrap();
        let key = Key::agent(registered.project(), &registered.profile().name);
        let held: Vec<_> = world.names.values().filter(|name| name.agent() == Some(agent.id)).collect();
        prop_assert_eq!(held.len(), 1);
        prop_assert_eq!(&held[0].id, &key);
    }
    Ok(())
}

/// The states in the world are what the log says, and their versions count it.
fn states_are_what_the_log_folds_to(world: &World) -> TestCaseResult {
    for (stream, events) in &world.log {
        let id = &stream.aggregate_id;
        let length = events.len() as u64;
        match stream.aggregate_type.as_ref() {
            Project::TYPE => prop_assert_eq!(world.projects[id].version, length),
            Agent::TYPE => {
                let events = events.iter().map(|event| match event {
                    AnyEvent::Agent(event) => event,
                    other => panic!("{} in the stream {stream}", other.name()),
                });
                prop_assert_eq!(&*world.agents[id].state, &Agent::fold(events));
                prop_assert_eq!(world.agents[id].version, length);
            }
            Task::TYPE => {
                let events: Vec<_> = events
                    .iter()
                    .map(|event| match event {
                        AnyEvent::Task(event) => event,
                        other => panic!("{} in the stream {stream}", other.name()),
                    })
                    .collect();
                let task = &world.tasks[id];
                prop_assert_eq!(&*task.state, &Task::fold(events.iter().copied()));
                prop_assert_eq!(task.version, length);
                prop_assert_eq!(task.status(), events.iter().rev().find_map(|event| event.moves_to()));
            }
            Reservation::TYPE => {
                prop_assert!(world.names.get(id).is_none_or(|name| name.version == length));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What was recorded of a state reads back as the same state.
fn states_survive_serialization(world: &World) -> TestCaseResult {
    for task in world.tasks.values() {
        prop_assert_eq!(&reread(&*task.state), &*task.state);
    }
    for agent in world.agents.values() {
        prop_assert_eq!(&reread(&*agent.state), &*agent.state);
    }
    Ok(())
}

fn reread<A: Aggregate>(state: &A) -> A {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

/// Canceled tasks stay canceled, and what an operator imposed stays until a human or the rule for it lifts it.
fn nothing_final_or_imposed_was_undone(before: &World, after: &World, who: Who) -> TestCaseResult {
    for (id, task) in &before.tasks {
        if task.status() == Some(Status::Canceled) {
            prop_assert_eq!(after.tasks[id].status(), Some(Status::Canceled));
        }
    }
    for (id, agent) in &before.agents {
        let (was, is) = (agent.registered().unwrap(), after.agents[id].registered().unwrap());
        let freed = was.status() != agent::Status::Offline && is.status() == agent::Status::Active;
        let new_day = was.is_paused_since_yesterday(after.now.date_naive());
        if freed && was.status() != agent::Status::Active && !matches!(who, Who::Operator) && !new_day {
            prop_assert!(matches!(who, Who::System));
            prop_assert_eq!(was.standing(), agent::Standing::Paused(PauseReason::Budget));
        }
        if matches!(who, Who::Agent(_)) {
            prop_assert!(is.profile().role <= was.profile().role);
            prop_assert!(is.profile().caps.daily <= was.profile().caps.daily);
        }
    }
    Ok(())
}

/// An event reads back as itself, and its name is its stream's type and its own tag.
fn event_is_stored_faithfully(event: &AnyEvent) -> TestCaseResult {
    struct Payload<'a>(&'a AnyEvent);
    impl Serialize for Payload<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.serialize_payload(serializer)
        }
    }
    let (aggregate, tag) = event.name().split_once('.').unwrap();
    let value = serde_json::to_value(Payload(event)).unwrap();
    let tags: Vec<_> = value.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    prop_assert_eq!(tags, [tag]);
    let text = Value::to_string(&value);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let reread = AnyEvent::deserialize_payload(aggregate, &mut deserializer).unwrap();
    prop_assert_eq!(reread.as_ref(), Some(event));
    Ok(())
}

fn decision_is_stored_faithfully(changes: &[Change]) -> TestCaseResult {
    let mut streams = BTreeSet::new();
    for change in changes {
        prop_assert!(streams.insert(&change.stream), "{} is changed twice", change.stream);
        prop_assert!(change.project.is_some(), "{} is of no project", change.stream);
        prop_assert!(!change.events.is_empty());
        for event in &change.events {
            let of_stream = event.name().split_once('.').map(|(aggregate, _)| aggregate);
            prop_assert_eq!(of_stream, Some(&*change.stream.aggregate_type));
            event_is_stored_faithfully(event)?;
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_sequence_of_operations_keeps_the_invariants(asked in vec(asked(), 1..100)) {
        let mut world = World::new();
        for (who, ask) in asked {
            if let Ask::Heartbeat { minutes, .. } = ask {
                world.now += TimeDelta::minutes(minutes.into());
            }
            let Ok(changes) = world.decide(&ask, who) else { continue };
            let before = world.clone();
            decision_is_stored_faithfully(&changes)?;
            world.record(&changes);
            tasks_agree_with_their_holders(&world)?;
            agents_agree_with_their_tasks(&world)?;
            runs_are_known_to_all_or_none(&world)?;
            tasks_cost_what_their_runs_were_charged(&world)?;
            budgets_have_spent_what_runs_were_charged(&world)?;
            assignees_fit_the_status(&world)?;
            names_are_held_by_who_bears_them(&world)?;
            nothing_final_or_imposed_was_undone(&before, &world, who)?;
            states_are_what_the_log_folds_to(&world)?;
        }
        states_survive_serialization(&world)?;
    }

    #[test]
    fn asking_twice_for_the_same_moment_decides_the_same(asked in vec(asked(), 1..40)) {
        let mut world = World::new();
        for (who, ask) in asked {
            let (first, second) = (world.decide(&ask, who), world.decide(&ask, who));
            prop_assert_eq!(&first, &second);
            if let Ok(changes) = first {
                world.record(&changes);
            }
        }
    }
}
