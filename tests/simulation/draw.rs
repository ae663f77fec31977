//! Who asks for what next: agents at work, operators who look after them, workers that tick, and anybody who asks for
//! anything.

use std::collections::BTreeSet;

use mc_domain::{
    actor::Actor,
    agent::{self, Caps, Corrections, PauseReason, Profile, Role},
    alert,
    approval::{self, ActionType, Lifetime, Quorum},
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    money::Usd,
    operation::{Answer, CorrectAgent, CreateTask, MoveTask, ReassignTask},
    policy::Scope,
    process::{RetirementCause, notifications},
    project::{Halt, Project, Squad},
    run::{Outcome, ToolCall, ToolRisk, ToolStatus},
    standup::{self, Report},
    task::{
        Artifact, ArtifactBody, ArtifactKind, Checklist, ChecklistItem, Details, Message, MessageKind, Move,
        Present, Priority, Status, TaskType, WorkPlan,
    },
    values::{Label, Name, Text, Title},
};

use crate::{
    actions::{Action, Asked, Attention, crew, reason},
    bearers, bursts,
    policies::{self, Draft},
    workers,
    world::World,
};

/// What the operators are called; see [`bearers`] for what they may be called later.
pub const OPERATORS: [&str; 2] = ["Sofie", "Max"];
const PROJECTS: [&str; 2] = ["openclaw", "elsewhere"];
/// How many agents there are at the beginning.
const AGENTS: usize = 26;
/// How many tasks are kept open.
const OPEN_TASKS: usize = 40;
const TOOLS: [&str; 4] = ["deploy_prod", "send_email", "payment", "publish"];

/// Who asks, and for what.
pub type Command = (Actor, Action);

/// Founds the projects and their squads.
pub async fn found(world: &mut World) {
    for (number, slug) in PROJECTS.into_iter().enumerate() {
        let create = Action::CreateProject { project: project(number), slug: slug.to_owned() };
        world.command(operator(0), create).await;
    }
    for (who, action) in bearers::found(world) {
        world.command(who, action).await;
    }
    for number in 0..AGENTS {
        let role = Role::ALL[number % Role::ALL.len()];
        let fresh = world.random.id();
        let mut profile = Profile::new(Name::new(&format!("Agent {number}")).unwrap(), role);
        profile.heartbeat_interval_secs = [0, 900][number % 2];
        if number % 5 == 0 {
            profile.allowed_task_types = BTreeSet::from([TaskType::Content, TaskType::Docs]);
        }
        let project = project(usize::from(number >= AGENTS * 2 / 3));
        world.command(operator(0), Action::Register { project, fresh, profile }).await;
        world.equip().await;
    }
}

/// The next commands: mostly one, some more when a worker ticks.
pub fn next(world: &mut World) -> Vec<Command> {
    match world.random.below(100) {
        0..=49 => vec![at_work(world)],
        50..=72 => vec![looking_after(world)],
        73..=91 => vec![anything(world)],
        92 => bearers::anything(world),
        93 => bursts::burst(world),
        _ => workers::ticks(world),
    }
}

pub fn project(number: usize) -> ProjectId {
    ProjectId::new(uuid::Uuid::from_u128(number as u128 + 1))
}

fn an_own_project(world: &mut World) -> ProjectId {
    project(world.random.below(PROJECTS.len()))
}

pub fn operator(number: usize) -> Actor {
    Actor::Human(Name::new(OPERATORS[number]).unwrap())
}

pub fn operators() -> BTreeSet<Name> {
    OPERATORS.iter().map(|name| Name::new(name).unwrap()).collect()
}

fn an_operator(world: &mut World) -> Actor {
    let number = world.random.below(OPERATORS.len());
    operator(number)
}

pub fn some_agent(world: &mut World) -> AgentId {
    let agents: Vec<_> = world.states.agents.keys().copied().collect();
    world.random.one_of(&agents)
}

/// Mostly one of a task's own project.
fn some_colleague(world: &mut World, task: TaskId) -> AgentId {
    let Some(project) = world.states.task(task).map(|task| task.project()) else { return some_agent(world) };
    let squad: Vec<_> =
        world.states.registered().filter(|(_, agent)| agent.project() == project).map(|(id, _)| id).collect();
    if world.random.chance(85) { world.random.one_of(&squad) } else { some_agent(world) }
}

