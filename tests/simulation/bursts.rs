//! What hardly happens by chance: somebody does the same thing over and over.

use mc_domain::{
    actor::Actor,
    ids::{AgentId, TaskId},
    money::Usd,
    run::{Outcome, ToolCall, ToolStatus},
    task::{MessageKind, Present, Status},
    values::Label,
};

use crate::{
    actions::{Action, reason},
    draw::{Command, a_message, a_move, operator, task_where},
    world::World,
};

/// A task in progress, or else nothing, is gone on with in circles.
pub fn burst(world: &mut World) -> Vec<Command> {
    let Some(task) = task_where(world, |task| task.status() == Status::InProgress) else { return vec![] };
    let holder = world.states.task(task).and_then(Present::hold).unwrap().holder;
    match world.random.below(8) {
        0 => (0..25).map(|_| said(world, operator(0), task)).collect(),
        1 => quarrel(world, task, holder),
        2 => (0..5).flat_map(|_| review(world, task, holder)).collect(),
        3 => (0..5).flat_map(|_| to_and_fro(world, task)).collect(),
        4 => failing_tools(world, task, holder),
        5 => (0..6).flat_map(|_| a_run(world, task, holder, Outcome::Failed, 1)).collect(),
        6 => (0..6).map(|_| left_open(world, task, holder)).collect(),
        _ => (0..12).flat_map(|_| a_run(world, task, holder, Outcome::Completed, 70)).collect(),
    }
}

fn said(world: &mut World, who: Actor, task: TaskId) -> Command {
    (who, Action::Post { task, message: a_message(world, task, MessageKind::Comment) })
}

fn quarrel(world: &mut World, task: TaskId, holder: AgentId) -> Vec<Command> {
    let project = world.states.task(task).unwrap().project();
    let other =
        |agent: &mc_domain::agent::Registered| agent.project() == project && agent.may_speak().is_ok();
    let others: Vec<_> = world
        .states
        .registered()
        .filter(|(id, agent)| *id != holder && other(agent))
        .map(|(id, _)| id)
        .collect();
    let Some(other) = world.random.pick(&others) else { return vec![] };
    (0..12).map(|turn| said(world, Actor::Agent([holder, other][turn % 2]), task)).collect()
}

fn review(world: &mut World, task: TaskId, holder: AgentId) -> Vec<Command> {
    let submit = a_move(world, task, Status::Review, true);
    let send_back = a_move(world, task, Status::InProgress, true);
    vec![(Actor::Agent(holder), submit), (operator(1), send_back)]
}

fn to_and_fro(world: &mut World, task: TaskId) -> Vec<Command> {
    let to = [Status::Assigned, Status::InProgress];
    to.into_iter().map(|to| (operator(0), a_move(world, task, to, true))).collect()
}

fn failing_tools(world: &mut World, task: TaskId, agent: AgentId) -> Vec<Command> {
    let run = world.random.id();
    let start = Action::StartRun { fresh: run, agent, task: Some(task), estimate: Some(Usd::cents(5)) };
    let call = ToolCall {
        tool: Label::new("web_search").unwrap(),
        risk: None,
        approval: None,
        status: ToolStatus::Failed,
        input_preview: None,
        output_preview: None,
        error: Some(reason("no such host")),
    };
    let calls = (0..4).map(|_| Action::CallTool { run, call: call.clone() });
    [start].into_iter().chain(calls).map(|action| (Actor::Agent(agent), action)).collect()
}

/// A run that nobody ends.
fn left_open(world: &mut World, task: TaskId, agent: AgentId) -> Command {
    let (fresh, cents) = (world.random.id(), 20 + world.random.below(40) as u32);
    let start = Action::StartRun { fresh, agent, task: Some(task), estimate: Some(Usd::cents(cents)) };
    (Actor::Agent(agent), start)
}

fn a_run(world: &mut World, task: TaskId, agent: AgentId, outcome: Outcome, cents: u32) -> Vec<Command> {
    let run = world.random.id();
    let start = Action::StartRun { fresh: run, agent, task: Some(task), estimate: Some(Usd::cents(20)) };
    let end = Action::EndRun { run, outcome, cost: Some(Usd::cents(cents)) };
    [start, end].into_iter().map(|action| (Actor::Agent(agent), action)).collect()
}