/// One that works for itself: registered, and not crashed.
fn living_agent(world: &mut World) -> AgentId {
    let working =
        |agent: &agent::Registered| matches!(agent.status(), agent::Status::Active | agent::Status::Draining);
    let living: Vec<_> = world
        .states
        .registered()
        .filter(|(id, agent)| working(agent) && !world.crashed.contains(id))
        .map(|(id, _)| id)
        .collect();
    world.random.pick(&living).unwrap_or_else(|| some_agent(world))
}

fn some_task(world: &mut World) -> TaskId {
    let tasks: Vec<_> = world.states.tasks.keys().copied().collect();
    world.random.pick(&tasks).unwrap_or_else(|| world.random.id())
}

pub fn task_where(world: &mut World, wanted: impl Fn(&Present) -> bool) -> Option<TaskId> {
    let tasks: Vec<_> = world.states.present().filter(|(_, task)| wanted(task)).map(|(id, _)| id).collect();
    world.random.pick(&tasks)
}

fn some_run(world: &mut World) -> RunId {
    let running: Vec<_> =
        world.states.registered().flat_map(|(_, agent)| agent.open_runs().keys().copied()).collect();
    let known: Vec<_> = world.states.runs.keys().copied().collect();
    let drawn = if world.random.chance(70) { world.random.pick(&running) } else { world.random.pick(&known) };
    drawn.unwrap_or_else(|| world.random.id())
}

fn some_approval(world: &mut World, open: bool) -> Option<ApprovalId> {
    let wanted =
        world.states.approvals.iter().filter(|(_, approval)| {
            !open || approval.status().is_some_and(mc_domain::approval::Status::is_open)
        });
    let ids: Vec<_> = wanted.map(|(id, _)| *id).collect();
    world.random.pick(&ids)
}

/// The overrides that wait for a decision, whatever for.
fn overrides(world: &World) -> Vec<ApprovalId> {
    let open = world.states.approvals.iter().filter(|(_, approval)| {
        approval.requested().is_ok_and(|known| {
            known.status().is_open() && known.subject().action_type == ActionType::BudgetOverride
        })
    });
    open.map(|(id, _)| *id).collect()
}

fn cents(world: &mut World, most: usize) -> Usd {
    Usd::cents(world.random.below(most + 1) as u32)
}

/// What an agent does that goes about its work.
fn at_work(world: &mut World) -> Command {
    let id = living_agent(world);
    let agent = world.states.agent(id).unwrap().clone();
    let who = Actor::Agent(id);
    if world.random.chance(1) {
        world.crashed.insert(id);
    }
    let open: Vec<_> = agent.open_runs().keys().copied().collect();
    if let (Some(run), true) = (world.random.pick(&open), world.random.chance(65)) {
        return (who, on_run(world, run));
    }
    let unbilled: Vec<_> =
        world.ledger.unbilled().filter(|(_, agent)| *agent == id).map(|(run, _)| run).collect();
    if let (Some(run), true) = (world.random.pick(&unbilled), world.random.chance(30)) {
        let cost = world.random.chance(80).then(|| cents(world, 60));
        return (who, Action::EndRun { run, outcome: world.random.one_of(Outcome::ALL), cost });
    }
    let action = match agent.work() {
        Some(work) => on_task(world, id, work.task),
        None => without_task(world, id, &agent),
    };
    (who, action)
}

fn on_run(world: &mut World, run: RunId) -> Action {
    match world.random.below(12) {
        0..=4 => {
            let cost = if world.random.chance(80) { Some(cents(world, 45)) } else { None };
            Action::EndRun { run, outcome: Outcome::Completed, cost }
        }
        5 => Action::EndRun { run, outcome: Outcome::Failed, cost: Some(cents(world, 20)) },
        6 => a_red_tool(world, run),
        _ => Action::CallTool { run, call: tool_call(world) },
    }
}

/// Mostly one that an approval was given for, where there is one.
fn a_red_tool(world: &mut World, run: RunId) -> Action {
    let running = world.states.runs.get(&run).and_then(|run| run.running().ok());
    let agent = running.map(|running| running.terms().agent);
    let given = world.states.approvals.iter().filter_map(|(id, approval)| {
        let known = approval.requested().ok()?;
        let unused = matches!(known.stage(), approval::Stage::Approved { used_in: None, .. });
        let may = unused && known.subject().agent == agent;
        let tool = known.ask().parameters()?.get("tool")?.as_str()?;
        may.then(|| (*id, Label::new(tool).unwrap()))
    });
    let given: Vec<_> = given.collect();
    let (approval, tool) = match world.random.pick(&given).filter(|_| world.random.chance(90)) {
        Some((approval, tool)) => (Some(approval), tool),
        None => (None, Label::new(world.random.one_of(&TOOLS)).unwrap()),
    };
    // Who uses one without an approval is out of the game for a while.
    let risk = (approval.is_some() || world.random.chance(5)).then_some(ToolRisk::Red);
    Action::CallTool { run, call: ToolCall { tool, risk, approval, ..tool_call(world) } }
}

fn tool_call(world: &mut World) -> ToolCall {
    let status = [ToolStatus::Success, ToolStatus::Success, ToolStatus::Failed, ToolStatus::Denied];
    let status = world.random.one_of(&status);
    let error =
        (status == ToolStatus::Failed).then(|| reason(["timeout", "not found"][world.random.below(2)]));
    let tool = Label::new(["web_search", "shell_exec"][world.random.below(2)]).unwrap();
    let risk = world.random.one_of(&[None, Some(ToolRisk::Green), Some(ToolRisk::Yellow)]);
    ToolCall { tool, risk, approval: None, status, input_preview: None, output_preview: None, error }
}

fn on_task(world: &mut World, agent: AgentId, task: TaskId) -> Action {
    match world.random.below(20) {
        0..=8 => a_run(world, agent, Some(task)),
        9..=12 => well_prepared(world, task, Status::Review),
        13 => a_move(world, task, Status::Blocked, true),
        14 => a_move(world, task, Status::Failed, true),
        15 => ask_for_approval(world, Actor::Agent(agent), Some(task), Some(agent)),
        16 => a_spawn(world, agent),
        17 => Action::Post { task, message: a_message(world, task, MessageKind::Progress) },
        _ => a_heartbeat(world, agent, 8),
    }
}

fn without_task(world: &mut World, id: AgentId, agent: &agent::Registered) -> Action {
    let mine = |task: &Present| task.status() == Status::Assigned && task.assignees().contains(&id);
    if let (Some(task), true) = (task_where(world, mine), world.random.chance(80)) {
        return well_prepared(world, task, Status::InProgress);
    }
    let project = agent.project();
    let free = |task: &Present| task.status() == Status::Inbox && task.project() == project;
    match world.random.below(16) {
        0..=6 => match task_where(world, free) {
            Some(task) => Action::Claim { task, agent: id },
            None => a_heartbeat(world, id, 10),
        },
        7 | 8 => {
            // Its own work is nobody's to send back, which some try all the same.
            let own = world.random.chance(25);
            let reviewed =
                |task: &Present| task.status() == Status::Review && task.assignees().contains(&id) == own;
            let task = task_where(world, reviewed).unwrap_or_else(|| some_task(world));
            a_move(world, task, Status::InProgress, true)
        }
        9 => a_run(world, id, None),
        10 => a_spawn(world, id),
        11 => ask_for_approval(world, Actor::Agent(id), None, Some(id)),
        12 => {
            let task = some_task(world);
            Action::Post { task, message: a_message(world, task, MessageKind::Comment) }
        }
        _ => a_heartbeat(world, id, 10),
    }
}

fn a_run(world: &mut World, agent: AgentId, task: Option<TaskId>) -> Action {
    let estimate = match world.random.below(10) {
        0..=3 => None,
        4..=8 => Some(cents(world, 25)),
        _ => Some(cents(world, 400)),
    };
    Action::StartRun { fresh: world.random.id(), agent, task, estimate }
}

fn a_heartbeat(world: &mut World, agent: AgentId, errors: usize) -> Action {
    let session = world.random.chance(20).then(|| world.random.below(3) as u8);
    Action::Heartbeat { agent, session, error: world.random.chance(errors) }
}

fn a_spawn(world: &mut World, parent: AgentId) -> Action {
    let name = Name::new(&format!("Helper {}", world.random.below(12))).unwrap();
    let active =
        world.states.registered().filter(|(_, agent)| agent.status() == agent::Status::Active).count();
    let role = if world.random.chance(80) { Role::Intern } else { world.random.one_of(Role::ALL) };
    let profile = Profile::new(name, role);
    Action::Spawn { parent, fresh: world.random.id(), profile, active_agents: active as u32 }
}

pub fn a_move(world: &mut World, task: TaskId, to: Status, equipped: bool) -> Action {
    let hold = world.states.task(task).and_then(Present::hold);
    let lease = match world.random.below(12) {
        0 => Some(world.random.id()),
        1..=5 => hold.map(|hold| hold.lease),
        _ => None,
    };
    let to = if equipped { the_move(to) } else { Move::to(to) };
    let request = MoveTask { to: Move { lease, ..to }, assignees: None, lease: world.random.id() };
    Action::Move { task, request }
}

/// A move with all that it needs, mostly.
fn well_prepared(world: &mut World, task: TaskId, to: Status) -> Action {
    let equipped = world.random.chance(92);
    a_move(world, task, to, equipped)
}

fn the_move(to: Status) -> Move {
    let item = ChecklistItem { label: reason("sources"), checked: true, note: None };
    Move {
        reason: Some(reason("because")),
        plan: Some(WorkPlan::try_from(vec![reason("read"); 3]).unwrap()),
        deliverable: Some(an_artifact(ArtifactKind::Deliverable)),
        checklist: Some(Checklist::try_from(vec![item]).unwrap()),
        ..Move::to(to)
    }
}

fn an_artifact(kind: ArtifactKind) -> Artifact {
    let body = ArtifactBody::Content(Text::new("Three tiers.").unwrap());
    Artifact { name: Label::new("pricing.md").unwrap(), kind, body }
}

/// Some of them answer another message, or are written under a lease, which may be over.
pub fn a_message(world: &mut World, task: TaskId, kind: MessageKind) -> Message {
    let said = world.states.messages.get(&task).cloned().unwrap_or_default();
    let reply_to = world.random.pick(&said).filter(|_| world.random.chance(30));
    let hold = world.states.task(task).and_then(Present::hold);
    let lease = match world.random.below(20) {
        0 => Some(world.random.id()),
        1..=3 => hold.map(|hold| hold.lease),
        _ => None,
    };
    let mentioned =
        if world.random.chance(30) { vec![Actor::Agent(some_agent(world)), operator(0)] } else { vec![] };
    let handed_in =
        if world.random.chance(20) { vec![an_artifact(ArtifactKind::Deliverable)] } else { vec![] };
    let content = world.random.chance(95).then(|| Text::new("Half way.").unwrap());
    Message {
        id: world.random.id(),
        kind,
        content,
        artifacts: handed_in,
        mentions: mentioned.into_iter().collect(),
        reply_to,
        lease,
    }
}

fn ask_for_approval(world: &mut World, by: Actor, task: Option<TaskId>, agent: Option<AgentId>) -> Action {
    let agents_project = agent.and_then(|agent| world.states.agent(agent)).map(|agent| agent.project());
    let project = agents_project.unwrap_or_else(|| project(0));
    let lasts = [chrono::TimeDelta::minutes(5), chrono::TimeDelta::hours(24), chrono::TimeDelta::hours(2)];
    let asked = Asked {
        by,
        project,
        task,
        agent,
        action: world.random.one_of(ActionType::ALL),
        tool: world.random.one_of(&TOOLS),
        cost: world.random.chance(50).then_some(Usd::cents(50)),
        required: if world.random.chance(25) { Quorum::Two } else { Quorum::One },
        lifetime: Lifetime::new(world.random.one_of(&lasts)).unwrap(),
    };
    Action::RequestApproval { fresh: world.random.id(), asked }
}

/// What an operator does to keep things going.
fn looking_after(world: &mut World) -> Command {
    let who = an_operator(world);
    let halted =
        world.states.projects.iter().find(|(_, project)| matches!(project.squad(), Squad::Stopped(_)));
    let halted = halted.map(|(id, _)| *id);
    let action = match world.random.below(20) {
        0..=3 => care_for_inbox(world),
        4..=6 => close_a_review(world),
        7..=9 => decide_an_approval(world),
        10 | 11 => unblock(world),
        12..=14 => care_for_an_agent(world),
        15 => attend_to_an_alert(world),
        16 => reopen(world),
        17 if world.random.chance(40) => {
            let agent = some_agent(world);
            Some(correction(world, agent))
        }
        17 => Some(raise_a_cap(world)),
        18 => halted.map(|project| Action::ResumeSquad { project, agents: everyone(world) }),
        _ => revive(world),
    };
    match action {
        Some(action) => (who, action),
        None => (who, new_task(world)),
    }
}

fn everyone(world: &World) -> Vec<AgentId> {
    world.states.agents.keys().copied().collect()
}

fn care_for_inbox(world: &mut World) -> Option<Action> {
    let open = world.states.present().filter(|(_, task)| !task.status().is_closed()).count();
    if open < OPEN_TASKS {
        return Some(new_task(world));
    }
    let task = task_where(world, |task| task.status() == Status::Inbox)?;
    let project = world.states.task(task)?.project();
    let agents: Vec<_> =
        world.states.registered().filter(|(_, agent)| agent.project() == project).map(|(id, _)| id).collect();
    let assignees = crew(world.random.pick(&agents));
    Some(Action::Reassign { task, request: ReassignTask { assignees, reason: Some(reason("it fits")) } })
}

fn new_task(world: &mut World) -> Action {
    let kind = world.random.one_of(TaskType::ALL);
    let mut details = Details::titled("Research pricing", kind).unwrap();
    if world.random.chance(20) {
        details.reviewers = crew([some_agent(world)]);
    }
    let parent = world.random.chance(15).then(|| some_task(world));
    let assignees = if world.random.chance(25) { crew([some_agent(world)]) } else { BTreeSet::new() };
    let (project, fresh) = (project(world.random.below(PROJECTS.len())), world.random.id());
    Action::CreateTask { project, fresh, parent, request: CreateTask { details, assignees, open: 0 } }
}

fn close_a_review(world: &mut World) -> Option<Action> {
    let task = task_where(world, |task| task.status() == Status::Review)?;
    let to = world.random.one_of(&[
        Status::Done,
        Status::Done,
        Status::Done,
        Status::InProgress,
        Status::Assigned,
    ]);
    Some(a_move(world, task, to, true))
}

fn decide_an_approval(world: &mut World) -> Option<Action> {
    let open = world.random.chance(90);
    let approval = some_approval(world, open)?;
    Some(decision(world, approval))
}

fn decision(world: &mut World, approval: ApprovalId) -> Action {
    let answer = match world.random.below(10) {
        0..=6 => Answer::Approve { note: None },
        7 | 8 => Answer::Deny { reason: reason("not today") },
        _ => Answer::RequestRevision { note: reason("smaller") },
    };
    Action::DecideApproval { approval, answer, stale: world.random.chance(5), lease: world.random.id() }
}

fn unblock(world: &mut World) -> Option<Action> {
    let stuck = |task: &Present| {
        let waits = task.status() == Status::NeedsApproval && task.awaits().is_empty();
        waits || matches!(task.status(), Status::Blocked | Status::Failed)
    };
    let task = task_where(world, stuck)?;
    let to = world.random.one_of(&[Status::Assigned, Status::InProgress, Status::Inbox, Status::Review]);
    let Action::Move { task, request } = a_move(world, task, to, true) else { unreachable!("it is a move") };
    let assignees = if world.random.chance(50) { Some(crew([some_colleague(world, task)])) } else { None };
    Some(Action::Move { task, request: MoveTask { assignees, ..request } })
}

fn reopen(world: &mut World) -> Option<Action> {
    let task = task_where(world, |task| task.status() == Status::Done)?;
    let to = world.random.one_of(&[Status::Review, Status::Canceled]);
    Some(a_move(world, task, to, true))
}

fn care_for_an_agent(world: &mut World) -> Option<Action> {
    let stopped: Vec<_> = world
        .states
        .registered()
        .filter(|(_, agent)| agent.status() != agent::Status::Active)
        .map(|(id, agent)| (id, agent.project(), agent.profile().clone(), agent.status()))
        .collect();
    let (agent, project, profile, status) = world.random.pick(&stopped)?;
    Some(match (status, world.random.below(3)) {
        (agent::Status::Offline, _) => Action::Register { project, fresh: world.random.id(), profile },
        (_, 0) => Action::Restart { agent },
        _ => Action::Resume { agent },
    })
}

fn attend_to_an_alert(world: &mut World) -> Option<Action> {
    let known: Vec<_> = world
        .states
        .alerts
        .iter()
        .filter_map(|(key, alert)| Some((*key, alert.episode().ok()?.id())))
        .collect();
    let (alert, id) = world.random.pick(&known)?;
    let how = world.random.one_of(&[Attention::Acknowledge, Attention::Resolve, Attention::Ignore]);
    Some(Action::Attend { alert, id, how })
}

fn raise_a_cap(world: &mut World) -> Action {
    let agent = some_agent(world);
    let profile = world.states.agent(agent).unwrap().profile().clone();
    let caps = Caps { daily: profile.caps.daily.plus(cents(world, 300)), per_run: profile.caps.per_run };
    Action::ChangeProfile { agent, profile: Profile { caps, ..profile }, overrides: overrides(world) }
}

/// Somebody starts a crashed agent again.
fn revive(world: &mut World) -> Option<Action> {
    let crashed: Vec<_> = world.crashed.iter().copied().collect();
    let agent = world.random.pick(&crashed)?;
    world.crashed.remove(&agent);
    Some(Action::Restart { agent })
}

pub fn anybody(world: &mut World) -> Actor {
    match world.random.below(10) {
        0..=3 => an_operator(world),
        4 => world.system("monitor"),
        _ => Actor::Agent(some_agent(world)),
    }
}

/// Anybody asks for anything.
fn anything(world: &mut World) -> Command {
    let who = anybody(world);
    let action = match world.random.below(10) {
        0 => on_any_project(world),
        1 | 2 => on_any_agent(world),
        3..=5 => on_any_task(world),
        6 if world.random.chance(20) => return no_longer_told(world, who),
        6 => on_any_run(world),
        7 | 8 => return on_any_approval(world, who),
        _ => on_any_other(world),
    };
    // No worker of ours closes alerts at will.
    let operators_own = matches!(action, Action::Attend { .. }) && who.agent().is_none();
    (if operators_own { operator(0) } else { who }, action)
}

/// Mostly somebody who had asked to be told.
fn no_longer_told(world: &mut World, who: Actor) -> Command {
    let followed = task_where(world, |task| !task.subscribers().is_empty());
    let task = followed.filter(|_| world.random.chance(80)).unwrap_or_else(|| world.random.id());
    let subscribers = world.states.task(task).map(|task| task.subscribers().clone()).unwrap_or_default();
    let subscribers: Vec<_> = subscribers.into_iter().collect();
    (world.random.pick(&subscribers).unwrap_or(who), Action::Unsubscribe { task })
}

fn on_any_project(world: &mut World) -> Action {
    let (project, agents) = (project(world.random.below(PROJECTS.len() + 1)), everyone(world));
    match world.random.below(16) {
        0 => Action::CreateProject { project, slug: PROJECTS[world.random.below(2)].to_owned() },
        1 | 2 => {
            let daily_cap =
                world.random.chance(60).then(|| Usd::cents(3000 + world.random.below(3000) as u32));
            Action::EditProject { project, daily_cap }
        }
        3 => Action::HaltSquad { project, halt: Halt::Pause },
        4 => Action::HaltSquad { project, halt: Halt::Emergency },
        10 => what_follows(world, project),
        5 | 9 => {
            let scope = if world.random.chance(40) { Scope::Global } else { Scope::Project(project) };
            a_policy(world, scope)
        }
        6..=8 => {
            let profile = a_profile(world);
            Action::Register { project, fresh: world.random.id(), profile }
        }
        _ => Action::ResumeSquad { project, agents },
    }
}

/// Mostly from the halt of the project that is the latest.
fn what_follows(world: &mut World, project: ProjectId) -> Action {
    let latest = world.states.projects.get(&project).map_or(0, Project::halts);
    let number = if world.random.chance(80) { latest } else { world.random.below(4) as u64 };
    match world.random.below(2) {
        0 => Action::FollowHalt { project, number, agents: everyone(world) },
        _ => {
            let tasks = world.states.tasks.keys().copied().collect();
            Action::BlockHalted { project, number, tasks }
        }
    }
}

fn a_policy(world: &mut World, scope: Scope) -> Action {
    let drafts = [Draft::Default, Draft::Stricter, Draft::Looser, Draft::Malformed];
    let draft = world.random.one_of(&drafts);
    let document = Box::new(policies::document(draft, &mut world.random));
    Action::PublishPolicy { scope, draft, document }
}

fn a_profile(world: &mut World) -> Profile {
    let name = Name::new(&format!("Agent {}", world.random.below(AGENTS + 4))).unwrap();
    Profile::new(name, world.random.one_of(Role::ALL))
}

fn on_any_agent(world: &mut World) -> Action {
    let agent = some_agent(world);
    if world.random.chance(15) {
        return by_a_worker(world);
    }
    match world.random.below(20) {
        0 => Action::Pause {
            agent,
            reason: world.random.one_of(&[PauseReason::Operator, PauseReason::ErrorStreak]),
        },
        1 => Action::Resume { agent },
        2 | 3 => Action::Drain { agent },
        4 => Action::Quarantine { agent },
        5 => Action::SignOff { agent },
        6 => Action::Restart { agent },
        7 => correction(world, agent),
        8 | 9 => raise_a_cap(world),
        10 => Action::ChangeProfile { agent, profile: a_profile(world), overrides: overrides(world) },
        11 => Action::MarkStale { agent },
        12 => a_spawn(world, agent),
        13..=16 => a_heartbeat(world, agent, 70),
        17 => {
            let profile = world.states.agent(agent).unwrap().profile().clone();
            let caps = Caps { daily: cents(world, 400), per_run: cents(world, 80) };
            Action::ChangeProfile { agent, profile: Profile { caps, ..profile }, overrides: overrides(world) }
        }
        _ => a_heartbeat(world, agent, 10),
    }
}

/// What workers do, whoever asks for it, and whether it is due or not; now and then for somebody who does not exist.
fn by_a_worker(world: &mut World) -> Action {
    let agent = if world.random.chance(40) { world.random.id() } else { some_agent(world) };
    let work = world.states.agent(agent).and_then(|agent| agent.work());
    match world.random.below(9) {
        0 => Action::MarkStale { agent },
        1 => Action::MarkHeard { agent },
        2 => Action::EndDrain { agent },
        3 => Action::Resume { agent },
        4 if world.random.chance(70) => {
            let project = project(world.random.below(PROJECTS.len()));
            what_follows(world, project)
        }
        4 => Action::Pause { agent, reason: PauseReason::Operator },
        5 => {
            let parent = world.states.agent(agent).and_then(|agent| agent.parent());
            Action::Retire { child: agent, parent, cause: RetirementCause::TimeIsUp }
        }
        _ => {
            let lease = work.map_or_else(|| world.random.id(), |work| work.lease);
            Action::EndLease { agent, lease, heard: world.now - chrono::TimeDelta::hours(1) }
        }
    }
}

fn correction(world: &mut World, agent: AgentId) -> Action {
    let corrections = Corrections {
        status: world.random.chance(50).then(|| world.random.one_of(agent::Status::ALL)),
        error_streak: world.random.chance(50).then(|| world.random.below(6) as u32),
        today_spend: world.random.chance(50).then(|| cents(world, 500)),
    };
    Action::Correct { agent, request: CorrectAgent { corrections, clear_task: world.random.chance(50) } }
}

fn on_any_task(world: &mut World) -> Action {
    let task = some_task(world);
    match world.random.below(19) {
        0 => new_task(world),
        8 => {
            let closed =
                task_where(world, |task| task.status().is_closed()).filter(|_| world.random.chance(60));
            Action::Archive { task: closed.unwrap_or(task) }
        }
        9 => {
            let archived = task_where(world, |task| task.archived()).filter(|_| world.random.chance(80));
            Action::Restore { task: archived.unwrap_or(task) }
        }
        10 => Action::Subscribe { task: if world.random.chance(10) { world.random.id() } else { task } },
        1 => Action::EditTask { task, details: other_details(world, task), overrides: overrides(world) },
        2 => Action::Claim { task, agent: some_colleague(world, task) },
        3 | 4 => {
            let held = |task: &Present| matches!(task.status(), Status::InProgress | Status::Review);
            let task = task_where(world, held).filter(|_| world.random.chance(50)).unwrap_or(task);
            let mut assignees: BTreeSet<_> =
                (0..world.random.below(3)).map(|_| some_colleague(world, task)).collect();
            if let (Some(present), true) = (world.states.task(task), world.random.chance(30)) {
                assignees.extend(present.assignees().clone());
            }
            let reason = world.random.chance(50).then(|| reason("someone else"));
            Action::Reassign { task, request: ReassignTask { assignees, reason } }
        }
        5..=7 => {
            // Mostly in one task, so that the discussion becomes a loop now and then.
            let talked_of = task_where(world, |task| task.status() == Status::InProgress);
            let task = talked_of.filter(|_| world.random.chance(80)).unwrap_or(task);
            let kind = world.random.one_of(MessageKind::ALL);
            Action::Post { task, message: a_message(world, task, kind) }
        }
        _ => {
            let (to, equipped) = (world.random.one_of(Status::ALL), world.random.chance(85));
            a_move(world, task, to, equipped)
        }
    }
}

/// Some of what a task is about, edited.
fn other_details(world: &mut World, task: TaskId) -> Details {
    let known = world.states.task(task).map(|task| task.details().clone());
    let mut details = known.unwrap_or_else(|| Details::titled("Research prices", TaskType::Docs).unwrap());
    match world.random.below(7) {
        0 => details.kind = world.random.one_of(TaskType::ALL),
        1 => details.title = Title::new(world.random.one_of(&["Research prices", "Compare prices"])).unwrap(),
        2 => details.description = Text::new("All three tiers.").ok(),
        3 => details.priority = Priority::try_from(1 + world.random.below(4) as u32).unwrap(),
        4 => details.labels = BTreeSet::from([Label::new("pricing").unwrap()]),
        5 => details.due_at = Some(world.now + chrono::TimeDelta::days(1)),
        _ => {
            details.reviewers = crew([some_colleague(world, task)]);
            details.estimated_cost = Some(cents(world, 300));
        }
    }
    if world.random.chance(40) {
        details.budget = Usd::cents(100 + world.random.below(900) as u32);
    }
    details
}

fn on_any_run(world: &mut World) -> Action {
    let (run, agent) = (some_run(world), some_agent(world));
    match world.random.below(6) {
        0 => {
            let task = world.random.chance(70).then(|| some_task(world));
            a_run(world, agent, task)
        }
        1 | 2 => {
            let cost = world.random.chance(60).then(|| cents(world, 120));
            Action::EndRun { run, outcome: world.random.one_of(Outcome::ALL), cost }
        }
        3 => Action::TimeOutRun { run },
        4 => a_red_tool(world, run),
        _ => Action::CallTool { run, call: tool_call(world) },
    }
}

fn on_any_approval(world: &mut World, who: Actor) -> Command {
    let open = world.random.chance(85);
    let known = some_approval(world, open);
    let Some(approval) = known.filter(|_| world.random.chance(75)) else {
        let action = any_request(world, &who);
        return (who, action);
    };
    let requestor = world.states.approvals[&approval].requested().unwrap().requestor().clone();
    let who = if world.random.chance(50) { requestor } else { who };
    let action = match world.random.below(8) {
        0 | 1 => decision(world, approval),
        2 | 3 => Action::WithdrawApproval { approval, lease: world.random.id() },
        4 | 5 => Action::ResubmitApproval { approval, tool: world.random.one_of(&TOOLS) },
        6 => Action::EscalateApproval { approval },
        _ => Action::ExpireApproval { approval },
    };
    (who, action)
}

/// Also for a task that waits for another approval already.
fn any_request(world: &mut World, who: &Actor) -> Action {
    let waits = |task: &Present| task.status() == Status::NeedsApproval;
    let waiting = task_where(world, waits).filter(|_| world.random.chance(40));
    let task = waiting.or_else(|| world.random.chance(70).then(|| some_task(world)));
    let agent = match task {
        Some(task) => Some(some_colleague(world, task)),
        None => world.random.chance(70).then(|| some_agent(world)),
    };
    let by = if world.random.chance(80) { who.clone() } else { operator(1) };
    ask_for_approval(world, by, task, agent)
}

/// One that was queued before, mostly.
fn a_notice(world: &mut World) -> Action {
    let told: Vec<_> = world.history.iter().rev().take(200).collect();
    let notices: Vec<_> =
        told.into_iter().flat_map(|recorded| notifications(recorded, &world.states)).collect();
    match world.random.pick(&notices) {
        Some(notice) => Action::Notify { notice },
        None => Action::RecordStandup {
            key: standup::Key { project: an_own_project(world), day: world.now.date_naive() },
            report: Report::default(),
        },
    }
}

fn on_any_other(world: &mut World) -> Action {
    let recent: Vec<_> = world.states.notifications.keys().copied().collect();
    let notification = world.random.pick(&recent).unwrap_or_else(|| world.random.id());
    let project = world.states.told_in.get(&notification).copied();
    match world.random.below(7) {
        6 => a_notice(world),
        5 => {
            let key = standup::Key { project: an_own_project(world), day: world.now.date_naive() };
            Action::RecordStandup { key, report: Report::default() }
        }
        0 => attend_to_an_alert(world).unwrap_or(Action::Attend {
            alert: alert::Key::new(alert::Kind::AgentStale, alert::Subject::Log),
            id: world.random.id(),
            how: Attention::Resolve,
        }),
        1 => Action::DeliverNotification { notification, project },
        2 => Action::FailNotification { notification, project },
        3 => Action::ExpireNotification { notification, project },
        _ => Action::ReadNotification { notification, project },
    }
}
